"""`office-caltech`: object images of four domains as features (Gong et al. 2012, Fernando et al. 2013)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from pydantic import Field

from ganzoo import hookimpl
from ganzoo.batch import Column, DataSpec
from ganzoo.dataset import Dataset, Domain
from ganzoo.errors import ConfigError, DatasetError
from ganzoo.settings import Settings
from ganzoo.task import ClassTask
from ganzoo_office_caltech.features import CLASSES, DIMENSION, DomainName, Features, read_features, standardised

ganzoo_contract = 2

PER_CLASS = {"dslr": 8}  # source images of a class in the published protocol
OTHERWISE = 20


class OfficeCaltechConfig(Settings):
    root: Path | None = Field(
        None, description="The folder with the feature files, such as surf_amazon.mat (required)."
    )
    features: Features = Field("surf", description=f"The features: {', '.join(get_args(Features))}.")
    source: DomainName = Field("amazon", description=f"The labelled domain: {', '.join(get_args(DomainName))}.")
    target: DomainName = Field("webcam", description="The unlabelled domain, all of whose images are also the test.")
    per_class: int = Field(
        0, ge=0, le=10_000, description="Source images drawn of each class; 0: 20, or 8 of dslr, as published."
    )
    scaling: Literal["published", "none"] = Field(
        "published",
        description="published: each feature has mean 0 and deviation 1 over all images of its domain, SURF histograms "
        "after division by their sum; none: as in the files.",
    )
    data_seed: int = Field(0, ge=0, description="Seed by which source images are drawn.")


class OfficeCaltech(Dataset):
    """The source is drawn anew for each `data_seed`; its other images are the held-out source. The protocol is
    transductive: the unlabelled target and the test are the same images."""

    name = "office-caltech"
    summary = "Office+Caltech-10: ten classes of objects in four domains, as SURF, GoogLeNet or DeCAF features."
    homepage = "https://github.com/redhat12345/OfficeCaltechDomainAdaptation"
    license = "none stated; for research"
    Config = OfficeCaltechConfig

    def __init__(self, config: OfficeCaltechConfig) -> None:
        super().__init__(config)
        if config.source == config.target:
            raise ConfigError(f"dataset {self.name}: --source and --target are both {config.source}; name two domains")

    @property
    def task(self) -> ClassTask:
        return ClassTask(len(CLASSES))

    def source(self) -> Domain:
        return self._source[0]

    def source_test(self) -> Domain | None:
        return self._source[1]

    def target(self) -> Domain:
        return self._target.unlabelled()

    def target_test(self) -> Domain:
        return Domain("target-test", self._target.samples, self._target.labels)

    def spec(self) -> DataSpec:
        samples = Column((DIMENSION[self.config.features],), "vector")
        return DataSpec({"source": samples, "source_label": Column((1,), "vector"), "target": samples}, self.task)

    def card(self) -> Mapping[str, Any]:
        config = self.config
        return {
            "features": config.features,
            "source": {"domain": config.source, "samples": len(self.source())},
            "target": {"domain": config.target, "samples": len(self._target)},
            "test": "all target samples, which are also the unlabelled target (transductive)",
            "scaling": config.scaling,
            "classes": list(CLASSES),
        }

    @cached_property
    def _source(self) -> tuple[Domain, Domain | None]:
        """The drawn source samples in random order, and the others; None if none is left."""
        whole = self._read(self.config.source, "source")
        assert whole.labels is not None
        classes = whole.labels[:, 0]
        wanted = self.config.per_class or PER_CLASS.get(self.config.source, OTHERWISE)
        random = np.random.default_rng(self.config.data_seed)
        rows = []
        for label, name in enumerate(CLASSES):
            of_class = np.flatnonzero(classes == label)
            if len(of_class) < wanted:
                raise DatasetError(
                    f"--per-class {wanted}: {self.config.source} has only {len(of_class)} images of the class {name}"
                )
            rows.append(random.choice(of_class, wanted, replace=False))
        drawn = random.permutation(np.concatenate(rows))
        others = np.setdiff1d(np.arange(len(whole)), drawn)
        held_out = whole.take(others) if len(others) else None
        return whole.take(drawn), None if held_out is None else Domain("source-test", held_out.samples, held_out.labels)

    @cached_property
    def _target(self) -> Domain:
        return self._read(self.config.target, "target")

    def _read(self, domain: DomainName, name: str) -> Domain:
        """All images of a domain, labelled."""
        if self.config.root is None:
            raise ConfigError(f"dataset {self.name} needs --root: the folder with the feature files; {self.homepage}")
        values, classes = read_features(self.config.root, self.config.features, domain)
        if self.config.scaling == "published":
            values = standardised(values, self.config.features)
        return Domain(name, values.astype(np.float32), classes.astype(np.float32)[:, None])


@hookimpl
def ganzoo_datasets() -> Sequence[type[Dataset]]:
    return [OfficeCaltech]
