"""The ways in which a real field differs from the motion of units alone, each drawn anew for every field.

All work on fields (n, 2, 28, 28). A nuisance scales with the field's ``reach`` (n,), how far its strongest unit moves,
in eye distances.
"""

from collections.abc import Collection

import torch
from torch import Tensor
from torch.nn import functional

from deft.prior import layout
from deft.prior.draws import Draws
from deft.prior.placement import Place

NAMES = (
    "registration", "identity", "shape", "blink", "gaze", "head", "turn", "solver", "noise", "blocks", "border", "unit",
)  # fmt: skip


def add(fields: Tensor, reach: Tensor, place: Place, draws: Draws, left_out: Collection[str]) -> Tensor:
    """Return fields with what moves beside the expression, as a solver and a camera would give them."""
    x, y = place.grid()
    if "gaze" not in left_out:
        fields = fields + _gaze(x, y, draws)
    head = torch.zeros_like(fields)
    if "head" not in left_out:
        head = head + _similarity(x, y, reach, place.known, draws)
    if "turn" not in left_out:
        head = head + _turn(x, y, reach, draws)
    inside = (x / 1.15).square() + ((y - 0.5) / 1.35).square() < 1  # (n, 28, 28)
    fields = fields + head if "border" in left_out else _border(fields, head, inside, reach, draws)
    if "solver" not in left_out:
        fields = _solved(fields, x, y, draws)
    if "noise" not in left_out:
        fields = fields + _noise(reach, place.known, draws)
    return fields if "blocks" in left_out else _blocks(fields, draws)


def _each(values: Tensor) -> Tensor:
    """Return values (n,) that multiply fields (n, 2, 28, 28)."""
    return values[:, None, None, None]


def _gaze(x: Tensor, y: Tensor, draws: Draws) -> Tensor:
    """Return the motion of both eyeballs (n, 2, 28, 28) in one direction, mostly sideways."""
    count = len(x)
    reach = draws.chance(0.15, count) * torch.exp(draws.between(-5.0, -2.8, count))  # 0.007 to 0.06 eye distances
    direction = torch.stack([draws.normal(count), 0.3 * draws.normal(count)], 1)
    direction = direction / direction.norm(dim=1, keepdim=True)
    eyes = torch.exp(-0.5 * (((x.abs() - 0.5) / 0.13).square() + (y / 0.06).square()))
    motion: Tensor = (direction * reach[:, None])[..., None, None] * eyes[:, None]
    return motion


def _similarity(x: Tensor, y: Tensor, reach: Tensor, known: Tensor, draws: Draws) -> Tensor:
    """Return the field of a head that shifts, turns in the picture's plane and comes nearer (n, 2, 28, 28)."""
    count = len(x)
    left_over = torch.where(known, 0.2, 1.0)  # landmarks tell where the face is still
    strength = left_over * reach * torch.exp(draws.between(-3.0, 0.7, count))
    right, down, grow, turn = (draws.normal(count)[:, None, None] for _ in range(4))
    field = torch.stack([right + 0.5 * (grow * x - turn * y), down + 0.5 * (turn * x + grow * y)], 1)
    return _each(strength) * field


def _turn(x: Tensor, y: Tensor, reach: Tensor, draws: Draws) -> Tensor:
    """Return the field of a head that turns in depth (n, 2, 28, 28): near parts, such as the nose, move farther."""
    count = len(x)

    def vary(deviation: float) -> Tensor:
        return (1 + deviation * draws.normal(count))[:, None, None]

    skull = (1 - (x / (1.15 * vary(0.06))).square() - ((y - 0.45) / (1.6 * vary(0.06))).square()).clamp_min(0).sqrt()
    across, along = (x / (0.17 * vary(0.15))).square(), y - 0.42 * vary(0.1)
    ridge = torch.exp(-0.5 * (across + (along / torch.where(along < 0, 0.38, 0.13)).square()))
    sockets = torch.exp(-0.5 * (((x.abs() - 0.5) / 0.2).square() + (y / 0.15).square()))
    mouth = torch.exp(-0.5 * ((x / 0.4).square() + ((y - 0.95) / 0.2).square()))
    depth = 0.9 * skull + 0.35 * vary(0.25) * ridge - 0.08 * sockets + 0.06 * mouth  # (n, 28, 28), eye distances
    strength = draws.chance(0.3, count) * reach * torch.exp(draws.between(-2.5, 0.9, count))
    yaw, pitch = (strength * draws.normal(count) for _ in range(2))
    nearer = 0.15 * depth  # perspective: what is near grows away from the middle
    return torch.stack([
        yaw[:, None, None] * (depth - nearer * x) + pitch[:, None, None] * nearer * x,
        pitch[:, None, None] * (depth - nearer * (y - 0.5)) + yaw[:, None, None] * nearer * (y - 0.5),
    ], 1)  # fmt: skip


