"""What a path means that somebody typed."""

from pathlib import Path

from ganzoo.system.paths import absolute, moved_along, typed


def test_a_tilde_is_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/eve")
    assert typed("~/run") == Path("/home/eve/run")


def test_a_tilde_of_nobody_is_a_name():
    assert typed("~nobody-of-this-name/run") == Path("~nobody-of-this-name/run")


def test_one_file_has_one_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "sub").mkdir()
    names = ("file.py", "./file.py", "sub/../file.py", "~/file.py", str(tmp_path / "file.py"))
    assert {absolute(name) for name in names} == {tmp_path.resolve() / "file.py"}


def test_two_dots_lead_out_of_the_folder_that_a_link_leads_into(tmp_path):
    (tmp_path / "far" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "inner")
    assert absolute(tmp_path / "link" / ".." / "x") == (tmp_path / "far" / "x").resolve()
    assert absolute(tmp_path / "link" / "x") == tmp_path / "link" / "x"


def test_a_path_that_no_file_can_have_stays_a_path():
    assert absolute("/a/../b\0c") == Path("/a/../b\0c")


def test_what_moved_with_a_folder_is_found_beside_it():
    assert moved_along(Path("/old/data/x.npz"), Path("/old/runs/a"), Path("/new/runs/a")) == Path("/new/data/x.npz")
