"""The parts of a picture of an eye: plain records of tensors, one row per image. Millimetres and radians."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

from torch import Tensor


@dataclass(frozen=True)
class Record:
    """Tensors [N], or [N, 3] for colours."""

    def for_pixels(self) -> Self:
        """The same values shaped [N, 1, 1] (colours stay [N, 3]), to broadcast over pixels [N, h, w]."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return type(self)(**{k: v[:, None, None] if v.ndim == 1 else v for k, v in values.items()})


@dataclass(frozen=True)
class Anatomy(Record):
    """One person's eye; the nose lies at image-left (right eyes are mirrored, as in MPIIGaze)."""

    kappa_pitch: Tensor  # visual axis minus optical axis
    kappa_yaw: Tensor
    eyeball_depth: Tensor  # of its centre behind the line through the eye corners
    eyeball_drop: Tensor  # of its centre below that line (negative: above)
    iris_radius: Tensor
    pupil_offset: Tensor  # towards the nose, in the iris plane
    half_width: Tensor  # of the opening between the eye corners
    tilt: Tensor  # of the outer corner above the inner one
    upper_opening: Tensor  # upper lid margin above the eyeball's centre, looking straight (MRD1)
    lower_opening: Tensor  # lower lid margin below it (MRD2)
    fullness: Tensor  # of the lids' curves: 0 is a parabola
    crease_height: Tensor  # above the upper lid margin, looking straight
    crease_strength: Tensor
    fold_drop: Tensor  # of the fold below the lower lid
    fold_strength: Tensor
    brow_height: Tensor  # of the brow's lower edge above the corners
    brow_strength: Tensor
    lash_length: Tensor
    lash_strength: Tensor
    lash_curl: Tensor  # angle of the upper lashes above the horizontal, looking straight
    socket_depth: Tensor  # 0 shallow, 1 deep-set: how dark the hollow above the lid is
    texture_x: Tensor  # where on the noise tile this person's skin and iris lie
    texture_y: Tensor
    skin_roughness: Tensor
    vein_strength: Tensor
    skin: Tensor  # [N, 3] linear reflectance
    iris: Tensor  # [N, 3]
    sclera: Tensor  # [N, 3]
    hair: Tensor  # [N, 3]


@dataclass(frozen=True)
class Pose(Record):
    """Where the eye looks and where the head is; camera x right, y down, z forward."""

    gaze_pitch: Tensor  # of the label: the visual axis
    gaze_yaw: Tensor
    head_pitch: Tensor
    head_yaw: Tensor
    head_roll: Tensor
    shift_x: Tensor  # of the eye corners' midpoint from the image centre
    shift_y: Tensor
    distance: Tensor  # from the camera
    openness: Tensor  # 1 open, 0 closed
    pupil_radius: Tensor


@dataclass(frozen=True)
class Lighting(Record):
    """One main light and light from everywhere, reflections of sources, and spectacles."""

    azimuth: Tensor  # of the main light, positive to image-left
    elevation: Tensor
    ambient: Tensor  # [N, 3]
    key: Tensor  # [N, 3]
    shadow_angle: Tensor  # the edge of a shadow that falls across the eye region
    shadow_offset: Tensor
    shadow_softness: Tensor
    shadow_strength: Tensor
    glint_width: Tensor
    glint_height: Tensor
    glint_strength: Tensor
    screen_strength: Tensor  # reflection of the screen in the cornea
    screen_width: Tensor
    screen_drop: Tensor  # elevation of the screen below the camera
    shine: Tensor  # of moist or oily skin
    glasses: Tensor  # 0 or 1
    frame_height: Tensor  # of the rim above and below the eye corners
    frame_drop: Tensor
    frame_thickness: Tensor
    frame_dark: Tensor
    lens_x: Tensor  # the reflection in the lens
    lens_y: Tensor
    lens_width: Tensor
    lens_height: Tensor
    lens_strength: Tensor


@dataclass(frozen=True)
class Photography(Record):
    """What the camera does to the light. The source's simulator has no such camera."""

    scale: Tensor  # camera pixels per pixel of the normalised image, at most 1
    phase_x: Tensor  # where the camera's grid lies, in its pixels
    phase_y: Tensor
    blur_x: Tensor  # standard deviation in camera pixels
    blur_y: Tensor
    sharpen: Tensor
    exposure: Tensor  # mean grey level of the 8-bit picture aimed at
    contrast: Tensor
    haze: Tensor
    noise: Tensor  # standard deviation in grey levels at mid grey
    quality: Tensor  # of the JPEG


@dataclass(frozen=True)
class Scene:
    """All of it."""

    anatomy: Anatomy
    pose: Pose
    lighting: Lighting
    photography: Photography | None
