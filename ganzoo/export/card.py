"""The card of an exported method: the method, its training data, its scores and its use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ganzoo.configuration.toml import as_table
from ganzoo.export.function import Function
from ganzoo.runs.trained import Trained
from ganzoo.system.environment import environment
from ganzoo.training import checkpoint


def card_of(trained: Trained, function: Function, format: str) -> dict[str, Any]:
    """The card in json's types, without "checked"."""
    plan, tables = trained.plan, trained.folder.settings()
    takes = {"input": dict(function.takes[0])} if len(function.takes) == 1 else {"inputs": [*map(dict, function.takes)]}
    method, dataset = plan.method, plan.dataset
    return {
        "format": format,
        "function": function.name,
        **takes,
        "output": dict(function.output),
        "method": {
            "name": method.name,
            "summary": method.summary,
            "paper": method.paper,
            "preset": plan.preset,
            "settings": as_table(plan.method_config),
            "oracle": method.is_oracle(trained.method.config),
        },
        "data": {
            "name": dataset.name,
            "summary": dataset.summary,
            "homepage": dataset.homepage,
            "license": dataset.license,
            "settings": as_table(plan.dataset_config),
            "images": trained.spec.as_table(),
        },
        "training": {**as_table(plan.train), "step": trained.step, "environment": tables.get("environment", {})},
        "weights_sha256": checkpoint.weights_hash(trained.folder.path),
        "scores": [_score(score.to_json()) for score in trained.folder.scores() or [] if score.value is not None],
        "exported_with": environment(torch.device("cpu"), "fp32"),
    }


def _score(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if key not in ("profiles", "headline", "reason")}
