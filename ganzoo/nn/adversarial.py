"""Adversarial losses.

Each is the mean loss of a discriminator's scores if every image, or every patch of it, is to be classified as real
(`real=True`) or generated (`real=False`): 0-d, in float32. A discriminator minimises it with the true class of both
kinds of images. A generator minimises it with `real=True` for its own images, the form that does not saturate while
the discriminator is better.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def cross_entropy(scores: Tensor, *, real: bool) -> Tensor:
    """Two-class softmax cross-entropy per patch (Shrivastava et al. 2017, section 2.2).

    `scores` [N, 2, h, w]: channel 0 is the logit of "generated", channel 1 of "real".
    """
    return -F.log_softmax(scores.float(), 1)[:, int(real)].mean()


def non_saturating(scores: Tensor, *, real: bool, smoothing: float = 0.0) -> Tensor:
    """Binary cross-entropy on logits of any shape (Goodfellow et al. 2014, section 3). `real` is a large logit.

    With `smoothing` s the class has the probability 1 - s instead of 1 (Salimans et al. 2016, section 3.4: of real
    samples only, because a smoothed class of generated ones would hold the generator where it is).
    """
    scores = scores.float() if real else -scores.float()
    loss = F.softplus(-scores)
    return (loss + smoothing * scores).mean() if smoothing else loss.mean()  # (1 - s) sp(-a) + s sp(a)


def least_squares(scores: Tensor, *, real: bool) -> Tensor:
    """Squared distance of scores of any shape from 1 (real) or 0 (generated) (Mao et al. 2017, section 3.2)."""
    return (scores.float() - float(real)).square().mean()


def hinge(scores: Tensor, *, real: bool) -> Tensor:
    """Distance of scores of any shape from their side of the margin: from 1 up (real) or from -1 down (generated).

    Of a discriminator (Lim and Ye 2017; Miyato et al. 2018, equation 16). Its generator minimises the negated mean.
    """
    return F.relu(1 - scores.float() if real else 1 + scores.float()).mean()


def discriminator_terms(on_real: Tensor, on_generated: Tensor, *, smoothing: float = 0.0) -> dict[str, Tensor]:
    """The terms of a discriminator's logits on real and on generated samples (Goodfellow et al. 2014, equation 1).

    `smoothing` is one-sided: of the class of real samples.
    "real" and "generated" are to be minimised; "accuracy" is the share of correct answers, for `Method.diagnose`.
    """
    return {
        "real": non_saturating(on_real, real=True, smoothing=smoothing),
        "generated": non_saturating(on_generated, real=False),
        "accuracy": torch.cat([on_real > 0, on_generated < 0]).float().mean(),
    }
