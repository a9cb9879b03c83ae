"""`ganzoo evaluate RUN`."""

from __future__ import annotations

from pathlib import Path

import click

from ganzoo.cli.display import Display
from ganzoo.cli.table import print_scores
from ganzoo.experiment import load_trained, local_device, measure, plan_of_run
from ganzoo.registry import registry
from ganzoo.run_folder import RunFolder


@click.command(help="Measure a trained run again, from its newest checkpoint, and write its metrics.json.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--metrics", metavar="A,B,...", help="Metrics to measure; none named: those of the run.")
@click.option("--samples", metavar="INTEGER", help="Most images that distances between distributions are measured on.")
@click.option("--device", help="auto, cpu, cuda or cuda:N; not given: as the run.")
@click.option("--plugin", multiple=True, type=click.Path(path_type=Path), help="Load a plugin from a .py file.")
def command(run: Path, metrics: str | None, samples: str | None, device: str | None, plugin: tuple[Path, ...]) -> None:
    for file in plugin:
        registry().add_file(file)
    folder = RunFolder(run)
    typed = {"evaluate": {"metrics": metrics, "samples": samples}, "train": {"device": device}}
    plan = plan_of_run(folder, {"options": typed})
    dataset = plan.dataset(plan.dataset_config)
    with Display() as display:
        method, step = load_trained(folder, plan, local_device(plan.train.device))
        if step < plan.train.steps:
            display.say(f"{run} was trained for {step} of {plan.train.steps} steps: these are the scores of that step")
        scores = measure(plan, folder, method, dataset, display, step)
    print_scores(scores, plan.method.name, f"{plan.method.name} on {plan.dataset.name}, step {step}")
