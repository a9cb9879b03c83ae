"""The two rendering styles: a simple simulator, and a webcam in the wild.

Every number here is stated, with its origin, in docs/eyes.md. Change one and you must raise `RENDERER_VERSION`.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ganzoo_eyes.counter import Draws
from ganzoo_eyes.people import people
from ganzoo_eyes.scene import Lighting, Photography, Pose, Scene

Range = tuple[float, float, float, float]  # degrees: pitch from, to, yaw from, to

TARGET_GAZE: Range = (-20.0, 1.5, -18.0, 18.0)  # as published for MPIIGaze
SOURCE_GAZE: dict[str, Range] = {
    "matched": (-22.0, 3.5, -20.0, 20.0),  # the target's stated range with 2 degrees to spare
    "wide": (-35.0, 15.0, -35.0, 35.0),
}
_WHITE = (1.0, 1.0, 1.0)


def _lit(level: Tensor, colour: Tensor) -> Tensor:
    return level[:, None] * colour


def _none(like: Tensor) -> Tensor:
    return torch.zeros_like(like)


def source_scene(seed: int, split: str, index: Tensor, people_count: int, gaze: Literal["matched", "wide"]) -> Scene:
    """Clean and evenly lit: few faces, one lamp near the camera, no camera faults, the optical axis as label."""
    draws = Draws(seed, split, index)
    anatomy = people(Draws(seed, "source people", index % people_count), kappa=False)
    pitch_from, pitch_to, yaw_from, yaw_to = SOURCE_GAZE[gaze]
    zero = _none(anatomy.tilt)
    pose = Pose(
        gaze_pitch=torch.deg2rad(draws.uniform("gaze_pitch", pitch_from, pitch_to)),
        gaze_yaw=torch.deg2rad(draws.uniform("gaze_yaw", yaw_from, yaw_to)),
        head_pitch=torch.deg2rad(draws.uniform("head_pitch", -12, 12)),
        head_yaw=torch.deg2rad(draws.uniform("head_yaw", -16, 16)),
        head_roll=torch.deg2rad(draws.uniform("head_roll", -4, 4)),
        shift_x=draws.uniform("shift_x", -0.6, 0.6),
        shift_y=draws.uniform("shift_y", -0.6, 0.6),
        distance=600 / draws.uniform("scale", 0.94, 1.06),
        openness=draws.uniform("openness", 0.8, 1.1),
        pupil_radius=draws.uniform("pupil_radius", 1.4, 2.6),
    )
    key = draws.uniform("key", 0.1, 0.35)
    white = torch.tensor(_WHITE, device=index.device).expand(len(index), 3)
    lighting = Lighting(
        azimuth=torch.deg2rad(draws.uniform("azimuth", -25, 25)),
        elevation=torch.deg2rad(draws.uniform("elevation", 10, 40)),
        ambient=_lit(1 - key, white),
        key=_lit(key, white),
        shadow_angle=zero,
        shadow_offset=zero,
        shadow_softness=zero + 1,
        shadow_strength=zero,
        glint_width=zero + 0.7,
        glint_height=zero + 0.7,
        glint_strength=zero + 0.8,
        screen_strength=zero,
        screen_width=zero + 1,
        screen_drop=zero,
        shine=zero,
        glasses=zero,
        frame_height=zero + 14,
        frame_drop=zero,
        frame_thickness=zero + 2,
        frame_dark=zero,
        lens_x=zero,
        lens_y=zero,
        lens_width=zero + 1,
        lens_height=zero + 1,
        lens_strength=zero,
    )
    return Scene(anatomy, pose, lighting, None)


def twin_scene(seed: int, split: str, index: Tensor, people_count: int, gaze: Literal["matched", "wide"]) -> Scene:
    """The same eyes as `source_scene` of these rows shows, of the same people in the same pose with the same gaze, in
    the light and by the camera of the wild. The label stays the optical axis."""
    same = source_scene(seed, split, index, people_count, gaze)
    draws = Draws(seed, f"{split} twin", index)  # another space: the source's lamp must not decide the twin's
    person = Draws(seed, "twin people", index % people_count)
    return Scene(same.anatomy, same.pose, _target_lighting(draws, person), _webcam(draws, person))


def target_scene(seed: int, split: str, index: Tensor, first_person: int, people_count: int) -> Scene:
    """In the wild. `index` counts the split's images, whose people are `first_person` and the ones after."""
    draws = Draws(seed, split, index)
    person = Draws(seed, "target people", first_person + index % people_count)
    anatomy = people(person, kappa=True)
    return Scene(anatomy, _target_pose(draws, person), _target_lighting(draws, person), _webcam(draws, person))


