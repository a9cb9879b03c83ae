"""`downstream-gaze-error`, `gaze-error` and `label-drift` on methods whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ganzoo_gaze.direct import GazeError
from ganzoo_gaze.downstream import DownstreamGazeError
from ganzoo_gaze.drift import LabelDrift
from ganzoo_gaze.extractor import GazeFeatures
from ganzoo_gaze.statistics import axis_facts, bootstrap_interval, gaze_scores, profile, resampling_unit
from ganzoo_gaze.training import GazeTraining, predict, train
from torch import Tensor

from ganzoo.batch import image_spec
from ganzoo.dataset import Dataset, Domain
from ganzoo.discovery.registry import Registry, registry
from ganzoo.errors import MetricUnavailableError
from ganzoo.evaluation.evaluate import TrainedEvaluation
from ganzoo.method import Method
from ganzoo.metric import Score
from ganzoo.nn.predictor import Predictor, PredictorConfig
from ganzoo.settings import Settings
from ganzoo.task import ClassTask, GazeTask, Task

SHORT = GazeTraining(steps=3, batch_size=8)
SPEC = image_spec(1, 24, 40, GazeTask())


class Identity(Method):
    name, summary, paper, Config = "identity", "", "", Settings

    def __init__(self) -> None:
        super().__init__(Settings(), SPEC)

    def phases(self):
        return {}

    def refine(self, source: Tensor) -> Tensor:
        return source


class MovedByTwo(Identity):
    """Moves every image two pixels to the right."""

    def refine(self, source: Tensor) -> Tensor:
        return source.roll(2, dims=3)


class Straight(Identity):
    """Predicts a gaze straight ahead."""

    def predict(self, images: Tensor) -> Tensor:
        return torch.zeros(len(images), 2)


def evaluation(method: Method, dataset: Dataset) -> TrainedEvaluation:
    return TrainedEvaluation(
        method, dataset, seed=0, samples=50, extractors={"gaze": GazeFeatures}, precision="fp32",
        capabilities=registry().found["capabilities"],
    )  # fmt: skip


@pytest.fixture
def toy(toys: Registry) -> Dataset:
    cls = toys.get("datasets", "toy")
    return cls(cls.Config())


def by_name(scores: list[Score], subject: str = "method") -> dict[str, Score]:
    return {score.name: score for score in scores if score.subject == subject}


def labelled(labels: np.ndarray, groups: np.ndarray | None = None) -> Domain:
    return Domain("test", np.zeros((len(labels), 1, 1, 1), np.uint8), labels.astype(np.float32), groups)


def test_a_method_that_returns_its_input_drifts_by_nothing(toy: Dataset) -> None:
    scores = by_name(LabelDrift(SHORT).measure(evaluation(Identity(), toy)))
    assert set(scores) == {"label_drift_deg", "label_drift_median_deg", "label_error_change_deg", "pupil_shift_px"}
    for score in scores.values():
        assert (score.value, score.low, score.high) == pytest.approx((0, 0, 0), abs=1e-5)


def test_a_method_that_moves_the_image_by_two_pixels_moves_the_pupil_by_two(toy: Dataset) -> None:
    scores = by_name(LabelDrift(SHORT).measure(evaluation(MovedByTwo(), toy)))
    assert scores["pupil_shift_px"].value == pytest.approx(2, abs=0.2)
    assert scores["label_drift_deg"].value > 0


def test_drift_is_measured_on_held_out_images_and_its_card_has_the_judges_own_error(toy: Dataset) -> None:
    card = by_name(LabelDrift(SHORT).measure(evaluation(Identity(), toy)))["label_drift_deg"].card
    assert card["measured_on"] == "source_test"
    assert set(card["judge_error_deg"]) == {"source_test", "target_test"}


def test_without_held_out_images_drift_is_measured_on_the_training_images_and_the_card_says_so(
    toy: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toy, "source_test", lambda: None)
    score = by_name(LabelDrift(SHORT).measure(evaluation(Identity(), toy)))["label_drift_deg"]
    assert score.card["measured_on"] == "source"


def test_the_detectors_own_error_stands_in_the_card_where_the_true_pupil_is_known(
    toy: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = toy.source_test()
    assert part is not None
    assert part.labels is not None
    true = np.stack([20 - 30 * part.labels[:, 1], 12 - 20 * part.labels[:, 0]], 1)
    known = Domain(part.name, part.images, part.labels, part.groups, {"pupil_center": true})
    monkeypatch.setattr(toy, "source_test", lambda: known)
    card = by_name(LabelDrift(SHORT).measure(evaluation(Identity(), toy)))["pupil_shift_px"].card
    assert 0 < card["detector_error_px"]["median"] < 1


def test_training_on_unchanged_images_is_training_on_the_source(toy: Dataset) -> None:
    scores = DownstreamGazeError(SHORT).measure(evaluation(Identity(), toy))
    method, source_only = by_name(scores), by_name(scores, "source-only")
    assert {name: score.value for name, score in method.items()} == {n: s.value for n, s in source_only.items()}
    assert method["gaze_error_deg"].card == source_only["gaze_error_deg"].card


def test_what_refining_does_to_the_images_changes_what_the_network_learns(toy: Dataset) -> None:
    scores = DownstreamGazeError(SHORT).measure(evaluation(MovedByTwo(), toy))
    assert by_name(scores)["gaze_error_deg"].value != by_name(scores, "source-only")["gaze_error_deg"].value


def test_the_judge_the_source_only_network_and_the_extractor_are_one_network(
    toy: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganzoo_gaze.extractor.GazeTraining", lambda: SHORT)
    data = evaluation(Identity(), toy)
    fitted = []
    fit = data.fit
    monkeypatch.setattr(data, "fit", lambda *args, **keys: fitted.append(fit(*args, **keys)) or fitted[-1])
    LabelDrift(SHORT).measure(data)
    DownstreamGazeError(SHORT).measure(data)
    data.extractor("gaze")
    weights = [torch.cat([weight.flatten() for weight in network.parameters()]) for network in fitted]
    assert len(weights) == 4
    assert all(torch.equal(weights[0], other) for other in weights[1:])


def test_the_constant_rival_predicts_the_mean_source_label(toy: Dataset) -> None:
    constant = by_name(DownstreamGazeError(SHORT).measure(evaluation(Identity(), toy)), "constant")
    source, test = toy.source().labels, toy.target_test().labels  # type: ignore[union-attr]
    task = GazeTask()
    mean = torch.from_numpy(source.mean(0, keepdims=True))
    expected = task.error(mean.expand(len(test), -1), torch.from_numpy(test)).mean().item()
    assert constant["gaze_error_deg"].value == pytest.approx(expected, rel=1e-5)
    assert constant["gaze_yaw_slope"].value == pytest.approx(0, abs=1e-6)
    assert constant["gaze_yaw_correlation"].value is None
    assert "all alike" in constant["gaze_yaw_correlation"].reason


def test_predictions_of_the_method_itself_are_measured_as_they_are(toy: Dataset) -> None:
    scores = by_name(GazeError(SHORT).measure(evaluation(Straight(), toy)))
    labels = torch.from_numpy(toy.target_test().labels)  # type: ignore[union-attr]
    expected = torch.rad2deg(torch.acos(labels[:, 0].cos() * labels[:, 1].cos())).mean().item()
    assert scores["direct_gaze_error_deg"].value == pytest.approx(expected, rel=1e-4)


def test_three_scores_of_a_trained_network_are_headlines_at_most(toy: Dataset) -> None:
    scores = by_name(DownstreamGazeError(SHORT).measure(evaluation(Identity(), toy)))
    assert [name for name, score in scores.items() if score.headline] == ["gaze_error_deg", "gaze_within_7_deg"]


class Classes(Dataset):
    name, summary, homepage, license, Config = "classes", "", "", "", Settings
    task: Task = ClassTask(2)

    def source(self) -> Domain:
        return Domain("source", np.zeros((4, 1, 24, 40), np.uint8), np.zeros((4, 1), np.float32))

    target = target_test = source_test = source


@pytest.mark.parametrize("metric", [DownstreamGazeError, GazeError, LabelDrift])
def test_data_without_gaze_is_refused_in_words(metric: type) -> None:
    with pytest.raises(MetricUnavailableError, match="needs gaze labels"):
        metric(SHORT).measure(evaluation(Straight(), Classes(Settings())))


def test_a_test_set_without_labels_is_refused_in_words(toy: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = toy.target().unlabelled()
    monkeypatch.setattr(toy, "target_test", lambda: bare)
    with pytest.raises(MetricUnavailableError, match="have no gaze labels"):
        GazeError(SHORT).measure(evaluation(Straight(), toy))


def test_bias_slope_and_correlation_are_those_of_a_known_line() -> None:
    true = np.linspace(-10, 10, 50)
    facts = axis_facts(0.5 * true + 3, true)
    assert facts == pytest.approx({"bias_deg": 3, "slope": 0.5, "correlation": 1})
    assert axis_facts(-true, true)["correlation"] == pytest.approx(-1)


def test_share_and_median_are_those_of_known_errors() -> None:
    degrees = np.array([1.0, 2.0, 6.9, 7.1, 20.0])
    prediction = torch.from_numpy(np.deg2rad(np.stack([degrees, np.zeros(5)], 1))).float()
    scores = by_name(gaze_scores("", "method", prediction, labelled(np.zeros((5, 2))), GazeTask(), {}))
    assert scores["gaze_within_7_deg"].value == pytest.approx(60)
    assert scores["gaze_error_median_deg"].value == pytest.approx(6.9, rel=1e-5)
    assert scores["gaze_error_deg"].value == pytest.approx(degrees.mean(), rel=1e-5)
    assert "says nothing of others" in scores["gaze_error_deg"].warning


def test_intervals_over_images_cover_the_mean_as_often_as_they_say() -> None:
    random = np.random.default_rng(0)
    images = labelled(np.zeros((60, 2)))
    covered = 0
    for _ in range(60):
        low, high = bootstrap_interval(random.normal(5, 2, 60), images, lambda values: float(values.mean()))
        covered += low <= 5 <= high
    assert covered >= 52


def test_intervals_over_people_are_as_wide_as_people_differ() -> None:
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 30)
    values = random.normal(5, 3, 12)[groups] + random.normal(0, 0.5, 360)  # people differ, their images hardly
    people, images = labelled(np.zeros((360, 2)), groups), labelled(np.zeros((360, 2)))
    assert (resampling_unit(people), resampling_unit(images)) == ("people", "images")
    (low, high), (near, far) = (bootstrap_interval(values, domain, np.mean) for domain in (people, images))
    assert high - low == pytest.approx(2 * 1.96 * values.reshape(12, 30).mean(1).std() / np.sqrt(12), rel=0.15)
    assert high - low > 3 * (far - near)


def test_the_profile_is_the_mean_error_of_each_bin_of_five_degrees_that_has_ten_images() -> None:
    angle = np.array([1.0] * 10 + [4.9] * 10 + [5.0] * 12 + [-0.1] * 9)
    errors = np.array([2.0] * 10 + [4.0] * 10 + [7.0] * 12 + [99.0] * 9)
    assert [(each.low, each.high, each.value, each.count) for each in profile(errors, angle)] == [
        (0, 5, 3.0, 20),
        (5, 10, 7.0, 12),
    ]


def test_the_small_network_is_that_of_source_only_and_takes_images_too_small_for_the_papers(toy: Dataset) -> None:
    source = toy.source()
    tiny = Domain("source", np.ascontiguousarray(source.images[:, :, 8:17, 12:27]), source.labels)
    spec = image_spec(1, 9, 15, GazeTask())
    data = evaluation(Identity(), toy)
    data.spec = spec
    with pytest.raises(MetricUnavailableError, match="too small for the paper's gaze network"):
        train(data, tiny, SHORT)
    fitted = train(data, tiny, GazeTraining(network="small", steps=3, batch_size=8))
    theirs = Predictor(PredictorConfig(), spec.image_shape, spec.task, batch_norm=True)
    assert {name: weight.shape for name, weight in fitted.predictor.state_dict().items()} == {
        name: weight.shape for name, weight in theirs.state_dict().items()
    }
    assert predict(data, fitted, tiny.images).shape == (len(tiny), 2)
