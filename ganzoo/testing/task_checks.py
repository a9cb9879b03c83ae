"""The declaration of a task, and whether its loss, prediction and error agree with each other."""

from __future__ import annotations

import math
import tomllib

import numpy as np
import tomli_w
import torch

from ganzoo.task import Task
from ganzoo.testing.checks import check, require, skip
from ganzoo.testing.declaration import words_are_given

ROWS = 32
UPDATES = 300


@check(
    Task,
    why="Readers of labels, networks and tables are built from these words and sizes alone.",
    fix="Write a frozen dataclass with name, summary, label_size, output_size and unit; let label_names hold one name "
    "for each column, and let the class method example return a task if there are fields without a default.",
)
def task_declares_itself(cls: type[Task]) -> None:
    """It is a frozen dataclass with a name, a summary, a unit, sizes, and a name for each column of a label."""
    words_are_given(cls)
    parameters = getattr(cls, "__dataclass_params__", None)
    require(parameters is not None and parameters.frozen, "it is not a frozen dataclass")
    task = cls.example()
    require(type(task) is cls, f"example() returns a {type(task).__name__}")
    for part in ("label_size", "output_size"):
        size = getattr(task, part, None)
        require(type(size) is int and size >= 0, f"{part} is {size!r}, not an integer from 0")
    require(isinstance(getattr(task, "unit", None), str), "it has no unit")
    names = task.label_names
    require(isinstance(names, tuple), f"label_names is {names!r}, not a tuple")
    require(len(names) == task.label_size, f"label_names are {len(names)}, but a label has {task.label_size} columns")
    require(len({*names}) == len(names), f"label_names has a name twice: {', '.join(names)}")


@check(
    Task,
    why="A run stores its task in run.toml; labels of a loaded run must keep their meaning.",
    fix="Keep numbers, words and tuples of them in the fields, and let __post_init__ accept lists for tuples.",
)
def settings_make_the_same_task(cls: type[Task]) -> None:
    """Its settings, written as TOML and read again, give an equal task."""
    task = cls.example()
    try:
        read = tomllib.loads(tomli_w.dumps(dict(task.settings())))
    except TypeError as error:
        require(False, f"its settings cannot be written as TOML: {error}")
    again = type(task)(**read)
    require(again == task, f"the settings {read} give another task: {again}")
    require(hash(again) == hash(task), "an equal task has a different hash")


@check(
    Task,
    why="A prediction is compared with labels, and written and drawn like one.",
    fix="Let decode turn outputs [N, output_size] into float rows [N, label_size] that are valid for `problem`.",
)
def predictions_are_labels(cls: type[Task]) -> None:
    """Decoded outputs have the form of labels, and are valid labels."""
    task = _labelled(cls)
    labels = task.decode(_outputs(task, 0))
    require(labels.shape == (ROWS, task.label_size), f"decode returns {tuple(labels.shape)} for {ROWS} outputs")
    require(labels.is_floating_point(), f"decode returns {labels.dtype}")
    problem = task.problem(labels.numpy())
    require(problem is None, f"it rejects its own predictions: {problem}")


@check(
    Task,
    why="Tables show the mean of these errors, and tests over seeds compare them.",
    fix="Let error return one number [N] for each row: 0 for the truth, and more than 0 for another label.",
)
def error_is_zero_for_the_truth(cls: type[Task]) -> None:
    """The error of each row is finite and not negative, 0 for the truth, and not for other labels."""
    task = _labelled(cls)
    labels, others = task.decode(_outputs(task, 0)), task.decode(_outputs(task, 1))
    truth, other = task.error(labels, labels), task.error(others, labels)
    require(other.shape == (ROWS,), f"error returns {tuple(other.shape)} for {ROWS} rows")
    require(bool(torch.isfinite(other).all() and (other >= 0).all()), "an error is negative or not finite")
    require(truth.abs().max() <= 1e-3 * max(1.0, float(other.max())), f"the truth has an error of {truth.max():.4g}")
    require(other.max() > 0, "labels that differ have no error")


