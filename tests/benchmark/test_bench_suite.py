import json
import tomllib

import pytest
import torch
from conftest import ROOT

from ganzoo.batch import image_spec
from ganzoo.benchmark.budget import Budget, images_drawn, steps_for
from ganzoo.benchmark.cell import cell_of_tables, cells_of
from ganzoo.benchmark.declined import declined_cells
from ganzoo.benchmark.suite import load_suite, narrowed, parse_suite, shipped
from ganzoo.configuration.toml import read_toml, write_toml
from ganzoo.discovery.registry import registry
from ganzoo.errors import ConfigError, PluginError, UnknownNameError
from ganzoo.task import ClassTask, GazeTask
from ganzoo.training.build import build_method

MINIMAL = {"images": 100, "methods": {"shift": {}}, "datasets": {"toy": {}}}


@pytest.fixture(autouse=True)
def _toys(toys):
    pass


def cells(options=None, **changes):
    return cells_of(parse_suite({**MINIMAL, **changes}, "s", "s.toml"), options or {})


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_suite_resolves_to_cells(name):
    suite = load_suite(name)
    files = {key: "x.npz" for entry in suite.datasets.values() for key in entry.needs}
    found = cells_of(suite, {"dataset": files})
    assert len(found) == suite.seeds * len(suite.methods) * len(suite.datasets)
    assert suite.reference in {*suite.methods, "source-only"}
    assert suite.summary


def test_the_suite_in_the_documentation_is_one():
    text = (ROOT / "docs" / "bench.md").read_text(encoding="utf-8")
    tables = tomllib.loads(text.split("```toml\n")[1].split("```")[0])
    assert [cell.label for cell in cells_of(parse_suite(tables, "doc", "docs/bench.md"), {})][:2] == [
        "dann",
        "no-reversal",
    ]


def test_real_eyes_come_from_the_command_line():
    with pytest.raises(ConfigError, match=r"suite real: the dataset as-is needs --source, --target, --target-test"):
        cells_of(load_suite("real"), {})


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"imagse": 3}, r"s\.toml: there is no key 'imagse'; did you mean 'images'\?"),
        ({"methods": {"m": {"presett": "x"}}}, r"no key 'methods\.m\.presett'; did you mean 'preset'\?"),
        ({"datasets": {"d": {"setings": {}}}}, r"no key 'datasets\.d\.setings'; did you mean 'settings'\?"),
        ({"images": 0}, r"images = 0: input should be greater than or equal to 1"),
        ({"seeds": "many"}, r"seeds = 'many': input should be a valid integer"),
        ({"methods": {}}, r"methods = \{\}"),
        ({"methods": {"m": {"role": "best"}}}, r"methods\.m\.role = 'best'"),
        ({"metric": {"fidd": {}}}, r"there is no metric 'fidd'; did you mean 'fid'\?"),
        ({"metric_seeds": {"fid": "network_seed"}}, r"metric_seeds: fid has no setting 'network_seed'"),
    ],
)
def test_a_wrong_suite_is_answered_in_one_sentence(tables, words):
    with pytest.raises((ConfigError, UnknownNameError), match=words):
        parse_suite({**MINIMAL, **tables}, "s", "s.toml")


def test_what_a_suite_needs_is_named():
    with pytest.raises(ConfigError, match=r"methods is missing \(Label -> method"):
        parse_suite({"images": 1, "datasets": {"toy": {}}}, "s", "s.toml")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"methods": {"shiftt": {}}}, "there is no method 'shiftt'"),
        ({"methods": {"shift": {"preset": "fest"}}}, "no preset 'fest'; did you mean 'fast'"),
        ({"methods": {"shift": {"settings": {"lrr": 1}}}}, r"suite s, shift \[method\]: there is no setting 'lrr'"),
        ({"datasets": {"toy": {"settings": {"count": 1}}}}, r"suite s \[dataset\]: count = 1"),
        ({"train": {"batch": 1}}, r"suite s \[train\]: there is no setting 'batch'"),
    ],
)
def test_a_wrong_setting_is_found_before_anything_runs(changes, words):
    with pytest.raises((ConfigError, UnknownNameError), match=words):
        cells(**changes)


def test_an_unknown_suite_has_a_hint():
    with pytest.raises(UnknownNameError, match="there is no suite 'quik'; did you mean 'quick'"):
        load_suite("quik")


