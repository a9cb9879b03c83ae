"""What comes out of a trained method."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ganzoo.batch import DataSpec, image_spec
from ganzoo.capabilities import Generates, GeneratesLabelled, Predicts, Refines
from ganzoo.method import Method
from ganzoo.task import ClassTask, GazeTask
from ganzoo.testing import toy
from ganzoo.testing.aligned_noise import HALF, WHOLE, AlignedNoise
from ganzoo.testing.checks import check, require, skip, violate

COUNT = 5
JUDGES = {Refines: "refine", Predicts: "predict"}
SPECS = (toy.SPEC, image_spec(3, 16, 24, ClassTask(3)), image_spec(1, 21, 27, GazeTask()))


@check(
    Method,
    why="Metrics, sample sheets and exports take images of the dataset's size in [-1, 1], whatever the size is.",
    mend="Size networks from `spec`, end those that make images in tanh or clamp(-1, 1), and crop after upsampling.",
)
def outputs_keep_shape_and_range(cls: type[Method]) -> None:
    """Images keep their shape and range, in grey and colour and at odd sizes; predictions have the form of labels."""
    for spec in SPECS:
        method = toy.trained(cls, spec)
        for name, output in _outputs(method, spec):
            wanted = (COUNT, spec.task.label_size) if name == "predict" else (COUNT, *spec.image_shape)
            size = f"{spec.image_shape} images and {type(spec.task).__name__}"
            require(tuple(output.shape) == wanted, f"{name} gives {tuple(output.shape)}, not {wanted}, for {size}")
            require(output.dtype == torch.float32, f"{name} gives {output.dtype}, not float32")
            require(torch.isfinite(output).all(), f"{name} gives numbers that are not finite for {size}")
            if name == "predict":
                problem = spec.task.problem(output.numpy())
                require(problem is None, f"{name} gives impossible labels: {problem}")
            else:
                require(output.abs().max() <= 1, f"{name} leaves [-1, 1]: it reaches {float(output.abs().max()):.3g}")


@check(
    Method,
    why="Commands refine and predict in batches of their own choice; the size of these must not show in the result.",
    mend="Use no batch statistics in eval mode, and nothing that compares the images of a batch.",
)
def images_are_judged_one_by_one(cls: type[Method]) -> None:
    """In eval mode an image is refined or judged alike alone and among others, whatever noise is drawn."""
    method = toy.trained(cls)
    named = {name: getattr(method, name) for can, name in JUDGES.items() if isinstance(method, can)}
    if not named:
        skip("it neither refines nor predicts")
    for name, judge in named.items():
        images = toy.uneven(_images(toy.SPEC, WHOLE))
        together, noise = _in_parts(judge, images, WHOLE)
        few, again = _in_parts(judge, images, HALF if noise.draws else 1)  # noise needs a batch to be aligned along
        if torch.allclose(together, few, rtol=1e-3, atol=1e-4):
            continue
        if unknown := sorted(noise.unknown | again.unknown):
            skip(f"{name} draws with {', '.join(unknown)}, which the kit cannot repeat image by image")
        violate(f"{name} answers otherwise for an image alone than for the same image among others")


@check(
    Method,
    why="Samples are made during training and scores after it; neither may change what is trained or measured.",
    mend="Update buffers in losses only.",
)
def outputs_change_nothing(cls: type[Method]) -> None:
    """Refining, generating and predicting leave parameters and buffers as they are."""
    method = toy.trained(cls)
    before = toy.state(method)
    for name, _ in _outputs(method, toy.SPEC):
        changed = toy.differences(before, toy.state(method))
        require(not changed, f"{name} changes {', '.join(changed)}")


@check(
    Method,
    why="Commands load a finished run into a new object, which has nothing but the saved state.",
    mend="Register what is learned as parameters and buffers, with their final shapes already in the constructor.",
)
def saved_state_is_enough(cls: type[Method]) -> None:
    """A new object that is given the state dict answers as the trained one does."""
    method, copy = toy.trained(cls), toy.build(cls, seed=1).eval()
    copy.load_state_dict(method.state_dict())
    for (name, one), (_, other) in zip(_outputs(method, toy.SPEC), _outputs(copy, toy.SPEC), strict=True):
        require(torch.equal(one, other), f"{name} answers otherwise after its state was loaded into a new object")


def _outputs(method: Method, spec: DataSpec) -> Iterator[tuple[str, Tensor]]:
    """What each capability answers, always with the same noise."""
    images, labels = _images(spec), torch.from_numpy(toy.domains(spec)[0].labels[:COUNT])  # type: ignore[index]
    if isinstance(method, Refines):
        yield "refine", _quietly(method.refine, images)
    if isinstance(method, Generates):
        yield "generate", _quietly(method.generate, COUNT)
    if isinstance(method, GeneratesLabelled):
        yield "generate_labelled", _quietly(method.generate_labelled, labels)
    if isinstance(method, Predicts):
        yield "predict", _quietly(method.predict, images)


def _quietly(capability: Callable[..., Tensor], argument: object) -> Tensor:
    torch.manual_seed(0)
    with torch.no_grad():
        return capability(argument)


def _in_parts(judge: Callable[[Tensor], Tensor], images: Tensor, size: int) -> tuple[Tensor, AlignedNoise]:
    """What it answers when it is given `size` images at a time, and what the last call drew."""
    answers = []
    for start in range(0, len(images), size):
        with AlignedNoise(start, size, len(images)) as noise:
            answers.append(_quietly(judge, images[start : start + size]))
    return torch.cat(answers), noise


def _images(spec: DataSpec, count: int = COUNT) -> Tensor:
    return toy.batch(spec, count).source