@check(
    Task,
    why="Micro-batches and processes average the losses of parts of a batch.",
    fix="Return the mean over the rows as a 0-d tensor.",
)
def loss_is_a_mean(cls: type[Task]) -> None:
    """The loss is a finite 0-d tensor: the mean of the losses of the rows."""
    task = _labelled(cls)
    outputs, labels = _outputs(task, 1), task.decode(_outputs(task, 0))
    loss = task.loss(outputs, labels)
    require(loss.ndim == 0, f"the loss has shape {tuple(loss.shape)}")
    require(bool(torch.isfinite(loss)), f"the loss is {float(loss)}")
    halves = [float(task.loss(outputs[part], labels[part])) for part in (slice(0, ROWS // 2), slice(ROWS // 2, ROWS))]
    near = math.isclose(float(loss), sum(halves) / 2, rel_tol=1e-4, abs_tol=1e-6)
    require(near, f"the loss of {ROWS} rows is {float(loss):.6g}, but the mean of its halves is {sum(halves) / 2:.6g}")


@check(
    Task,
    why="A network minimises the loss, but is evaluated by the error.",
    fix="Let the loss decrease as decode(output) comes closer to the label, with a gradient for each output.",
)
def lower_loss_means_lower_error(cls: type[Task]) -> None:
    """Gradient descent on the loss reduces the error of outputs by more than half."""
    task = _labelled(cls)
    labels = task.decode(_outputs(task, 0))
    outputs = _outputs(task, 1).requires_grad_()
    before = float(task.error(task.decode(outputs.detach()), labels).mean())
    optimizer = torch.optim.Adam([outputs], lr=0.05)
    for _ in range(UPDATES):
        optimizer.zero_grad()
        task.loss(outputs, labels).backward()
        require(outputs.grad is not None, "the loss does not depend on the outputs")
        require(bool(torch.isfinite(outputs.grad).all()), "a gradient of the loss is not finite")  # type: ignore[arg-type]
        optimizer.step()
    after = float(task.error(task.decode(outputs.detach()), labels).mean())
    require(after < before / 2, f"{UPDATES} updates of Adam change the error from {before:.4g} to {after:.4g}")


@check(
    Task,
    why="Ensembles average predictions, and must not depend on the order in which runs are named.",
    fix="Let vectors map predictions to vectors of which a mean makes sense, such as directions for angles, and "
    "of_vectors map means of them back to valid predictions.",
)
def averages_are_predictions(cls: type[Task]) -> None:
    """The average of equal predictions is that prediction; others average to valid labels, in any order the same."""
    task = _labelled(cls)
    made = torch.stack([task.decode(_outputs(task, seed)).float() for seed in range(3)])
    alike = task.average(made[:1].expand(4, -1, -1))
    require(alike.shape == made[0].shape, f"the average has the shape {tuple(alike.shape)}")
    away, apart = task.error(alike, made[0]).max(), task.error(made[1], made[0]).max()
    require(away <= 1e-3 * max(1.0, float(apart)), f"equal predictions average to others, with an error of {away:.4g}")
    average = task.average(made)
    problem = task.problem(average.numpy())
    require(problem is None, f"averages are no valid labels: {problem}")
    turned = task.average(made.flip(0))
    require(torch.equal(average, turned), "another order of the networks gives another average")


@check(
    Task,
    why="A label that is not finite ruins a network, hours later.",
    fix="Let problem return a sentence if a label is not finite or is invalid.",
)
def impossible_labels_are_named(cls: type[Task]) -> None:
    """Labels that are not finite are a problem, in words."""
    task = _labelled(cls)
    labels = task.decode(_outputs(task, 0)).numpy()
    for bad in (np.nan, np.inf):
        broken = labels.copy()
        broken[ROWS // 2, -1] = bad
        said = task.problem(broken)
        require(isinstance(said, str) and said.strip(), f"it accepts a label of {bad}")


@check(
    Task,
    why="Predictors see augmented images; runs must be repeatable, and pixels must stay in the range of images.",
    fix="Return images of the same shape in [-1, 1], draw from torch's generator alone, and change nothing in place.",
)
def augmented_images_are_images(cls: type[Task]) -> None:
    """Augmented images have the shape and range of images, follow the seed, and leave the given ones unchanged."""
    task = cls.example()
    torch.manual_seed(0)
    given = torch.rand(8, 3, 24, 40) * 2 - 1
    before = given.clone()
    torch.manual_seed(1)
    varied = task.augment(given)
    require(torch.equal(given, before), "the given images are changed in place")
    torch.manual_seed(1)
    again = task.augment(given)
    require(varied.shape == given.shape, f"augment returns {tuple(varied.shape)} for {tuple(given.shape)}")
    require(varied.dtype == given.dtype, f"augment returns {varied.dtype}")
    require(bool((varied.abs() <= 1 + 1e-5).all()), "augmented images leave [-1, 1]")
    require(torch.equal(varied, again), "the same seed gives other images")


def _labelled(cls: type[Task]) -> Task:
    task = cls.example()
    if not task.output_size:
        skip("its data have no labels")
    return task


def _outputs(task: Task, seed: int) -> torch.Tensor:
    return torch.randn(ROWS, task.output_size, generator=torch.Generator().manual_seed(seed))
