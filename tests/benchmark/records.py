"""Records as cells leave them, made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganzoo.benchmark.record import record_from_json
from ganzoo.benchmark.results import Results

CARD = {"extractor": "pixels", "network_seed": 0}


def score(name: str, value: float | None, subject: str = "method", **more: Any) -> dict[str, Any]:
    blank = {"unit": "deg", "better": "lower", "low": None, "high": None, "reason": "", "warning": ""}
    blank |= {"headline": True, "profiles": {}}
    return {"name": name, "value": value, "subject": subject, "card": "c", **blank, **more}


def record(label: str, seed: int, scores: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "cell": f"{label}-{seed}-{more.get('code', '1')}-{more.get('settings_hash', 'h')}",
        "label": label,
        "dataset": "toy",
        "seed": seed,
        "method": label,
        "preset": "default",
        "role": "",
        "oracle": False,
        "seed_settings": ["network_seed"],
        "settings_hash": "h",
        "code": "1",
        "scores": scores,
        "cards": {"c": {**CARD, "network_seed": seed}},
        "training_seconds": 2.0,
        "evaluation_seconds": 1.0,
        "images_drawn": 100,
        "images_per_second": 50.0,
        "parameters": 7,
        "peak_memory_mb": {"host": 900},
        **more,
    }


def failure(label: str, seed: int, reason: str) -> dict[str, Any]:
    facts = {key: value for key, value in record(label, seed, []).items() if key not in ("scores", "cards")}
    return {**facts, "failed": reason}


def results_of(*documents: Mapping[str, Any]) -> Results:
    """What `read_results` makes of a file with these lines."""
    return Results.of(record_from_json(dict(each)) for each in documents)
