"""The formats: each writes a function with its card, and runs the file with the format's own runtime."""

from __future__ import annotations

import json
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from ganzoo.batch import DataSpec
from ganzoo.configuration.layers import build_config
from ganzoo.export.function import Function, Inputs, function_of
from ganzoo.runs.trained import Trained
from ganzoo.training.build import build_method

CARD = "ganzoo.json"  # the card's name within a file


class Format(ABC):
    """One file format."""

    ending: ClassVar[str]
    libraries: ClassVar[Sequence[str]] = ()  # beyond what ganzoo itself needs
    extra: ClassVar[str] = ""  # of ganzoo, which installs them
    runtime: ClassVar[str]  # what `run` runs it with
    package: ClassVar[str]  # whose version matters to that

    def missing(self) -> list[str]:
        return [name for name in self.libraries if find_spec(name) is None]

    @abstractmethod
    def write(self, trained: Trained, function: Function, file: Path, card: Mapping[str, Any]) -> None:
        """Write `file`, with the card inside."""

    @abstractmethod
    def run(self, trained: Trained, file: Path, function: Function, inputs: Sequence[Inputs]) -> list[Tensor]:
        """The results of the function in `file` for each of the inputs."""


class TorchScript(Format):
    ending = ".pt"
    runtime = "torch.jit.load"
    package = "torch"

    def write(self, trained: Trained, function: Function, file: Path, card: Mapping[str, Any]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch advises torch.export, which C++ and older torch cannot load
            traced = torch.jit.trace(function.module, function.inputs(3), check_trace=False)
            torch.jit.save(traced, str(file), _extra_files={CARD: json.dumps(card)})

    def run(self, trained: Trained, file: Path, function: Function, inputs: Sequence[Inputs]) -> list[Tensor]:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            loaded = torch.jit.load(str(file), map_location="cpu")
            return [loaded(*given) for given in inputs]


class Onnx(Format):
    ending = ".onnx"
    libraries = ("onnx", "onnxruntime", "onnxscript")
    extra = "onnx"
    runtime = "onnxruntime"
    package = "onnxruntime"

    def write(self, trained: Trained, function: Function, file: Path, card: Mapping[str, Any]) -> None:
        import onnx

        names, batch = [each["name"] for each in function.takes], torch.export.Dim("batch")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter about itself
            program = torch.onnx.export(
                function.module,
                function.inputs(3),
                dynamo=True,
                dynamic_shapes=(tuple({0: batch} for _ in names),),
                input_names=names,
                output_names=[function.output["name"]],
                external_data=False,
                verbose=False,
            )
        assert program is not None
        model = program.model_proto
        model.metadata_props.add(key=CARD, value=json.dumps(card))
        onnx.checker.check_model(model)
        onnx.save(model, str(file))

    def run(self, trained: Trained, file: Path, function: Function, inputs: Sequence[Inputs]) -> list[Tensor]:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        names = [each["name"] for each in function.takes]
        fed = [{name: tensor.numpy() for name, tensor in zip(names, given, strict=True)} for given in inputs]
        return [torch.from_numpy(session.run(None, each)[0]) for each in fed]


class Safetensors(Format):
    """The parameters and buffers that the function uses; with them and the card ganzoo restores the method."""

    ending = ".safetensors"
    runtime = "a new method with these weights"
    package = "safetensors"

    def write(self, trained: Trained, function: Function, file: Path, card: Mapping[str, Any]) -> None:
        # of the part that the function needs: a history holds images that may be private
        state = function.module.get_submodule("method").state_dict()
        tensors = {name: tensor.detach().contiguous().clone() for name, tensor in state.items()}
        file.write_bytes(save(tensors, metadata={"format": "pt", CARD: json.dumps(card)}))

    def run(self, trained: Trained, file: Path, function: Function, inputs: Sequence[Inputs]) -> list[Tensor]:
        with safe_open(file, framework="pt") as opened:
            card = json.loads(opened.metadata()[CARD])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (it is not a mapping)
        cls = type(trained.method)
        config = build_config(cls.Config, {"the card": card["method"]["settings"]})
        # another seed: missing weights must not be right by chance
        spec = DataSpec.from_table(card["data"]["images"]) or trained.spec
        fresh = build_method(cls, config, spec, seed=trained.plan.train.seed + 1, device=torch.device("cpu"))
        fresh.load_state_dict(tensors, strict=False)
        again = function_of(fresh, function.capability)
        with torch.no_grad():
            return [again.module(*given) for given in inputs]


FORMATS: Mapping[str, Format] = {"torchscript": TorchScript(), "onnx": Onnx(), "safetensors": Safetensors()}
