"""How unevenly a tube can share the dose among views."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from svct.errors import InputError
from svct.sampling.device import Device

Ramp = tuple[int, int, float]
"""Places of two views taken one after the other, and the most that their loads may differ."""

_ROUNDING = 1e-6


@dataclass(frozen=True, kw_only=True)
class LoadLimits:
    """Limits of the load of each view over the mean load, where all exposures last equally long.

    Args:
        least: Smallest load, above 0 and at most 1.
        most: Largest load, 1 or more.
        ramp_per_deg: The most that the load changes per degree from one view to the next. Default: no limit.

    Raises:
        InputError: Limits that no loads of mean 1 can hold.

    Example:
        >>> LoadLimits(least=0.5, most=2.0).clashes((0.0, 90.0), (0.4, 1.6))
        ['load 0.4 of the view at 0 deg, less than least_load 0.5']
    """

    least: float = 0.05
    most: float = 4.0
    ramp_per_deg: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.least <= 1 <= self.most:
            raise InputError(f"loads: expected 0 < least <= 1 <= most, got {self.least:g} and {self.most:g}")
        if self.ramp_per_deg is not None and not self.ramp_per_deg > 0:
            raise InputError(f"ramp_per_deg: expected more than 0 or None, got {self.ramp_per_deg:g}")

    @classmethod
    def from_device(cls, device: Device, *, mean_mA: float) -> "LoadLimits":
        """Derive limits from a device's tube.

        The ramp is that of an axis at its highest speed; a stage that stops has none.

        Args:
            device: The profile.
            mean_mA: Tube current at the mean load.

        Raises:
            InputError: The tube cannot give the mean current.
        """
        tube = device.tube
        if not mean_mA > 0:
            raise InputError(f"mean_mA: expected a tube current above 0, got {mean_mA:g}")
        if not tube.min_mA <= mean_mA <= (tube.max_mA or mean_mA):
            raise InputError(
                f"mean_mA: {mean_mA:g} mA clashes with tube.min_mA {tube.min_mA:g} and tube.max_mA {tube.max_mA} of "
                f"device {device.id}; expected a mean current between them"
            )
        speed = device.axis.speed_deg_s if device.mode == "fly" else None
        if device.rotation is not None:
            speed = 360 / device.rotation.time_s
        per_ms = tube.slew_mA_per_ms
        return cls(
            least=min(1.0, max(cls.least, tube.min_mA / mean_mA)),
            most=cls.most if tube.max_mA is None else max(1.0, min(cls.most, tube.max_mA / mean_mA)),
            ramp_per_deg=None if per_ms is None or speed is None else per_ms / mean_mA * 1000 / speed,
        )

    def ramps(self, angles_deg: Sequence[float]) -> list[Ramp]:
        """Return how much the loads of successive views may differ.

        Args:
            angles_deg: Angles in the order in which the views are taken, forward, modulo 360 degrees.
        """
        if self.ramp_per_deg is None:
            return []
        steps = [(b - a) % 360 for a, b in pairwise(angles_deg)]
        return [(i, i + 1, self.ramp_per_deg * step) for i, step in enumerate(steps)]

    def clashes(self, angles_deg: Sequence[float], loads: Sequence[float]) -> list[str]:
        """Return what is wrong with loads, in words; empty where they can be given.

        Args:
            angles_deg: Angles in the order in which the views are taken.
            loads: Their loads over the mean, in the same order.
        """
        found = []
        for angle, load in zip(angles_deg, loads, strict=True):
            if load < self.least - _ROUNDING:
                found.append(f"load {load:g} of the view at {angle:g} deg, less than least_load {self.least:g}")
            if load > self.most + _ROUNDING:
                found.append(f"load {load:g} of the view at {angle:g} deg, more than most_load {self.most:g}")
        for a, b, most in self.ramps(angles_deg):
            change = abs(loads[b] - loads[a])
            if change > most + _ROUNDING:
                found.append(
                    f"loads change by {change:g} from {angles_deg[a]:g} to {angles_deg[b]:g} deg, more than {most:g} "
                    f"at ramp_per_deg {self.ramp_per_deg:g}"
                )
        return found