def _border(fields: Tensor, head: Tensor, inside: Tensor, reach: Tensor, draws: Draws) -> Tensor:
    """Return fields and head motion together, whose surroundings are masked, still, or move on their own."""
    count = len(fields)
    kind = draws.choice((0.45, 0.2, 0.2, 0.15), count)  # as the face, masked, still background, moving background
    soft = _blurred(inside[:, None].float(), torch.full((count,), 0.7, device=inside.device))
    outside_head = torch.where(_each(kind == 0), head, 0.0)
    moving = (draws.normal(count, 2) * (reach * 1.5)[:, None])[..., None, None] + _each(reach) * _smooth(count, draws)
    outside = outside_head + torch.where(_each(kind == 3), moving, 0.0)
    return (fields + head) * soft + outside * (1 - soft)


def _solved(fields: Tensor, x: Tensor, y: Tensor, draws: Draws) -> Tensor:
    """Return fields as a solver gives them: smoothed, and weaker where skin has no texture to follow.

    So of a head's motion, too, it sees more at brows, eyes, nose, mouth and outline than on cheeks and forehead, and
    what is left once a similarity is taken off has the shape of a face.
    """
    count = len(fields)
    depth = draws.chance(0.7, count) * draws.uniform(count)
    texture = _texture(x, y, draws) + 0.3 * _smooth(count, draws, 1)[:, 0]
    gain = 1 - depth[:, None, None] * (1 - texture.clamp(0, 1))
    return _blurred(fields * gain[:, None], draws.chance(0.8, count) * draws.between(0.2, 1.4, count))


_FEATURES = (  # of a face with texture: place, half widths; in eye distances, on both sides
    (0.5, -0.27, 0.32, 0.09),  # brow
    (0.5, 0.0, 0.24, 0.11),  # eye
    (0.0, 0.3, 0.1, 0.35),  # ridge of the nose
    (0.14, 0.62, 0.14, 0.1),  # nostril
    (0.0, 0.95, 0.38, 0.1),  # mouth
    (0.0, 1.3, 0.3, 0.12),  # chin
)


def _texture(x: Tensor, y: Tensor, draws: Draws) -> Tensor:
    """Draw how much texture skin has at each place (n, 28, 28): about 1 at a face's features, little elsewhere."""
    count = len(x)
    total = draws.between(0.0, 0.4, count, 1, 1).expand_as(x)
    for right, down, wide, high in _FEATURES:
        size = torch.exp(0.25 * draws.normal(count, 1, 1))
        off = ((x.abs() - right) / (wide * size)).square() + ((y - down) / (high * size)).square()
        total = torch.maximum(total, draws.between(0.3, 1.2, count, 1, 1) * torch.exp(-0.5 * off))
    radius = ((x / draws.between(0.95, 1.15, count, 1, 1)).square() + ((y - 0.45) / 1.25).square()).sqrt()
    outline = draws.between(0.2, 1.2, count, 1, 1) * torch.exp(-0.5 * ((radius - 1) / 0.1).square())
    return torch.maximum(total, outline)


