"""Builds a method, and checks whether it can be trained with given settings."""

from __future__ import annotations

import torch

from ganzoo.batch import DataSpec
from ganzoo.errors import ConfigError, PluginError
from ganzoo.method import CLASS_FLAGS, Method
from ganzoo.settings import Settings
from ganzoo.training.config import TrainConfig
from ganzoo.training.cuda_graphs import recorder


def build_method(cls: type[Method], config: Settings, spec: DataSpec, *, seed: int, device: torch.device) -> Method:
    """A method with its initial weights, which are a function of the seed, on the device.

    Raises PluginError if the method sets an instance attribute that is read from its class.
    """
    torch.manual_seed(seed)
    method = cls(config, spec).to(device)
    if hidden := [flag for flag in CLASS_FLAGS if flag in vars(method)]:
        raise PluginError(f"{method.name} sets self.{hidden[0]}, which is read from the class; write {hidden[0]} = "
                          f"{vars(method)[hidden[0]]} in the body of class {cls.__name__}")  # fmt: skip
    return method.to(memory_format=torch.channels_last).requires_grad_(False)


def check_trainable(method: type[Method], own: Settings, config: TrainConfig, device: torch.device) -> None:
    """Raise ConfigError for settings with which `train` cannot train a method with its `own` ones on the device."""
    multiple = method.batch_multiple(own)
    for option, size in (("--batch-size", config.batch_size), ("--micro-batch", config.micro_batch)):
        if size % multiple:
            raise ConfigError(f"{option} {size} is not a multiple of {multiple}, which {method.name} needs with these "
                              f"settings; use {option} {-(-size // multiple) * multiple}")  # fmt: skip
    if config.micro_batch and method.couples_batch:
        raise ConfigError(f"{method.name} couples the samples of a batch: --micro-batch would change what it learns")
    if config.capture and config.compile:
        raise ConfigError("--capture and --compile cannot be combined; choose one")
    if config.capture:
        recorder(device)
