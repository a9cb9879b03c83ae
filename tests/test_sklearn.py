"""The estimators of ganzoo.sklearn: scikit-learn's own checks, and the run of the command behind them."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from extras import needs
from toy_plugin import discs

import ganzoo as package
from ganzoo.errors import GanzooError, UnknownNameError, UsageError

SHORT = {"steps": 4, "batch_size": 8, "device": "cpu"}


@pytest.fixture
def estimators():
    needs("sklearn")
    from ganzoo import sklearn

    return sklearn


@pytest.fixture
def blobs():
    """Three classes in the source, and the target: the same, turned and moved."""
    random = np.random.default_rng(0)
    y = np.repeat(["cat", "dog", "eel"], 30)
    centers = np.array([[2.0, 0, 0], [-2, 2, 0], [0, -2, 1]]).repeat(30, 0)
    source = (centers + 0.3 * random.standard_normal((90, 3))).astype(np.float32)
    target = (centers @ np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]) + 0.5).astype(np.float32)
    return source, y, target


@pytest.mark.filterwarnings("ignore:fit was given no X_target")
@pytest.mark.parametrize(("name", "steps"), [("AdaptedClassifier", 20), ("AdaptedRegressor", 60)])
def test_scikit_learns_own_checks_pass(estimators, name, steps):
    from sklearn.utils.estimator_checks import check_estimator

    # source-only: the checks give no target, and need no more than a predictor
    estimator = getattr(estimators, name)("source-only", steps=steps, batch_size=16, device="cpu")
    expected = {"check_methods_subset_invariance": "float32 networks round otherwise for batches of other sizes"}
    done = check_estimator(
        estimator, expected_failed_checks=expected if name == "AdaptedRegressor" else {}, on_skip=None, on_fail=None
    )
    assert {each["check_name"]: str(each["exception"]) for each in done if each["status"] == "failed"} == {}
    assert sum(each["status"] == "passed" for each in done) > 30


def test_fit_is_the_run_of_the_command(estimators, blobs, tmp_path):
    source, y, target = blobs
    model = estimators.AdaptedClassifier("ddc", settings={"lr": 3e-3}, random_state=3, out=tmp_path / "fit", **SHORT)
    model.fit(source, y, target)
    np.savez(tmp_path / "a.npz", vector=source, label=np.repeat([0, 1, 2], 30))
    np.savez(tmp_path / "b.npz", vector=target)
    run = package.run(
        "ddc", dataset="vectors", source=tmp_path / "a.npz", target=tmp_path / "b.npz", label_kind="class", lr=3e-3,
        network="mlp", seed=3, metrics="none", out=tmp_path / "run", **SHORT,
    )  # fmt: skip
    assert list(model.classes_) == ["cat", "dog", "eel"]
    numbers = run.predict(target)[:, 0].astype(int)
    np.testing.assert_array_equal(model.predict(target), model.classes_[numbers])
    weights = "checkpoints/step-00000004/parameters.safetensors"
    assert (tmp_path / "fit" / "run" / weights).read_bytes() == (tmp_path / "run" / weights).read_bytes()
    np.testing.assert_array_equal(package.load(tmp_path / "fit" / "run").predict(target), run.predict(target))


def test_the_target_is_learned_from_and_its_absence_is_told(estimators, blobs):
    source, _, target = blobs
    model = estimators.AdaptedRegressor("ddc", **SHORT)
    numbers = source[:, :2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        adapted = model.fit(source, numbers, target).predict(target)
    with pytest.warns(UserWarning, match="fit was given no X_target"):
        alone = model.fit(source, numbers).predict(target)
    assert adapted.shape == (90, 2)
    assert not np.array_equal(adapted, alone)


def test_images_in_three_forms_and_gaze(estimators):
    (source, gaze), (target, _) = discs(24, 0, 220), discs(24, 1, 120)
    model = estimators.AdaptedRegressor("ddc", label="gaze", **SHORT).fit(source, gaze, target)
    assert model.run_.plan.dataset.name == "pair"
    assert model.run_.spec.task.name == "gaze"
    predicted = model.predict(target)
    assert predicted.shape == (24, 2)
    for form in (target[:, 0], target[:, 0, :, :, None]):
        np.testing.assert_array_equal(model.predict(form), predicted)
    again = estimators.AdaptedRegressor("ddc", label="gaze", **SHORT).fit(source[:, 0], gaze, target[:, 0])
    np.testing.assert_array_equal(again.predict(target), predicted)
    with pytest.raises(ValueError, match="X has 20 features, but AdaptedRegressor is expecting 960 features"):
        model.predict(np.zeros((2, 4, 5), np.uint8))
    with pytest.raises(ValueError, match="X must be images"):
        model.predict(np.zeros((2, 960)))
    classes = (gaze[:, 0] > 0).astype(int)
    assert set(estimators.AdaptedClassifier("ddc", **SHORT).fit(source, classes, target).predict(target)) <= {0, 1}


def test_a_folder_resumes_the_same_fit_and_keeps_its_data(estimators, blobs, tmp_path):
    source, y, target = blobs
    model = estimators.AdaptedClassifier("ddc", out=tmp_path / "out", **SHORT)
    first = model.fit(source, y, target).predict(target)
    checkpoint = next((tmp_path / "out" / "run" / "checkpoints").iterdir())
    made = checkpoint.stat().st_mtime_ns
    np.testing.assert_array_equal(model.fit(source, y, target).predict(target), first)
    assert checkpoint.stat().st_mtime_ns == made
    before = (tmp_path / "out" / "target.npz").read_bytes()
    with pytest.raises(UsageError, match=r"out = .* holds the run of other data \(target.npz differs\)"):
        model.fit(source, y, target + 1)
    assert (tmp_path / "out" / "target.npz").read_bytes() == before
    with pytest.raises(GanzooError, match="holds a run with other settings"):
        model.set_params(batch_size=4).fit(source, y, target)


def test_a_pipeline_scales_the_target_too_and_the_fitted_model_can_be_pickled(estimators, blobs):
    import sklearn
    from sklearn.base import clone
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    source, y, target = blobs
    model = estimators.AdaptedClassifier("ddc", **SHORT)
    scaler = StandardScaler().fit(source)
    by_hand = clone(model).fit(scaler.transform(source), y, scaler.transform(target))
    with sklearn.config_context(enable_metadata_routing=True):
        routed = clone(model).set_fit_request(X_target=True)
        pipeline = make_pipeline(StandardScaler(), routed, transform_input=["X_target"])
        pipeline.fit(source, y, X_target=target)
    expected = by_hand.predict(scaler.transform(target))
    np.testing.assert_array_equal(pipeline.predict(target), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(pipeline)).predict(target), expected)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"method": "ddcc"}, UnknownNameError, "there is no method 'ddcc'; did you mean 'ddc'?"),
        ({"method": "simgan"}, UsageError, "the method simgan predicts no labels"),
        ({"preset": "papr"}, UnknownNameError, "ddc has no preset 'papr'; did you mean 'paper'?"),
        ({"settings": {"alignmet": 1}}, UsageError, "--alignmet"),
        ({"settings": {"steps": 3}}, UsageError, "settings = {'steps': ...}: the estimator itself sets it"),
        ({"steps": -1}, UsageError, "-1"),
        ({"label": "gaze"}, UsageError, "label = 'gaze': gaze is a label of images, and X has vectors"),
        ({"label": "gazes"}, UsageError, "label = 'gazes': it must be 'number' or 'gaze'"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_sentence(estimators, blobs, tmp_path, settings, error, words):
    source, _, target = blobs
    model = estimators.AdaptedRegressor(**{**SHORT, **settings})
    with pytest.raises(error) as refused:
        model.fit(source, source[:, 0], target)
    assert words in str(refused.value)


def test_scikit_learn_is_optional_and_its_absence_is_told():
    code = (
        "import sys; sys.modules['sklearn'] = None; import ganzoo\n"
        "try: import ganzoo.sklearn\nexcept ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith("ganzoo.sklearn needs scikit-learn 1.6 or later: pip install 'ganzoo[sklearn]'")
