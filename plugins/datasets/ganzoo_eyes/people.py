"""Eyes of different people. Sizes in mm; docs/eyes.md says where each comes from."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo_eyes.counter import Draws
from ganzoo_eyes.scene import Anatomy

# Linear reflectances (R, G, B), from fair to dark skin; assumptions, by eye.
_FAIR, _DARK = (0.60, 0.42, 0.34), (0.085, 0.045, 0.030)
_IRISES = (
    (0.030, 0.018, 0.012),  # dark brown
    (0.075, 0.042, 0.022),  # brown
    (0.13, 0.095, 0.045),  # hazel
    (0.13, 0.15, 0.10),  # green
    (0.15, 0.20, 0.25),  # blue or grey
)
_IRIS_SHARES = (0.40, 0.30, 0.10, 0.05, 0.15)
_HAIR = ((0.012, 0.010, 0.009), (0.030, 0.020, 0.014), (0.12, 0.085, 0.05))
_HAIR_SHARES = (0.6, 0.3, 0.1)


def people(draws: Draws, *, kappa: bool) -> Anatomy:
    """The people whose ids are the draws' index. Without `kappa` the optical axis is the line of sight.

    Kappa: 5 degrees towards the nose (image-left: positive yaw) and 1.5 degrees up (Guestrin and Eizenman 2006).
    """
    share = 1.0 if kappa else 0.0
    melanin = draws.uniform("melanin")[:, None] ** 1.5
    fair, dark = (torch.tensor(colour, device=melanin.device).log() for colour in (_FAIR, _DARK))
    return Anatomy(
        kappa_pitch=share * torch.deg2rad(draws.normal("kappa_pitch", 1.5, 1.0)),
        kappa_yaw=share * torch.deg2rad(draws.normal("kappa_yaw", 5.0, 1.5)),
        eyeball_depth=draws.normal("eyeball_depth", 6.0, 0.8),
        eyeball_drop=draws.normal("eyeball_drop", -1.8, 0.5),
        iris_radius=draws.normal("iris_radius", 5.9, 0.25),
        pupil_offset=draws.normal("pupil_offset", 0.2, 0.1),
        half_width=draws.normal("half_width", 14.5, 0.9),
        tilt=draws.normal("tilt", 2.0, 1.0),
        upper_opening=draws.normal("upper_opening", 4.2, 0.8),
        lower_opening=draws.normal("lower_opening", 5.0, 0.6),
        fullness=draws.normal("fullness", 0.35, 0.15),
        crease_height=draws.normal("crease_height", 3.0, 1.0),
        crease_strength=draws.uniform("crease_strength", 0.1, 0.9),
        fold_drop=draws.normal("fold_drop", 4.5, 1.0),
        fold_strength=draws.uniform("fold_strength", 0.0, 0.4),
        brow_height=draws.normal("brow_height", 17.0, 2.5),
        brow_strength=draws.uniform("brow_strength", 0.4, 0.95),
        lash_length=draws.normal("lash_length", 6.0, 1.5),
        lash_strength=draws.uniform("lash_strength", 0.45, 1.0),
        lash_curl=draws.normal("lash_curl", 0.40, 0.20),
        socket_depth=draws.uniform("socket_depth"),
        texture_x=draws.uniform("texture_x", 0, 256),
        texture_y=draws.uniform("texture_y", 0, 256),
        skin_roughness=draws.uniform("skin_roughness", 0.01, 0.04),
        vein_strength=draws.uniform("vein_strength", 0.02, 0.12),
        skin=(fair + (dark - fair) * melanin).exp(),
        iris=_iris(draws, melanin),
        sclera=_sclera(draws),
        hair=draws.pick("hair", _HAIR, _HAIR_SHARES),
    )


def _iris(draws: Draws, melanin: Tensor) -> Tensor:
    """Pale irises go with fair skin: from the middle of the range on, all are dark brown."""
    brown = torch.tensor(_IRISES[0], device=melanin.device)
    pale = ((0.55 - melanin) / 0.1).clamp(0, 1)
    colour = brown + pale * (draws.pick("iris", _IRISES, _IRIS_SHARES) - brown)
    return colour * draws.uniform("iris_tone", 0.8, 1.25)[:, None]


def _sclera(draws: Draws) -> Tensor:
    tone = draws.uniform("sclera", 0.30, 0.50)[:, None]
    return tone * torch.tensor([1.0, 0.93, 0.90], device=tone.device)
