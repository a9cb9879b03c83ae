"""The notebooks run from top to bottom, with a tiny budget."""

from __future__ import annotations

import json
import os

import pytest
from conftest import IMPORTS, ROOT
from extras import needs

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def test_notebooks_are_committed_without_outputs():
    assert len(NOTEBOOKS) == 2
    for file in NOTEBOOKS:
        for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
            assert cell.get("outputs", []) == []
            assert cell.get("execution_count") is None


@pytest.mark.slow
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_runs_from_top_to_bottom(file, tmp_path, monkeypatch):
    needs("docs")
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("GANZOO_NOTEBOOK_STEPS", "4")
    monkeypatch.setenv("GANZOO_NOTEBOOK_IMAGES", "64")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (IMPORTS, os.environ.get("PYTHONPATH", "")))))
    notebook = nbformat.read(file, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert [output for output in shown if output["output_type"] == "error"] == []