def test_cells_go_seed_by_seed_so_that_an_early_table_has_all_methods():
    found = cells(methods={"a": {"method": "shift"}, "b": {"method": "identity"}}, seeds=2)
    assert [(cell.label, cell.seed) for cell in found] == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert [cell.plan.train.seed for cell in found] == [0, 0, 1, 1]


def test_seeds_save_intervals_and_devices_leave_the_row_the_same_and_settings_do_not():
    first, second = cells(seeds=2)
    assert first.settings_hash == second.settings_hash
    assert first.id != second.id
    same = cells({"train": {"device": "cpu", "save_every": 5}})[0]
    assert same.id == first.id
    for other in (
        {"images": 101},
        {"train": {"batch_size": 5}},
        {"methods": {"shift": {"settings": {"lr": 0.5}}}},
        {"datasets": {"toy": {"settings": {"count": 8}}}},
    ):
        assert cells(**other)[0].settings_hash != first.settings_hash


def test_the_metrics_own_seed_follows_the_cell_where_the_suite_says_so():
    found = cells(metric_seeds={"gaze-error": "network_seed"}, seeds=2)
    assert [cell.plan.metric_configs["gaze-error"].network_seed for cell in found] == [0, 1]
    assert [cell.plan.metric_configs["label-drift"].network_seed for cell in found] == [0, 0]
    assert found[0].settings_hash == found[1].settings_hash


def test_a_cell_survives_its_file(tmp_path):
    cell = cells({"dataset": {"count": 8}}, methods={"a/b": {"method": "shift", "preset": "fast"}})[0]
    file = tmp_path / "cell.toml"
    file.write_text(write_toml(cell.tables()))
    again = cell_of_tables(read_toml(file), file)
    assert again.tables() == cell.tables()
    assert again.id == cell.id
    assert "/" not in cell.id


def test_rows_and_datasets_can_be_chosen_and_others_added():
    suite = narrowed(parse_suite(MINIMAL, "s", "s.toml"), ["identity", "shift"], "eyes", 2)
    assert list(suite.methods) == ["identity", "shift"]
    assert list(suite.datasets) == ["eyes"]
    assert suite.seeds == 2
    with pytest.raises(UnknownNameError, match="there is no method 'simgam'; did you mean 'simgan'"):
        narrowed(suite, ["simgam"])


def method(name, **settings):
    cls = registry().get("methods", name)
    spec = image_spec(1, 24, 40, GazeTask())
    return build_method(cls, cls.Config(**settings), spec, seed=0, device=torch.device("cpu"))


def steps_that_draw(made, images, batch_size):
    return steps_for(made, images, lambda groups: images_drawn(groups, batch_size))


def drawn(made, steps, batch_size):
    return sum(len(made.schedule(step)) for step in range(steps)) * batch_size


@pytest.mark.parametrize(
    ("made", "batch_size"),
    [("shift", 4), ("simgan", 16), ("cyclegan", 4), ("dann", 64), ("dcgan", 32)],
)
def test_every_method_draws_the_budget_and_at_most_one_step_more(made, batch_size):
    made = method(made)
    steps = steps_that_draw(made, 10_000, batch_size)
    assert drawn(made, steps - 1, batch_size) < 10_000 <= drawn(made, steps, batch_size)


def test_pretraining_and_uneven_schedules_count_in_the_budget():
    made = method("simgan", refiner_pretraining=10, discriminator_pretraining=5, refiner_updates=3)
    assert steps_that_draw(made, 15 * 8, 8) == 15
    assert steps_that_draw(made, 15 * 8 + 1, 8) == 16
    assert steps_that_draw(made, (15 + 4) * 8, 8) == 16


def test_a_method_with_nothing_to_train_takes_no_step():
    assert steps_that_draw(method("identity"), 10_000, 64) == 0


def test_phases_that_share_a_batch_draw_it_once():
    assert steps_that_draw(method("aae"), 640, 64) == 10


def test_stages_share_the_budget():
    assert steps_that_draw(method("adda"), 640, 64) == 10


def test_a_method_that_asks_for_other_data_is_declined_before_anything_runs(monkeypatch):
    some = cells(methods={"shift": {}})
    assert declined_cells(some) == {}
    monkeypatch.setattr(some[0].plan.method, "tasks", (ClassTask,))
    assert set(declined_cells(some).values()) == {"shift works on the task class, and these data have the task gaze"}


