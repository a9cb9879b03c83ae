"""Makes a study: pages for raters in one folder, and the key outside of it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganzoo import __version__
from ganzoo.errors import UsageError
from ganzoo.files.output import check_writable, writing
from ganzoo.system.atomic import write_text
from ganzoo.turing.design import Design, Numbers
from ganzoo.turing.draw import Draw
from ganzoo.turing.key import NULL, RAW, REAL, Key, Rater, Source
from ganzoo.turing.page import page
from ganzoo.turing.pools import Pool
from ganzoo.turing.seal import derived
from ganzoo.turing.twin import Halves, halves_of, judged

RESERVED = (REAL, RAW, NULL)


@dataclass(frozen=True)
class Study:
    """What to make. `seed` None: drawn by the system, so that nobody can compute the order."""

    design: Design
    numbers: Numbers
    null: bool = False
    twin: bool = True
    near: float = 12.0  # grey levels between near-duplicates of the real images
    seed: int | None = None


def check_places(out: Path, key: Path) -> None:
    """Before any work: raise UsageError if the pages' folder is not empty or would hold the key."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file; give a folder for the pages")
    if out.is_dir() and any(out.iterdir()):
        raise UsageError(f"--out {out} is not empty; give a new or empty folder")
    if key.resolve().is_relative_to(out.resolve()):
        raise UsageError(
            f"--key {key} is inside the folder of the pages, {out}, where raters find it; put it elsewhere"
        )
    if key.exists():
        raise UsageError(f"--key {key} exists; give another file, since answers to its pages need it")
    if key.suffix.lower() != ".json":
        raise UsageError(f"--key {key}: give a file whose name ends in .json")
    check_writable(out)
    check_writable(key.parent)


def make(study: Study, real: Pool, fakes: Sequence[Pool], raw: Pool | None, out: Path, key_file: Path) -> Key:
    """Draw the trials and write the pages and the key. The key is complete or absent, and is written last.

    Raises UsageError if there are too few images, GanzooError if nothing can be written.
    """
    pools = _by_name(real, fakes, raw)
    secret = secrets.token_hex(16) if study.seed is None else derived("ganzoo", "seed", study.seed)
    blocks = {pool.name: study.numbers.trials for pool in fakes}
    if raw is not None and study.numbers.raw_trials:
        blocks[RAW] = study.numbers.raw_trials
    if study.null:
        blocks[NULL] = study.numbers.trials
    parts: Mapping[str, Halves] = {
        name: halves_of(pool, secret, study.near) if study.twin and (name == REAL or name in blocks) else _all(pool)
        for name, pool in pools.items()
    }
    rows = {name: part[0] for name, part in parts.items()}
    groups = {name: pool.groups for name, pool in pools.items()}
    draw = Draw(secret, study.design, study.numbers, blocks, rows, groups)
    name = derived(secret, "study")[:8]
    raters, pages = [], {}
    for number in range(study.numbers.raters):
        rater = _rater(secret, number, draw)
        pages[rater.file] = page(name, study.design, rater, pools)
        raters.append(rater.model_copy(update={"sha256": hashlib.sha256(pages[rater.file].encode()).hexdigest()}))
    null = draw.null_trials(study.numbers.trials) if study.twin and not study.null and _enough(draw, study) else []
    shown = [trial for rater in raters for trial in rater.trials]
    learn = {name: part[1] for name, part in parts.items()}
    key = Key(
        study=name,
        secret=secret,
        ganzoo=__version__,
        design=study.design,
        numbers=study.numbers,
        real=_source(real, rows[REAL]),
        sources=[_source(pools[each], rows[each]) for each in pools if each != REAL],
        raters=raters,
        null_trials=null,
        twin=judged(pools, learn, [*shown, *null], secret) if study.twin else [],
    )
    _write(out, pages)
    key.write(key_file)
    return key


def _by_name(real: Pool, fakes: Sequence[Pool], raw: Pool | None) -> dict[str, Pool]:
    """The pools by unique names, without images that occur twice or are on both sides."""
    names = [pool.name for pool in fakes]
    for name in names:
        if name in RESERVED or names.count(name) > 1:
            why = "is reserved" if name in RESERVED else "names two sources"
            raise UsageError(f"--fake: {name!r} {why}; name each source, as in --fake refined=RUN")
    seen: set[bytes] = set()
    pools = {}
    for pool in [real, *fakes, *([raw] if raw is not None else [])]:
        fresh = []
        for row, image in enumerate(pool.images):
            digest = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
            if digest not in seen:
                fresh.append(row)
            seen.add(digest)
        if not fresh:
            raise UsageError(f"all {len(pool)} images of {pool.name} are pixel-identical to others of the study")
        pools[pool.name] = pool.take(np.array(fresh))
    return pools


def _all(pool: Pool) -> Halves:
    return np.arange(len(pool)), np.arange(0)


def _enough(draw: Draw, study: Study) -> bool:
    """Whether there are real images for a null check of the machine alone."""
    needed = study.numbers.trials * (2 if study.design.protocol == "pairs" else 1)
    return len(draw.rows[REAL]) >= needed


def _rater(secret: str, number: int, draw: Draw) -> Rater:
    code = f"{number + 1:03d}-{derived(secret, 'code', number)[:4]}"
    return Rater(
        code=code,
        file=f"rater-{code}.html",
        sha256="",
        salt=derived(secret, "salt", number),
        real_side="left" if number % 2 == 0 else "right",
        trials=draw.trials(number),
    )


def _source(pool: Pool, rows: np.ndarray) -> Source:
    return Source(name=pool.name, images=len(rows), card=dict(pool.card))


def _write(out: Path, pages: Mapping[str, str]) -> None:
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        for name, text in pages.items():
            write_text(out / name, text)
