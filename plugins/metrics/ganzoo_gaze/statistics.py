"""Angular errors as scores, with intervals over people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.metric import Bin, DomainName, Score
from ganzoo.task import GazeTask

RESAMPLES, BOOTSTRAP_SEED = 2_000, 0
BIN_DEG, FEW = 5.0, 10  # width of the bins of true angles; minimum images of a bin
CLOSE_DEG = 7.0  # Shrivastava et al. 2017, figure 8 and table 3, compare methods by the share within it

AXES = {"pitch": 0, "yaw": 1}  # columns of a label

Statistic = Callable[[np.ndarray], float]


def labels_of(domain: Domain) -> Tensor:
    """Pitch and yaw [N, 2] in radians. Raises MetricUnavailableError if the images have no labels."""
    if domain.labels is None:
        raise MetricUnavailableError(f"the {domain.name.replace('_', ' ')} images have no gaze labels")
    return torch.from_numpy(np.array(domain.labels, np.float32))


def people_of(domain: Domain) -> int | None:
    """How many people the images show; None if unknown."""
    return None if domain.groups is None else len(np.unique(domain.groups))


def resampling_unit(domain: Domain) -> str:
    """What a bootstrap draws: people if there are several, else images."""
    return "people" if (people_of(domain) or 0) > 1 else "images"


def bootstrap_interval(values: np.ndarray, domain: Domain, statistic: Statistic) -> tuple[float, float]:
    """The 95 % percentile interval of a statistic of one value an image [N], resampling people if there are several.

    Images of one person are not independent samples, so an interval over images alone would be far too narrow.
    """
    random = np.random.default_rng(BOOTSTRAP_SEED)
    if resampling_unit(domain) == "people":
        groups = np.asarray(domain.groups)
        people = [values[groups == person] for person in np.unique(groups)]
        drawn = (
            np.concatenate([people[person] for person in random.integers(len(people), size=len(people))])
            for _ in range(RESAMPLES)
        )
    else:
        drawn = (values[random.integers(len(values), size=len(values))] for _ in range(RESAMPLES))
    low, high = np.percentile([statistic(resampled) for resampled in drawn], [2.5, 97.5])
    return float(low), float(high)


def interval_card(domain: Domain, origin: DomainName) -> dict[str, Any]:
    """What a reader must know of the images that were measured, and of the intervals."""
    return {
        "measured_on": origin,
        "images": len(domain),
        "people": people_of(domain),
        "fingerprint": domain.fingerprint(),
        "interval": f"95 % percentile bootstrap over {resampling_unit(domain)}, {RESAMPLES} resamples",
        "bootstrap_seed": BOOTSTRAP_SEED,
    }


def few_people(domain: Domain) -> str:
    """A warning if the scores do not cover other people; empty if there are several."""
    return "" if resampling_unit(domain) == "people" else "of one person or unknown people: says nothing of others"


def gaze_scores(
    prefix: str, subject: str, prediction: Tensor, truth: Domain, task: GazeTask, card: Mapping[str, Any]
) -> list[Score]:
    """The scores of predicted pitch and yaw [N, 2] in radians for labelled real images; names begin with `prefix`."""
    labels = labels_of(truth)
    error = task.error(prediction, labels).double().numpy()
    facts = {**card, **interval_card(truth, "target_test")}
    warning = few_people(truth)

    def score(name: str, unit: str, better: Any, statistic: Statistic, headline: bool = True, **more: Any) -> Score:
        low, high = bootstrap_interval(error, truth, statistic)
        value = statistic(error)
        return Score(prefix + name, value, subject, unit, better, low, high, "", warning, headline, facts, **more)

    angles = {f"true {axis} (deg)": np.rad2deg(labels[:, column].double().numpy()) for axis, column in AXES.items()}
    profiles = {name: profile(error, angle) for name, angle in angles.items()}
    scores = [
        score("gaze_error_deg", "deg", "lower", lambda errors: float(errors.mean()), profiles=profiles),
        score("gaze_within_7_deg", "%", "higher", lambda errors: float(100 * (errors < CLOSE_DEG).mean())),
        score("gaze_error_median_deg", "deg", "lower", lambda errors: float(np.median(errors)), headline=False),
    ]
    predicted_deg, true_deg = np.rad2deg(prediction.double().numpy()), np.rad2deg(labels.double().numpy())
    for axis, column in AXES.items():
        for fact, value in axis_facts(predicted_deg[:, column], true_deg[:, column]).items():
            reason = "" if value is not None else "either the predictions or the labels are all alike"
            unit = "deg" if fact == "bias_deg" else ""
            name = f"{prefix}gaze_{axis}_{fact}"
            scores.append(Score(name, value, subject, unit, reason=reason, headline=False, card=facts))
    return scores


def profile(errors: np.ndarray, angle: np.ndarray) -> Sequence[Bin]:
    """The mean of errors [N] in bins of an angle [N] in degrees: shows where a method fails, which the mean hides."""
    places = np.floor(angle / BIN_DEG).astype(int)
    found = []
    for place in np.unique(places):
        here = errors[places == place]
        if len(here) >= FEW:
            found.append(Bin(place * BIN_DEG, (place + 1) * BIN_DEG, float(here.mean()), len(here)))
    return found


def axis_facts(predicted: np.ndarray, true: np.ndarray) -> dict[str, float | None]:
    """Bias, slope of the predicted over the true angle, and their correlation; None if one is undefined."""
    moved, spread = predicted - predicted.mean(), true - true.mean()
    together, of_true, of_predicted = (moved * spread).mean(), (spread**2).mean(), (moved**2).mean()
    least, alike = min(of_true, of_predicted), 1e-12  # squared degrees
    return {
        "bias_deg": float((predicted - true).mean()),
        "slope": float(together / of_true) if of_true > alike else None,
        "correlation": float(together / np.sqrt(of_true * of_predicted)) if least > alike else None,
    }
