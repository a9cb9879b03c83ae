"""Office+Caltech-10 as feature files in the published form."""

from __future__ import annotations

import numpy as np
import pytest
from ganzoo_office_caltech import OfficeCaltech, OfficeCaltechConfig
from ganzoo_office_caltech.features import CLASSES, standardised
from scipy.io import savemat

from ganzoo.errors import ConfigError, DatasetError

COUNTS = {"amazon": 240, "webcam": 90, "dslr": 100}
RNG = np.random.default_rng(0)


def write(file, count, size=800, key="fts", column=True, **changes):
    labels = (np.arange(count) % 10 + 1).astype(np.uint8)
    content = {
        key: RNG.integers(0, 30, (count, size)).astype(np.uint8),
        "labels": labels[:, None] if column else labels[None],
    }
    savemat(file, {**content, **changes}, do_compression=True)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("office")
    for name, count in COUNTS.items():
        write(folder / f"surf_{name}.mat", count)
    write(folder / "decaf6_webcam.mat", 90, 4096, "feas")
    write(folder / "decaf6_dslr.mat", 100, 4096, "feas", column=False)
    return folder


def dataset(root, **settings):
    return OfficeCaltech(OfficeCaltechConfig(root=root, **settings))


@pytest.mark.parametrize(("source", "per_class"), [("amazon", 20), ("dslr", 8)])
def test_the_source_has_the_published_number_of_each_class(root, source, per_class):
    data = dataset(root, source=source)
    classes, counts = np.unique(data.source().labels, return_counts=True)
    assert classes.tolist() == list(range(10))
    assert set(counts) == {per_class}


def test_the_seed_draws_other_samples_and_what_is_not_drawn_is_held_out(root):
    first, again, other = (dataset(root, data_seed=seed) for seed in (0, 0, 1))
    assert (first.source().samples == again.source().samples).all()
    assert not (first.source().samples == other.source().samples).all()
    assert len(first.source()) + len(first.source_test()) == COUNTS["amazon"]
    rows = {row.tobytes() for row in first.source().samples}
    assert not rows & {row.tobytes() for row in first.source_test().samples}


def test_only_the_test_has_target_labels_and_it_is_the_whole_target(root):
    data = dataset(root)
    assert data.target().labels is None
    assert "target_label" not in data.spec().columns
    assert (data.target_test().samples == data.target().samples).all()
    assert len(data.target_test().labels) == COUNTS["webcam"]


def test_the_spec_is_that_of_the_samples(root):
    data = dataset(root, features="decaf6", source="dslr")
    assert data.spec().sample.shape == data.source().samples.shape[1:] == (4096,)


def test_features_are_standardised_over_all_samples_of_a_domain(root):
    whole = np.concatenate([dataset(root).source().samples, dataset(root).source_test().samples])
    assert np.allclose(whole.mean(0), 0, atol=1e-5)
    assert np.allclose(whole.std(0, ddof=1), 1, atol=1e-4)
    plain = dataset(root, scaling="none").target().samples
    assert (plain == plain.round()).all(), "counts, as in the file"


def test_surf_histograms_are_divided_by_their_sum_first_and_constant_features_become_zero():
    values = RNG.uniform(1, 2, (20, 5))
    assert np.allclose(standardised(values * RNG.uniform(1, 9, (20, 1)), "surf"), standardised(values, "surf"))
    values[:, 2] = 3
    assert (standardised(values, "decaf6")[:, 2] == 0).all()


def test_the_published_name_of_surf_files_is_known(root, tmp_path):
    for name in ("amazon", "webcam"):
        (tmp_path / f"{name}_SURF_L10.mat").write_bytes((root / f"surf_{name}.mat").read_bytes())
    assert (dataset(tmp_path).source().samples == dataset(root).source().samples).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"root": None}, "needs --root"),
        ({"root": "nowhere"}, "--root nowhere must be the folder"),
        ({"source": "webcam"}, "both webcam"),
        ({"source": "caltech10"}, "has no surf_caltech10.mat or caltech10_SURF_L10.mat; .* it has surf_amazon.mat"),
        ({"features": "googlenet1024"}, "it has none"),
        ({"per_class": 30}, "--per-class 30: amazon has only 24 images of the class backpack"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(root, settings, said):
    with pytest.raises((ConfigError, DatasetError), match=said):
        OfficeCaltech(OfficeCaltechConfig(**{"root": root, **settings})).source()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": 700}, r"must be numbers \[N, 800\]"),
        ({"key": "features"}, "must hold the variables fts or feas"),
        ({"labels": np.ones((60, 1), np.uint8)}, "the classes 1 to 10"),
        ({"labels": np.arange(50)[:, None]}, "one label for each row"),
        ({"fts": np.full((60, 800), np.nan)}, "not finite"),
    ],
)
def test_files_of_another_layout_are_refused(tmp_path, changes, said):
    write(tmp_path / "surf_amazon.mat", 60, **changes)
    with pytest.raises(DatasetError, match=said):
        dataset(tmp_path, per_class=2).source()


def test_a_damaged_file_is_refused(root, tmp_path):
    (tmp_path / "surf_amazon.mat").write_bytes((root / "surf_amazon.mat").read_bytes()[:5000])
    with pytest.raises(DatasetError, match="is not a readable mat file"):
        dataset(tmp_path).source()


def test_classes_are_the_ten(root):
    assert len(CLASSES) == dataset(root).task.classes == 10


def test_the_published_files_have_the_published_counts(shared_data):
    folder = shared_data / "office_caltech10"
    data = dataset(folder, source="caltech10", target="dslr")
    assert len(data.source()) + len(data.source_test()) == 1123
    assert len(data.target()) == 157
