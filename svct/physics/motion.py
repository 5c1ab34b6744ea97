"""How a patient moves during a scan."""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError


@runtime_checkable
class Motion(Protocol):
    """Where the tissue at a point was in the patient at rest."""

    def origin(self, points: Float[Tensor, "y x 2"], time_s: float) -> Float[Tensor, "y x 2"]:
        """Return for each point, (x, y) in mm, the point of the patient at rest that is there at that time."""
        ...


@dataclass(frozen=True)
class Sway:
    """Rigid motion to and fro.

    Args:
        shift_mm: Farthest shift along x and y, mm.
        angle_deg: Farthest turn about the rotation axis, counter-clockwise, degrees.
        period_s: Time of one cycle, s.

    Raises:
        InputError: The period is not positive.

    Notes:
        Shift and turn go with sin(2 pi t / period): the patient is at rest at time 0.
    """

    shift_mm: tuple[float, float] = (0.0, 0.0)
    angle_deg: float = 0.0
    period_s: float = 4.0

    def __post_init__(self) -> None:
        _require_period(self.period_s)

    def origin(self, points: Float[Tensor, "y x 2"], time_s: float) -> Float[Tensor, "y x 2"]:
        """Return the point at rest; see `Motion`."""
        part = math.sin(2 * math.pi * time_s / self.period_s)
        turn = math.radians(self.angle_deg) * part
        moved = points - part * torch.tensor(self.shift_mm, dtype=points.dtype, device=points.device)
        x, y = moved.unbind(dim=-1)
        cosine, sine = math.cos(turn), math.sin(turn)
        return torch.stack([cosine * x + sine * y, cosine * y - sine * x], dim=-1)


@dataclass(frozen=True)
class Breathing:
    """The front of the body rises and falls, its back stays on the table.

    Args:
        rise_mm: How far the front rises above its place at the end of expiration, mm.
        front_mm: y of the front, where the motion is full.
        back_mm: y of the back, where it is zero.
        period_s: Time of one breath, s.

    Raises:
        InputError: The period is not positive, or the front is not above the back.

    Notes:
        Rise goes with 1 - cos^6(pi t / period), the breathing curve of Lujan et al. 1999, Med. Phys. 26:715 with n =
        3: the patient is at rest at time 0, and lingers there. Motion along the body, the larger part of real
        breathing, does not exist in a slice.
    """

    rise_mm: float
    front_mm: float
    back_mm: float
    period_s: float = 4.0

    def __post_init__(self) -> None:
        _require_period(self.period_s)
        if not self.front_mm > self.back_mm:
            raise InputError(f"breathing: expected a front above the back, got {self.front_mm!r}, {self.back_mm!r}")

    def origin(self, points: Float[Tensor, "y x 2"], time_s: float) -> Float[Tensor, "y x 2"]:
        """Return the point at rest; see `Motion`."""
        rise = self.rise_mm * (1 - math.cos(math.pi * time_s / self.period_s) ** 6)
        x, y = points.unbind(dim=-1)
        height = self.front_mm - self.back_mm
        stretched = self.back_mm + (y - self.back_mm) / (1 + rise / height)
        y = torch.where(y < self.back_mm, y, torch.where(stretched > self.front_mm, y - rise, stretched))
        return torch.stack([x, y], dim=-1)


@dataclass(frozen=True)
class Heartbeat:
    """A round part of the body that contracts towards its centre.

    Args:
        centre_mm: Its centre, (x, y), mm.
        radius_mm: Distance over which the motion fades, mm.
        contraction: Part by which it contracts at its centre, 0 to below 0.5.
        period_s: Time of one beat, s.

    Raises:
        InputError: A length or the period is not positive, or the contraction would fold the tissue.

    Notes:
        Tissue at r comes from c + (r - c) (1 + k s exp(-|r - c|^2 / (2 R^2))), with s = sin^2(pi t / period): at rest
        at time 0.
    """

    centre_mm: tuple[float, float]
    radius_mm: float
    contraction: float = 0.15
    period_s: float = 1.0

    def __post_init__(self) -> None:
        _require_period(self.period_s)
        if not self.radius_mm > 0 or not 0 <= self.contraction < 0.5:
            raise InputError(
                f"heartbeat: expected a positive radius and a contraction of 0 to below 0.5, got {self.radius_mm!r}, "
                f"{self.contraction!r}"
            )

    def origin(self, points: Float[Tensor, "y x 2"], time_s: float) -> Float[Tensor, "y x 2"]:
        """Return the point at rest; see `Motion`."""
        beat = math.sin(math.pi * time_s / self.period_s) ** 2
        arm = points - torch.tensor(self.centre_mm, dtype=points.dtype, device=points.device)
        fade = torch.exp(-(arm**2).sum(dim=-1, keepdim=True) / (2 * self.radius_mm**2))
        return points + arm * (self.contraction * beat * fade)


def _require_period(period_s: float) -> None:
    if not (math.isfinite(period_s) and period_s > 0):
        raise InputError(f"period_s: expected a positive time, got {period_s!r}")
