"""Mean teacher for domain adaptation (Tarvainen and Valpola 2017; French et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets
from ganzoo.nn.ema import ExponentialMovingAverage
from ganzoo.nn.predictor import LAPTOP, Predictor, recipe
from ganzoo.nn.rotation import rotate
from ganzoo_adaptation.label_matching import LabelMatching, LabelMatchingConfig, declines

ganzoo_contract = 2

REMEMBERED = 0.98  # of the moving average of predictions that the anchor watches


class MeanTeacherConfig(LabelMatchingConfig):
    """Settings of the mean teacher. The defaults fit eyes on a laptop."""

    batch_norm: bool = Field(True, description="BatchNorm after each convolution.")
    consistency: float = Field(1.0, ge=0, description="Weight of the distance from the teacher's prediction.")
    teacher: float = Field(0.99, gt=0, lt=1, description="Decay of the average of weights that is the teacher.")
    anchor: float = Field(
        1.0,
        ge=0,
        description="Weight of the squared distance between the mean outputs for the target and for the source; 0: "
        "student and teacher may drift together.",
    )
    rotation: float = Field(
        10.0,
        ge=0,
        le=90,
        description="Largest rotation, in degrees, of the target images that the student sees; gaze turns with them. "
        "Not used for labels of which it is not known how they turn.",
    )


class MeanTeacher(Method):
    """A student learns the labels of the source, and on the target to agree with its teacher, the average of its own
    weights, under different augmentation (French et al., section 3). For gaze the student's image is also rotated about
    its centre and the teacher's prediction with it, so that agreement says something about gaze (the equivariance of
    RUDA, Bao et al. 2022). An anchor holds the mean output, because with agreement alone both can drift together.
    Both domains are one BatchNorm batch, so that the teacher, which uses running statistics, is normalised as the
    student is; French et al. (section 3.2) keep the domains apart."""

    name = "mean-teacher"
    summary = "Learns to agree on target images with a moving average of itself, under augmentation and rotation."
    paper = "https://arxiv.org/abs/1706.05208"
    Config = MeanTeacherConfig
    couples_batch = True  # BatchNorm
    kinds = ("image",)
    presets: ClassVar[Presets] = {
        "default": {"train": LAPTOP},
        "no-anchor": {"method": {"anchor": 0.0}, "train": LAPTOP},
        "matched": {"method": {"match_labels": 2}, "train": LAPTOP},
        # French et al.: Adam 1e-3, decay .99, weight 3; their confidence mask is for classes and is not built
        "paper": {
            "method": {"network": "mnist", "decay": "constant", "consistency": 3.0, "anchor": 0.0},
            "train": {"steps": 20_000, "batch_size": 256},
        },
    }
    drift: Tensor  # float32 [task.output_size]: moving average of the difference between mean outputs

    def __init__(self, config: MeanTeacherConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.student = Predictor(config, spec.sample.shape, spec.task, batch_norm=config.batch_norm)
        self.teacher = ExponentialMovingAverage(self.student, config.teacher)
        self.register_buffer("drift", torch.zeros(spec.task.output_size))
        self.matching = LabelMatching(config.match_labels, spec)

    @classmethod
    def declines(cls, config: Any, spec: DataSpec) -> str:
        return declines(config, spec)

    def frozen(self) -> Sequence[nn.Module]:
        return [self.teacher]

    def phases(self) -> Mapping[str, Phase]:
        student = Phase(
            [self.student],
            self.loss,
            *recipe(self.config),
            after=lambda: self.teacher.update(self.student),
            follows=[self.teacher],
            averages=("drift", *self.matching.averages("matching")),
        )
        return {"student": student}

    def loss(self, batch: Batch) -> Mapping[str, Tensor]:
        count, student, task = len(batch), self.student, self.spec.task
        rows, label = self.matching.draw(batch)
        with torch.no_grad():
            taught = self._outputs(self.teacher.network, student.training_images(batch.target))
        self.matching.observe(taught)
        seen = student.training_images(batch.target)
        angle = torch.deg2rad(torch.empty(count, device=batch.device).uniform_(-1, 1) * self.config.rotation)
        turned = task.rotated(taught, angle)
        if turned is not None:
            seen, taught = rotate(seen, angle), turned
        outputs = self._outputs(student, torch.cat([student.training_images(rows), seen]))
        source, target = outputs[:count], outputs[count:]
        strength = self.matching.ramp(batch.progress)
        # means are comparable only once the labels are matched
        anchor = self.config.anchor * strength if self.config.match_labels else self.config.anchor
        return {
            "task": task.loss(source, label),
            "consistency": self.config.consistency * strength * task.consistency(target, taught),
            "anchor": anchor * self._anchor(source, target),
        }

    def _outputs(self, predictor: nn.Module, images: Tensor) -> Tensor:
        assert isinstance(predictor, Predictor)
        output: Tensor = predictor.head(predictor.features(images)).float()
        return output

    def _anchor(self, source: Tensor, target: Tensor) -> Tensor:
        """The squared drift, whose gradient is that of a mean over many batches: a batch's own mean is mostly noise,
        and pulling it in would shrink the predictions' spread."""
        now = target.mean(0)
        self.drift.lerp_(now.detach() - source.detach().mean(0), 1 - REMEMBERED)
        drift = self.drift.clone()
        return drift.square().sum() + 2 * (drift * (now - now.detach())).sum()

    def predict(self, images: Tensor) -> Tensor:
        prediction: Tensor = self.teacher(images)
        return prediction

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        anchor = means.get("student/anchor")
        if anchor is not None and self.config.anchor and anchor / self.config.anchor > 0.01:
            return [
                "The mean output for the target is far from that for the source: student and teacher drift together; "
                "raise --anchor or lower --consistency."
            ]
        return []


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [MeanTeacher]