def _noise(reach: Tensor, known: Tensor, draws: Draws) -> Tensor:
    """Return noise (n, 2, 28, 28): two colours, stronger in some places than in others."""
    count = len(reach)
    relative = reach * torch.exp(draws.between(-4.0, -0.5, count))
    absolute = torch.exp(draws.between(-8.3, -6.2, count))  # 0.02 to 0.16 px at 80 px between the eyes
    level = torch.where(known, absolute, relative)
    fine = _blurred(draws.normal(count, 2, layout.GRID, layout.GRID), draws.between(0.4, 1.5, count))
    fine = fine / fine.square().mean((1, 2, 3), keepdim=True).sqrt()
    mixed = fine + draws.uniform(count)[:, None, None, None] * 1.5 * _smooth(count, draws)
    return _each(level) * mixed * torch.exp(0.5 * _smooth(count, draws, 1))


def _blocks(fields: Tensor, draws: Draws) -> Tensor:
    """Return fields of which some are constant, in part, within blocks of two to four cells, as after compression."""
    count = len(fields)
    size = 2 if float(draws.uniform(1)) < 0.5 else 4
    blocky = functional.interpolate(functional.avg_pool2d(fields, size), scale_factor=size, mode="nearest")
    share = draws.chance(0.15, count) * draws.between(0.3, 1.0, count)
    return fields + _each(share) * (blocky - fields)


def expressed(fields: Tensor, known: Tensor, draws: Draws, left_out: Collection[str]) -> Tensor:
    """Return fields as a file holds them: some in 8 bits, or with each component scaled by its own range."""
    if "unit" in left_out:
        return fields
    count = len(fields)
    stretch = torch.exp(0.3 * draws.chance(0.3, count) * draws.normal(count))
    stretch = torch.where(known, 1.0, stretch)
    fields = torch.stack([fields[:, 0] * stretch[:, None, None], fields[:, 1] / stretch[:, None, None]], 1)
    step = (fields.amax((1, 2, 3)) - fields.amin((1, 2, 3))) / 255
    step = step.clamp_min(1e-9) * draws.choice((0.7, 0.3), count)
    coarse = _each(step) * torch.round(fields / _each(step.clamp_min(1e-9)))
    return torch.where(_each(step > 0), coarse, fields)


def unusual(fields: Tensor, draws: Draws) -> Tensor:
    """Return fields of no upright face: turned over, with the y axis upwards, a part of a face, or of no face."""
    count = len(fields)
    kind = _each(draws.integers(5, count))
    over = -fields.flip(2, 3)
    upwards = fields * torch.tensor([1.0, -1.0], device=fields.device)[:, None, None]
    upturned = fields.flip(2) * torch.tensor([1.0, -1.0], device=fields.device)[:, None, None]
    top = int(draws.integers(layout.GRID // 2, 1))
    left = int(draws.integers(layout.GRID // 2, 1))
    part = fields[:, :, top : top + layout.GRID // 2, left : left + layout.GRID // 2]
    part = functional.interpolate(part, scale_factor=2, mode="bilinear")
    strength = fields.flatten(1).std(1)
    none = _each(strength) * _smooth(count, draws)
    choices = torch.stack([over, upwards, upturned, part, none])
    return choices.gather(0, kind[None].expand(1, *fields.shape))[0]


def _smooth(count: int, draws: Draws, channels: int = 2) -> Tensor:
    """Draw smooth fields (n, channels, 28, 28) of standard deviation about 1."""
    knots = 4 + int(draws.integers(5, 1))
    place = torch.linspace(-0.5, knots - 0.5, layout.GRID, device=draws.device)[:, None]
    bells = torch.exp(-1.5 * (place - torch.arange(knots, device=draws.device)).square())  # (28, knots)
    bells = bells / bells.square().sum(1, keepdim=True).sqrt()
    return bells @ draws.normal(count, channels, knots, knots) @ bells.T


def _blurred(fields: Tensor, deviation: Tensor) -> Tensor:
    """Return fields blurred by a Gaussian of these standard deviations (n,), in cells."""
    cells = torch.arange(layout.GRID, device=fields.device, dtype=torch.float32)
    off = (cells[:, None] - cells).square()  # (28, 28)
    kernel = torch.exp(-0.5 * off / deviation.clamp_min(0.05).square()[:, None, None])  # (n, 28, 28)
    kernel = kernel / kernel.sum(2, keepdim=True)
    return kernel[:, None] @ fields @ kernel[:, None].mT
