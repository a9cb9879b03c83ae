"""Methods that predict labels as estimators of scikit-learn: `fit(X, y, X_target)` and `predict(X)`.

It needs scikit-learn (`pip install 'ganzoo[sklearn]'`), which `import ganzoo` does not import.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

import ganzoo
from ganzoo.discovery.registry import registry
from ganzoo.errors import UsageError
from ganzoo.system.atomic import replacing

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import (
        check_array,
        check_consistent_length,
        check_is_fitted,
        column_or_1d,
        validate_data,
    )
except ImportError as error:
    said = f"ganzoo.sklearn needs scikit-learn 1.6 or later: pip install 'ganzoo[sklearn]' ({error})"
    raise ImportError(said) from error

VECTOR_BACKBONE = "mlp"  # of a predictor whose default reads images
FILES = ("source.npz", "target.npz")  # in the folder `out`, beside the run


class _Adapted(BaseEstimator):
    """What both estimators share: data as files, a run of ganzoo, and its predictions."""

    def __init__(
        self,
        method: str = "ddc",
        *,
        preset: str | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        settings: Mapping[str, Any] | None = None,
        random_state: Any = 0,
        device: str = "auto",
        out: str | os.PathLike[str] | None = None,
        verbose: bool = False,
    ) -> None:
        self.method = method
        self.preset = preset
        self.steps = steps
        self.batch_size = batch_size
        self.settings = settings
        self.random_state = random_state
        self.device = device
        self.out = out
        self.verbose = verbose

    def _checked(self, X: Any, *, reset: bool = False) -> np.ndarray:  # noqa: N803
        """Images uint8 [N, H, W, C], or vectors float32 [N, D]. With `reset`, what `fit` was given.

        Raises ValueError, in scikit-learn's words, for anything else.
        """
        images = _images(X)
        if images is None:
            shape = None if reset else getattr(self, "image_shape_", None)
            if shape is not None:
                raise ValueError(f"X must be images, uint8 [N, {shape[0]}, {shape[1]}]")
            vectors: np.ndarray = validate_data(self, X, reset=reset, dtype=np.float32)
            if reset:
                self.image_shape_: tuple[int, ...] | None = None
            return vectors
        if reset:
            self.image_shape_, self.n_features_in_ = images.shape[1:], int(np.prod(images.shape[1:]))
        elif self.image_shape_ != images.shape[1:]:
            raise ValueError(
                f"X has {images[0].size} features, but {type(self).__name__} is expecting {self.n_features_in_} "
                f"features as input: images {list(images.shape[1:])} instead of {self.image_shape_}"
            )
        return images

    def _train(self, X: np.ndarray, labels: np.ndarray, X_target: Any, kind: str) -> Self:  # noqa: N803
        """Train on checked samples, and labels of that kind [N, k]."""
        check_consistent_length(X, labels)
        options = self._options(kind)
        if X_target is None:
            text = "fit was given no X_target: X is taken for the target too, so there is nothing to adapt to"
            warnings.warn(text, UserWarning, stacklevel=3)
            target = X
        else:
            target = self._checked(X_target)
        with tempfile.TemporaryDirectory(prefix="ganzoo-") as temporary:
            folder = Path(temporary if self.out is None else self.out)
            _write(folder, _arrays(X, kind, labels), _arrays(target))
            paths = {"source": folder / FILES[0], "target": folder / FILES[1], "out": folder / "run"}
            with contextlib.nullcontext() if self.verbose else _silence():
                self.run_ = ganzoo.run(self.method, **{**options, **paths})
        return self

    def _options(self, kind: str) -> dict[str, Any]:
        """The options of `ganzoo run`, except for paths. Raises GanzooError for those that are wrong or given twice."""
        given = dict(self.settings or {})
        plugins = given.get("plugin", ())
        for file in [plugins] if isinstance(plugins, str | os.PathLike) else plugins:
            registry().add_file(Path(file))
        method = registry().get("methods", self.method)
        if not hasattr(method, "predict"):
            raise UsageError(f"the method {self.method} predicts no labels; `ganzoo list methods` shows which do")
        images = self.image_shape_ is not None
        label = {"label": "label"} if images else {}
        options = {
            "dataset": "pair" if images else "vectors",
            **({**label, "label_kind": kind} if kind != "gaze" else {}),
            "preset": self.preset,
            "steps": self.steps,
            "batch_size": self.batch_size,
            "device": self.device,
            "seed": _seed(self.random_state),
        }
        if twice := given.keys() & {*options, "source", "target", "out"}:
            raise UsageError(f"settings = {{{min(twice)!r}: ...}}: the estimator itself sets it; leave it out")
        if not images and "network" in method.Config.model_fields:
            given.setdefault("network", VECTOR_BACKBONE)
        return {"metrics": "none", **options, **given}

    def _predicted(self, X: Any) -> np.ndarray:  # noqa: N803
        """Labels float32 [N, k]."""
        check_is_fitted(self, "run_")
        labels: np.ndarray = self.run_.predict(self._checked(X))
        return labels


class AdaptedClassifier(ClassifierMixin, _Adapted):
    """A classifier of the target, trained on labelled samples of a source and unlabelled ones of the target.

    `method` is any method that predicts labels, such as dann, ddc, deep-coral or adabn; `preset`, `steps`, `batch_size`
    and `device` are the options of `ganzoo run`, with its defaults if they are None; `settings` has all others by their
    names in Python, such as `{"alignment": 0.5, "lr": 1e-3}`. `random_state` is the seed. `out` is a folder that keeps
    the data and the run, which the same `fit` resumes and `ganzoo.load(out + "/run")` loads; None: nothing is kept.
    `verbose` shows the progress.

    `fit` trains with the loop of `ganzoo run` and sets `classes_`, `n_features_in_` and `run_`, the run as
    `ganzoo.load` returns it. Samples are images, uint8 [N, H, W], [N, H, W, C] or [N, C, H, W] with one or three
    channels, or vectors, numbers [N, D], which should have a common scale (`StandardScaler`). Errors of data are
    ValueErrors, those of settings `ganzoo.errors.GanzooError`s in the words of the command.
    """

    def fit(self, X: Any, y: Any, X_target: Any = None) -> Self:  # noqa: N803
        """Train on samples of the source with their classes `y` [N], and samples of the target. Without `X_target`,
        which scikit-learn's tools pass on only if they are asked to (`set_fit_request(X_target=True)`), it warns."""
        samples = self._checked(X, reset=True)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"{type(self).__name__} needs samples of two classes or more, but y has one class")
        return self._train(samples, numbers.reshape(-1, 1), X_target, "class")

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The class of each sample [N]."""
        predicted = self._predicted(X)
        classes: np.ndarray = self.classes_[predicted[:, 0].round().astype(np.int64)]
        return classes


class AdaptedRegressor(RegressorMixin, _Adapted):
    """The same as `AdaptedClassifier` for numbers.

    `label` says what they are: number, standardised by the mean and deviation of the source; or gaze, for images: pitch
    and yaw in radians, with an angular loss.
    """

    def __init__(
        self,
        method: str = "ddc",
        *,
        label: Literal["number", "gaze"] = "number",
        preset: str | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        settings: Mapping[str, Any] | None = None,
        random_state: Any = 0,
        device: str = "auto",
        out: str | os.PathLike[str] | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            method, preset=preset, steps=steps, batch_size=batch_size, settings=settings, random_state=random_state,
            device=device, out=out, verbose=verbose,
        )  # fmt: skip
        self.label = label

    def fit(self, X: Any, y: Any, X_target: Any = None) -> Self:  # noqa: N803
        """Train on samples of the source with their labels `y`, [N] or [N, k], and samples of the target, as
        `AdaptedClassifier.fit`."""
        samples = self._checked(X, reset=True)
        if self.label not in ("number", "gaze"):
            raise UsageError(f"label = {self.label!r}: it must be 'number' or 'gaze'")
        if self.label == "gaze" and self.image_shape_ is None:
            raise UsageError("label = 'gaze': gaze is a label of images, and X has vectors; leave it out")
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        labels = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        self.y_is_flat_ = labels.ndim == 1
        return self._train(samples, labels.reshape(len(labels), -1), X_target, self.label)

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The label of each sample, float64 [N] or [N, k] as in `fit`."""
        labels = self._predicted(X).astype(np.float64)
        return labels[:, 0] if self.y_is_flat_ else labels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _images(X: Any) -> np.ndarray | None:  # noqa: N803
    """Images uint8 [N, H, W, C] if that is what X is, and else None."""
    if not isinstance(X, np.ndarray) or X.dtype != np.uint8 or X.ndim not in (3, 4):
        return None
    if X.ndim == 3:
        return X[..., None]
    if X.shape[3] in (1, 3):
        return X
    return X.transpose(0, 2, 3, 1) if X.shape[1] in (1, 3) else None


def _arrays(samples: np.ndarray, kind: str = "", labels: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """The arrays of a file for the dataset `pair` or `vectors`."""
    arrays = {"image" if samples.dtype == np.uint8 else "vector": samples}
    if labels is not None:
        arrays["gaze_pitchyaw" if kind == "gaze" else "label"] = labels
    return arrays


def _write(folder: Path, *parts: Mapping[str, np.ndarray]) -> None:
    """Write the files of the data. Raises UsageError if the folder holds other data, which are not replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, arrays in zip(FILES, parts, strict=True):
        made = io.BytesIO()
        np.savez(made, **arrays)  # type: ignore[arg-type]
        file = folder / name
        if not file.exists():
            with replacing(file) as aside:
                aside.write_bytes(made.getvalue())
        elif file.read_bytes() != made.getvalue():
            raise UsageError(f"out = {folder} holds the run of other data ({name} differs); give another folder")


def _seed(random_state: Any) -> int:
    """The seed of a run: a number as it is, else one that is drawn."""
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


@contextlib.contextmanager
def _silence() -> Any:
    """Keep what a run prints."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
