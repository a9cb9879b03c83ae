"""From answer files to a report and a file of scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ganzoo.errors import GanzooError, UsageError
from ganzoo.files.output import check_writable, writing
from ganzoo.system.atomic import write_text
from ganzoo.turing.answers import read_answers
from ganzoo.turing.key import read_key
from ganzoo.turing.report import report
from ganzoo.turing.results import Results, results_of
from ganzoo.turing.rows import document_of


def score(answers: Sequence[Path], key_file: Path, out: Path) -> Results:
    """Read everything, then write `out` and the same name with .json. Nothing is written if a file is refused.

    Raises DatasetError for files that do not belong to the key, UsageError for an unsuitable `out`, GanzooError if
    it cannot be written.
    """
    if out.suffix.lower() != ".html" or out.is_dir():
        raise UsageError(f"--out {out}: give a file whose name ends in .html")
    scores = out.with_suffix(".json")
    taken = {file.resolve() for file in (*answers, key_file)}
    if {out.resolve(), scores.resolve()} & taken:
        raise UsageError(f"--out {out} would overwrite a file that is read here ({scores.name}); give another name")
    check_writable(out.parent)
    key = read_key(key_file)
    results = results_of(key, read_answers(answers, key))
    if not results.verdicts:
        raise GanzooError("every rater broke a rule and there are no classifiers: there is nothing to report")
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        write_text(out, report(results))
        write_text(scores, json.dumps(document_of(results), indent=1) + "\n")
    return results