def _target_pose(draws: Draws, person: Draws) -> Pose:
    pitch_from, pitch_to, yaw_from, yaw_to = TARGET_GAZE
    gaze_pitch, gaze_yaw = (
        draws.uniform("gaze_pitch", pitch_from, pitch_to),
        draws.uniform("gaze_yaw", yaw_from, yaw_to),
    )
    # The head turns part of the way to what the eye looks at; the laptop's camera is above its screen.
    head_pitch = person.normal("head_pitch", 4, 4) + 0.3 * gaze_pitch + draws.normal("head_pitch", 0, 5)
    head_yaw = 0.4 * gaze_yaw + draws.normal("head_yaw", 0, 7)
    reach = 25.0  # eyes rarely turn further in the head without it following (Stahl 1999, rounded)
    return Pose(
        gaze_pitch=torch.deg2rad(gaze_pitch),
        gaze_yaw=torch.deg2rad(gaze_yaw),
        head_pitch=torch.deg2rad(gaze_pitch + (head_pitch - gaze_pitch).clamp(-reach, reach)),
        head_yaw=torch.deg2rad(gaze_yaw + (head_yaw - gaze_yaw).clamp(-reach, reach)),
        head_roll=torch.deg2rad(draws.normal("head_roll", 0, 2.5)),
        shift_x=draws.normal("shift_x", 0, 0.4),
        shift_y=person.normal("shift_y", 0, 0.4) + draws.normal("shift_y", 0, 0.4),
        distance=600 / (person.normal("scale", 1.0, 0.05) * draws.normal("scale", 1.0, 0.025)),
        openness=person.normal("openness", 1.0, 0.07) * (1 - 0.3 * draws.uniform("openness") ** 5),
        pupil_radius=person.uniform("pupil_radius", 1.5, 2.6) + draws.normal("pupil_radius", 0, 0.3),
    )


def _target_lighting(draws: Draws, person: Draws) -> Lighting:
    red_to_blue = torch.tensor([0.30, 0.0, -0.40], device=draws.device)
    warm = torch.exp(draws.normal("warmth", 0, 0.5)[:, None] * red_to_blue)
    other = torch.exp(draws.normal("other_warmth", 0, 0.5)[:, None] * red_to_blue)
    key = draws.hump("key", 0.05, 0.70)
    glasses = person.chance("glasses", 0.30)
    return Lighting(
        azimuth=torch.deg2rad(draws.hump("azimuth", -75, 75)),
        elevation=torch.deg2rad(draws.normal("elevation", 30, 18)),
        ambient=_lit(1 - key, other),
        key=_lit(1.2 * key, warm),
        shadow_angle=draws.uniform("shadow_angle", 0, 6.2832),
        shadow_offset=draws.uniform("shadow_offset", 2, 16),
        shadow_softness=draws.uniform("shadow_softness", 2, 12),
        shadow_strength=draws.chance("shadow", 0.25) * draws.uniform("shadow_strength", 0.3, 0.9),
        glint_width=draws.uniform("glint_width", 0.3, 1.6),
        glint_height=draws.uniform("glint_height", 0.3, 1.6),
        glint_strength=draws.chance("glint", 0.75) * draws.uniform("glint_strength", 0.2, 2.5),
        screen_strength=draws.uniform("screen_strength", 0.0, 0.35) ** 1.5,
        screen_width=draws.uniform("screen_width", 1.2, 3.0),
        screen_drop=torch.deg2rad(draws.uniform("screen_drop", 5, 20)),
        shine=draws.uniform("shine", 0.0, 0.35) ** 1.5,
        glasses=glasses,
        frame_height=person.uniform("frame_height", 12, 20),
        frame_drop=person.normal("frame_drop", 3, 1.5) + draws.normal("frame_drop", 0, 1),
        frame_thickness=person.uniform("frame_thickness", 0.8, 4.0),
        frame_dark=person.uniform("frame_dark", 0.02, 0.25),
        lens_x=draws.uniform("lens_x", -20, 20),
        lens_y=draws.uniform("lens_y", -14, 14),
        lens_width=draws.uniform("lens_width", 2, 12),
        lens_height=draws.uniform("lens_height", 1.5, 8),
        lens_strength=glasses * draws.chance("lens", 0.5) * draws.uniform("lens_strength", 0.05, 0.6),
    )


def _webcam(draws: Draws, person: Draws) -> Photography:
    """A person uses one laptop throughout, as in MPIIGaze: its resolution, noise and compression are theirs."""
    return Photography(
        scale=(person.uniform("camera_scale", 0.7, 1.0) * draws.normal("camera_scale", 1, 0.08)).clamp(0.4, 1.0),
        phase_x=draws.uniform("phase_x", -0.5, 0.5),
        phase_y=draws.uniform("phase_y", -0.5, 0.5),
        blur_x=person.uniform("blur", 0.3, 0.7) + draws.uniform("blur_x", 0, 0.9) ** 3,
        blur_y=person.uniform("blur", 0.3, 0.7) + draws.uniform("blur_y", 0, 0.7) ** 3,
        sharpen=person.uniform("sharpen", 0.0, 0.8),
        exposure=draws.hump("exposure", 40, 190),
        contrast=draws.uniform("contrast", 0.75, 1.15),
        haze=draws.uniform("haze", 0.0, 0.3) ** 2,
        noise=person.uniform("noise", 0.4, 1.8) * draws.uniform("noise", 0.5, 2.0),
        quality=person.uniform("quality", 80, 97),
    )