def test_a_method_that_never_trains_cannot_spend_a_budget(monkeypatch):
    made = method("shift")
    monkeypatch.setattr(type(made), "schedule", lambda self, step: ())
    with pytest.raises(PluginError, match="schedules no phase"):
        steps_that_draw(made, 100, 4)


def test_a_method_that_idles_now_and_then_spends_its_budget_all_the_same(monkeypatch):
    made = method("shift")
    monkeypatch.setattr(type(made), "schedule", lambda self, step: ("shift",) if step % 2 else ())
    assert steps_that_draw(made, 40, 4) == 20


def test_a_row_spends_its_own_budget_before_that_of_the_suite():
    rows = {
        "suites": {"method": "shift"},
        "images": {"method": "shift", "images": 7},
        "steps": {"method": "shift", "steps": 3},
        "train": {"method": "shift", "train": {"steps": 3}},
        "seconds": {"method": "shift", "seconds": 60},
    }
    found = {cell.label: cell.budget for cell in cells(methods=rows, seeds=1)}
    assert found == {
        "suites": Budget("images", 100),
        "images": Budget("images", 7),
        "steps": Budget("steps", 3),
        "train": Budget("steps", 3),
        "seconds": Budget("seconds", 60),
    }


def of_budget(**budget):
    tables = {key: value for key, value in MINIMAL.items() if key != "images"}
    return cells_of(parse_suite({**tables, **budget}, "s", "s.toml"), {})


def test_a_suite_with_a_budget_of_steps_trains_every_row_for_so_many():
    assert {cell.plan.train.steps for cell in of_budget(steps=12)} == {12}


def test_the_same_steps_by_either_key_are_the_same_row():
    by_train = cells(methods={"shift": {"train": {"steps": 12}}})[0]
    assert by_train.settings_hash == of_budget(steps=12)[0].settings_hash


def test_rows_of_other_budgets_are_other_rows():
    found = [of_budget(**{unit: amount})[0] for unit in ("images", "steps", "seconds") for amount in (100, 101)]
    assert len({cell.settings_hash for cell in found}) == 6


@pytest.mark.parametrize("unit", ["images", "steps", "seconds"])
def test_a_budget_of_any_unit_survives_the_file_of_its_cell(unit, tmp_path):
    cell = of_budget(**{unit: 9})[0]
    (tmp_path / "cell.toml").write_text(write_toml(cell.tables()))
    again = cell_of_tables(read_toml(tmp_path / "cell.toml"), tmp_path / "cell.toml")
    assert again.budget == cell.budget == Budget(unit, 9)


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"images": None}, "a suite needs one budget, images, steps or seconds, but none is given; give exactly one"),
        ({"seconds": 60}, "one budget, images, steps or seconds, but images and seconds are given; give exactly one"),
        ({"train": {"steps": 3}}, r"train\.steps: the budget determines the steps; write `steps = N`"),
        (
            {"methods": {"m": {"steps": 3, "seconds": 3}}},
            r"methods\.m has 2 budgets, steps and seconds; keep one of them",
        ),
        ({"methods": {"m": {"images": 3, "train": {"steps": 3}}}}, r"2 budgets, images and train\.steps"),
    ],
)
def test_a_suite_has_one_budget_and_a_row_at_most_one_of_its_own(tables, words):
    given = {key: value for key, value in {**MINIMAL, **tables}.items() if value is not None}
    with pytest.raises(ConfigError, match=words):
        parse_suite(given, "s", "s.toml")


def test_a_budget_that_is_typed_replaces_that_of_the_suite_in_any_unit():
    suite = narrowed(parse_suite(MINIMAL, "s", "s.toml"), budget=Budget("seconds", 5))
    assert (suite.images, suite.steps, suite.seconds) == (None, None, 5)


def test_metrics_that_are_typed_replace_those_of_the_suite():
    suite = parse_suite({**MINIMAL, "evaluate": {"metrics": ["kid"], "samples": 9}}, "s", "s.toml")
    plan = cells_of(narrowed(suite, metrics=["fid", "label-drift", "fid"]), {})[0].plan
    assert list(plan.metric_configs) == ["fid", "label-drift"]
    assert plan.evaluate.samples == 9


def test_the_committed_scores_are_those_of_the_default_suite():
    file = ROOT / "benchmarks" / "results" / "bench-quick" / "results.jsonl"
    committed = {json.loads(line)["cell"] for line in file.read_text(encoding="utf-8").splitlines()}
    assert {cell.id for cell in cells_of(load_suite("quick"), {})} == committed
