"""Draws scenes: one ray per sub-pixel against the face and the eyeball, then the parts laid over each other.

Edges are soft over about a sub-pixel, which anti-aliases them. Only operations whose result for an element does not
depend on its place in the tensor are used (no atan2, no GEMM), so that a picture does not depend on its batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo_eyes import texture
from ganzoo_eyes.canvas import Canvas, bell, ramp
from ganzoo_eyes.geometry import (
    CORNEA_CENTER,
    CORNEA_RADIUS,
    EYEBALL_RADIUS,
    Vector,
    dot,
    halfway,
    lids,
    place,
)
from ganzoo_eyes.scene import Scene
from ganzoo_eyes.view import look


def render(scene: Scene, height: int, width: int, channels: int) -> Tensor:
    """Linear light at every sub-pixel: float32 [N, channels, OVERSAMPLING * height, OVERSAMPLING * width]."""
    painter = Painter(scene, height, width, channels)
    painter.skin()
    painter.eyeball()
    painter.lashes()
    painter.reflections()
    painter.glasses()
    return torch.stack(painter.canvas.planes, 1)


class Painter:
    """One batch's picture, part by part."""

    def __init__(self, scene: Scene, height: int, width: int, channels: int) -> None:
        self.anatomy = scene.anatomy.for_pixels()
        self.pose, self.lighting = scene.pose.for_pixels(), scene.lighting.for_pixels()
        self.placed = placed = place(scene)
        self.view = view = look(scene, placed, height, width)
        self.canvas = Canvas(scene.lighting, channels, view.x.shape)
        self.soft = 1.2 * view.pitch
        self.eye_pitch = placed.eye_in_head[:, 0, None, None]
        self.upper, self.lower, self.line = lids(self.anatomy, self.pose, self.eye_pitch).curves(view.x)
        self.below_upper = view.y - self.upper  # mm, positive inside the opening
        self.above_lower = self.lower - view.y
        self.light = self._light_direction()
        self.cast = self._cast_shadow()

    def _light_direction(self) -> Vector:
        """Unit vector towards the main light, camera frame."""
        a, e = self.lighting.azimuth, self.lighting.elevation
        return -e.cos() * a.sin(), -e.sin(), -e.cos() * a.cos()

    def _lambert(self, normal: Vector) -> Tensor:
        return dot(normal, self.light).clamp(min=0)

    def _cast_shadow(self) -> Tensor:
        """What the nose, the brow or hair leave of the main light."""
        lit = self.lighting
        along = self.view.x * lit.shadow_angle.cos() + self.view.y * lit.shadow_angle.sin()
        return 1 - lit.shadow_strength * ramp(along - lit.shadow_offset + 6, lit.shadow_softness)

    def skin(self) -> None:
        """Face with its relief, texture, lid crease, fold under the eye, and brow."""
        a, view = self.anatomy, self.view
        head = self.placed.head[:, :, :, None, None]
        size = torch.rsqrt(view.slope_x * view.slope_x + view.slope_y * view.slope_y + 1)
        local = (-view.slope_x * size, -view.slope_y * size, -size)
        row = [dot((head[:, r, 0], head[:, r, 1], head[:, r, 2]), local) for r in range(3)]
        normal = row[0], row[1], row[2]
        above = -self.below_upper
        # Wrinkles run along the lids: the tile is read along the margin, and stretched.
        grain = texture.sample(view.x * 6 + a.texture_x, view.y * 6 + a.texture_y)
        lines = texture.sample(view.x * 1.2 + a.texture_y, above * 5 + a.texture_x)
        shade = 1 + a.skin_roughness * (grain + 0.6 * lines)
        crease = self._crease(above)
        fold = bell(self.view.y - self.lower - a.fold_drop + 0.02 * view.x * view.x, 0.9)
        shade = shade * (1 - 0.6 * a.crease_strength * crease) * (1 - 0.5 * a.fold_strength * fold)
        hollow = 1 - (0.05 + 0.4 * a.socket_depth) * bell(view.y + 8.5, 3.0) * ramp(above, 2.0)
        inner = 1 - 0.35 * bell(view.x + 16, 5.0) * bell(view.y + 2, 7.0)
        shade = shade.clamp(0.05, 2)
        ambient = shade * hollow * inner
        key = ambient * hollow * self._lambert(normal) * self.cast
        self.canvas.paint(a.skin, ambient, key, 1.0)
        edge = bell(self.below_upper - 0.2, 0.9)
        self.canvas.paint(0.45 * a.skin, ambient, key, 0.5 * edge * ramp(a.half_width - view.x.abs(), 2.0))
        self._brow(ambient, key)
        self._shine(normal)

    def _crease(self, above: Tensor) -> Tensor:
        """The fold above the margin; it follows the lid half of the way, so more lid shows when the eye looks down."""
        a = self.anatomy
        t = self.view.x / a.half_width
        rise = a.crease_height + 6 * (-self.eye_pitch.sin()).clamp(min=-0.2)
        return bell(above - rise * (1 - 0.45 * t * t).clamp(min=0.3), 0.7) * ramp(1.25 - t.abs(), 0.4)

    def _brow(self, ambient: Tensor, key: Tensor) -> None:
        a, view = self.anatomy, self.view
        arch = -a.brow_height + 0.012 * (view.x - 4) * (view.x - 4)
        strands = texture.sample((view.x + 0.7 * view.y) * 9 + a.texture_x, view.y * 1.5 + a.texture_y)
        cover = ramp(arch - view.y + 0.5 * strands, 2.0) * ramp(view.y - arch + 7, 2.0)
        self.canvas.paint(a.hair, ambient, key, a.brow_strength * cover * (0.8 + 0.2 * strands).clamp(0, 1))

    def _shine(self, normal: Vector) -> None:
        """Moist or oily skin mirrors the main light (Blinn-Phong)."""
        facing = dot(normal, halfway(self.light)).clamp(min=0)
        gloss = facing * facing
        for _ in range(3):
            gloss = gloss * gloss
        self.canvas.glow(self.canvas.light.key, self.lighting.shine * gloss * self.cast)

    def eyeball(self) -> None:
        """Sclera, iris, pupil and the wet corner, seen through the opening of the lids."""
        a, view = self.anatomy, self.view
        opening = (
            ramp(self.below_upper, self.soft)
            * ramp(self.above_lower, self.soft)
            * ramp(a.half_width - view.x.abs(), self.soft)
        )
        # The upper lid and its lashes shade the eye below them; the corners lie deep.
        shade = (
            0.9
            * (1 - 0.65 * torch.exp(self.below_upper.clamp(min=0) * (-1 / 1.8)))
            * (1 - 0.3 * torch.exp(self.above_lower.clamp(min=0) * (-1 / 0.8)))
        )
        t = view.x / a.half_width
        shade = shade * (1 - 0.45 * t * t * t * t)
        key = shade * self._lambert(self._eyeball_normal()) * self.cast
        radius = (view.u * view.u + view.v * view.v + 1e-6).sqrt()
        veins = texture.sample(view.u * 5 + a.texture_y, view.v * 9 + a.texture_x)
        bloodshot = 1 - a.vein_strength * (veins.abs() * t * t * 2)
        self.canvas.paint(a.sclera, shade * bloodshot, key * bloodshot, opening)
        # The limbus is a soft ring, about 0.7 mm wide.
        iris = opening * ramp(a.iris_radius - radius, 0.7 + self.soft)
        pattern = self._iris_pattern(radius)
        self.canvas.paint(a.iris, shade * pattern, key * pattern, iris)
        du, dv = view.u + a.pupil_offset, view.v
        pupil = ramp(self.pose.pupil_radius - (du * du + dv * dv + 1e-6).sqrt(), 0.2 + self.soft)
        self.canvas.paint(0 * a.iris + 0.004, 1.0, 1.0, iris * pupil)
        corner = bell(view.x + a.half_width - 1.8, 1.1) * bell(view.y - self.line, 1.3)
        self.canvas.paint(a.skin * 0.9 + 0.03, shade, key, opening * 0.85 * corner)
        rim = opening * ramp(0.9 - self.above_lower, 0.6)
        self.canvas.paint(a.skin * 0.8 + 0.08, shade * 1.1, key * 1.1, 0.7 * rim)

    def _eyeball_normal(self) -> Vector:
        center = self.placed.center[:, :, None, None]
        near = center[:, 2] - EYEBALL_RADIUS + 1.5
        x = (self.view.dx * near - center[:, 0]) / EYEBALL_RADIUS
        y = (self.view.dy * near - center[:, 1]) / EYEBALL_RADIUS
        return x, y, -(1 - x * x - y * y).clamp(min=0.02).sqrt()

    def _iris_pattern(self, radius: Tensor) -> Tensor:
        """Radial fibres as a few harmonics of the polar angle, a collarette, and the dark limbus."""
        a = self.anatomy
        cosine, sine = self.view.u / radius, self.view.v / radius
        pattern = torch.ones_like(radius)
        phase = a.texture_x + 0.3 * radius
        for order in (5, 9, 17):  # harmonics by repeated multiplication: exact whatever the batch
            c, s = _turned(cosine, sine, order)
            pattern = pattern + 0.06 * (c * (phase * order).cos() + s * (phase * order).sin())
        share = radius / a.iris_radius
        collarette = bell(share - 0.5, 0.08)
        limbus = ramp(share - 0.86, 0.3)
        return (pattern + 0.15 * collarette) * (1 - 0.6 * limbus)

    def lashes(self) -> None:
        """A fringe of irregular strands along each margin; it hangs down when the eye looks down."""
        a, view = self.anatomy, self.view
        inside = ramp(a.half_width * 1.05 - view.x.abs(), 2.0)
        lift = (a.lash_curl + 0.8 * self.eye_pitch + self.pose.head_pitch * 0.5).sin()
        reach = a.lash_length * torch.where(lift.abs() < 0.12, 0.12 * torch.where(lift < 0, -1.0, 1.0), lift)
        self._fringe(-self.below_upper / reach, reach.abs(), a.lash_strength * inside, 3.2)
        self._fringe(
            -self.above_lower / (0.35 * a.lash_length), 0.35 * a.lash_length, 0.3 * a.lash_strength * inside, 2.0
        )
        # Roots are so close that they form a line.
        line = bell(self.below_upper, 0.6 + 0.5 * self.soft) * inside
        self.canvas.paint(a.hair, 1.0, 0.5, 0.75 * a.lash_strength * line)

    def _fringe(self, along: Tensor, reach: Tensor, strength: Tensor, density: float) -> None:
        """`along` is 0 at the roots and 1 at the tips of the strands."""
        a = self.anatomy
        part = along.clamp(0, 1)
        fan = self.view.x * (1 - 0.25 * part * reach / a.half_width)
        strands = texture.sample(fan * (density * 2) + a.texture_y, a.texture_x)
        cover = ramp(along + 0.05, 0.1) * (1 - part) * (0.45 + 0.5 * strands).clamp(0, 1)
        self.canvas.paint(a.hair, 1.0, 0.5, strength * cover)

    def reflections(self) -> None:
        """The main light and the screen, mirrored in the cornea: a convex mirror of 7.8 mm radius."""
        lit = self.lighting
        opening = ramp(self.below_upper - 0.3, 0.6) * ramp(self.above_lower - 0.3, 0.6)
        key = self.canvas.light.key
        self._glint(key, self.light, lit.glint_width, lit.glint_height, lit.glint_strength * opening)
        drop = lit.screen_drop
        screen: Vector = (0 * drop, drop.sin(), -drop.cos())
        grey = torch.ones_like(key)
        self._glint(grey, screen, lit.screen_width, 0.6 * lit.screen_width, lit.screen_strength * opening)

    def _glint(self, colour: Tensor, towards: Vector, width: Tensor, height: Tensor, strength: Tensor) -> None:
        normal = halfway(towards)
        axis, center = self.placed.axis[:, :, None, None], self.placed.center[:, :, None, None]
        spot = [center[:, k] + CORNEA_CENTER * axis[:, k] + CORNEA_RADIUS * normal[k] for k in range(3)]
        cosine = dot(normal, (axis[:, 0], axis[:, 1], axis[:, 2]))
        on_cornea = ramp(cosine - 0.72, 0.08)  # within 44 degrees of the apex
        dx, dy = self.view.dx * spot[2] - spot[0], self.view.dy * spot[2] - spot[1]
        soft = 0.25 + self.soft
        cover = ramp(0.5 * width - dx.abs(), soft) * ramp(0.5 * height - dy.abs(), soft)
        self.canvas.glow(colour, strength * on_cornea * cover)

    def glasses(self) -> None:
        """The rim around the eye, and a reflection in the lens."""
        lit, view = self.lighting, self.view
        if not bool((lit.glasses > 0).any()):
            return
        x, y = (view.x - 1) / 25, (view.y - lit.frame_drop) / lit.frame_height
        x, y = x * x, y * y
        edge = (x * x + y * y + 1e-6).sqrt().sqrt()  # a superellipse: 1 on the rim
        off = (edge - 1) * lit.frame_height
        rim = lit.glasses * ramp(0.5 * lit.frame_thickness - off.abs(), 0.4 + self.soft)
        lens = ramp(-off, 1.0) * bell(view.x - lit.lens_x, lit.lens_width) * bell(view.y - lit.lens_y, lit.lens_height)
        self.canvas.glow(self.canvas.light.key, lit.lens_strength * 0.5 * lens)
        self.canvas.paint(0 * self.anatomy.skin + lit.frame_dark.view(-1, 1), 1.0, 0.6, rim)


def _turned(cosine: Tensor, sine: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """Cosine and sine of `order` times the angle."""
    if order == 1:
        return cosine, sine
    c, s = _turned(cosine, sine, order // 2)
    c, s = c * c - s * s, 2 * c * s
    return (c * cosine - s * sine, s * cosine + c * sine) if order % 2 else (c, s)
