"""Device profiles: what a scanner can do, as far as a schedule must know."""

import hashlib
import json
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svct.errors import DataFileError, InputError, unknown_name
from svct.files import system_reason

SCHEMA_NAME = "svct.device/1"
"""What a device profile names in its `schema` field."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """The rotation axis; fields as in the schema, where a limit that is None is not known."""

    order: str
    sign: int = 1
    zero_deg: float = 0.0
    range_deg: tuple[float, float] | None = None
    forbidden_deg: tuple[tuple[float, float], ...] = ()
    tolerance_deg: float = 0.01
    counts_per_turn: int | None = None
    speed_deg_s: float | None = None
    min_speed_deg_s: float = 0.0
    acceleration_deg_s2: float | None = None
    settle_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """A gantry that turns all the time, with trigger slots."""

    views: int
    time_s: float
    max_rotations: int | None = None
    beam_gating: bool = False

    @property
    def slot_ms(self) -> float:
        """Length of a trigger slot, ms."""
        return 1000 * self.time_s / self.views

    @property
    def slot_deg(self) -> float:
        """Angle of a trigger slot, degrees."""
        return 360 / self.views


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """Exposure times and the camera."""

    min_ms: float = 0.0
    max_ms: float | None = None
    readout_ms: float = 0.0
    min_period_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class Tube:
    """The X-ray tube."""

    min_mA: float = 0.0  # noqa: N815  (mA is the unit)
    max_mA: float | None = None  # noqa: N815
    slew_mA_per_ms: float | None = None  # noqa: N815
    kv: tuple[float, ...] = ()
    kv_dwell_ms: float = 0.0
    heat_kJ: float | None = None  # noqa: N815


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Sizes and times."""

    max_views: int | None = None
    table_rows: int | None = None
    max_scan_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class DoseLimits:
    """Dose ceilings, and the CTDIvol from which a warning is given."""

    max_total_mAs: float | None = None  # noqa: N815
    max_ctdi_vol_mGy: float | None = None  # noqa: N815
    notify_ctdi_vol_mGy: float | None = None  # noqa: N815
    max_dlp_mGycm: float | None = None  # noqa: N815


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device profile.

    Args:
        id: Its name in schedules.
        title: What it is, in a few words.
        example: Whether its numbers are made up to show the format.
        mode: ``"step"``, ``"fly"`` or ``"rotating"``.
        axis: The rotation axis.
        rotation: Trigger slots of an endless rotation, with mode ``"rotating"`` alone.
        exposure: Exposure times.
        tube: The X-ray tube.
        limits: Sizes and times.
        dose: Dose ceilings.
        sha256: SHA-256 of the profile's content.

    Example:
        >>> load_device("research-gantry").rotation.slot_deg
        0.3125
    """

    id: str
    title: str
    example: bool
    mode: str
    axis: Axis
    rotation: Rotation | None = None
    exposure: Exposure = field(default_factory=Exposure)
    tube: Tube = field(default_factory=Tube)
    limits: Limits = field(default_factory=Limits)
    dose: DoseLimits = field(default_factory=DoseLimits)
    sha256: str = ""

    @property
    def step_deg(self) -> float | None:
        """Smallest step between views: a trigger slot or an encoder count, degrees; None where any angle goes."""
        if self.rotation is not None:
            return self.rotation.slot_deg
        return None if self.axis.counts_per_turn is None else 360 / self.axis.counts_per_turn

    def positions_deg(self, angles_deg: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the axis positions of source angles, degrees.

        Args:
            angles_deg: Source angles, any number of turns, ``(view,)``.

        Returns:
            Positions ``(view,)``; each lies in the axis's range where a whole number of turns brings it there, and
            as near to the unturned position as that allows. Others stay as they are, outside.
        """
        positions = self.axis.sign * np.asarray(angles_deg, dtype=np.float64) + self.axis.zero_deg
        if self.axis.range_deg is None:
            return positions
        low, high = self.axis.range_deg
        up = positions + 360 * np.ceil((low - positions) / 360 - 1e-12)
        down = positions - 360 * np.ceil((positions - high) / 360 - 1e-12)
        moved = np.where(positions < low, up, np.where(positions > high, down, positions))
        return np.where((moved >= low - 1e-9) & (moved <= high + 1e-9), moved, positions)

    def angles_deg(self, positions_deg: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the source angles of axis positions, degrees; undoes `positions_deg` up to whole turns."""
        return self.axis.sign * (np.asarray(positions_deg, dtype=np.float64) - self.axis.zero_deg)

    def reachable(self, angles_deg: Sequence[float] | NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which source angles the axis can take: in its range and outside of forbidden sectors."""
        positions = self.positions_deg(angles_deg)
        reached = np.ones(positions.shape, dtype=bool)
        if self.axis.range_deg is not None:
            low, high = self.axis.range_deg
            reached &= (positions >= low - 1e-9) & (positions <= high + 1e-9)
        for low, high in self.axis.forbidden_deg:
            reached &= ~in_sector(positions, low, high)
        return reached


def in_sector(angles_deg: NDArray[np.float64], low: float, high: float) -> NDArray[np.bool_]:
    """Tell which angles lie inside a sector that runs upwards from `low` to `high`, borders not included, modulo 360.

    Example:
        >>> in_sector(np.array([355.0, 10.0, 20.0]), 350, 10).tolist()
        [True, False, False]
    """
    past = (angles_deg - low) % 360
    return np.asarray((past > 1e-9) & (past < (high - low) % 360 - 1e-9))


@cache
def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) that every device profile follows.

    Example:
        >>> json_schema()["properties"]["schema"]
        {'const': 'svct.device/1'}
    """
    schema: dict[str, Any] = json.loads((files("svct.sampling") / "device.schema.json").read_text(encoding="utf-8"))
    return schema


def device_names() -> list[str]:
    """Return the names of the example profiles that come with svct."""
    folder = files("svct.sampling") / "devices"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_device(name: str | os.PathLike[str]) -> Device:
    """Load a device profile.

    Args:
        name: Name of an example that comes with svct, or the path of a profile that ends in ``.toml``.

    Raises:
        UnknownNameError: No such example; the message lists those that exist.
        DataFileError: The file is missing or not TOML.
        InputError: It does not follow the schema, or its limits contradict each other.

    Example:
        >>> load_device("lab-step-stage").mode
        'step'
    """
    if str(name).endswith(".toml"):
        return read_device(Path(name))
    if str(name) not in device_names():
        raise unknown_name("device", str(name), device_names())
    return read_device(files("svct.sampling") / "devices" / f"{name}.toml")


def read_device(path: Path | Traversable) -> Device:
    """Read a device profile; see `load_device`."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataFileError(
            f"{path}: expected a device profile, could not be read ({system_reason(error)}); name a .toml file or one "
            f"of {', '.join(device_names())}"
        ) from error
    except ValueError as error:
        raise DataFileError(
            f"{path}: expected a device profile in TOML, got text that is not TOML ({error})"
        ) from error
    try:
        return parse_device(values)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def parse_device(values: dict[str, Any]) -> Device:
    """Build a profile from the values of its file, checked against the schema.

    Raises:
        InputError: It does not follow the schema, or its limits contradict each other.
    """
    from jsonschema import Draft202012Validator  # slow to import, and needed only where a profile is read
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(json_schema()).iter_errors(values))
    if error is not None:
        where = ".".join(str(part) for part in error.absolute_path) or "top level"
        raise InputError(f"does not follow the schema {SCHEMA_NAME} at {where}: {error.message[:160]}")
    try:
        text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise InputError(
            f"expected finite numbers in the profile ({error}); leave out a limit that does not exist"
        ) from error
    tables = {
        "axis": Axis,
        "rotation": Rotation,
        "exposure": Exposure,
        "tube": Tube,
        "limits": Limits,
        "dose": DoseLimits,
    }
    parts = {name: kind(**_tuples(values[name])) for name, kind in tables.items() if name in values}
    head = {name: values[name] for name in ("id", "title", "example", "mode")}
    device = Device(**head, **parts, sha256=hashlib.sha256(text.encode("ascii")).hexdigest())
    _check_pairs(device)
    return device


def _tuples(table: dict[str, Any]) -> dict[str, Any]:
    return {name: _tuple(value) for name, value in table.items()}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(part) for part in value) if isinstance(value, list) else value


def _check_pairs(device: Device) -> None:
    axis, exposure, tube = device.axis, device.exposure, device.tube
    pairs = [
        ("axis.range_deg", axis.range_deg),
        ("exposure.min_ms and max_ms", (exposure.min_ms, exposure.max_ms)),
        ("tube.min_mA and max_mA", (tube.min_mA, tube.max_mA)),
        ("axis.min_speed_deg_s and speed_deg_s", (axis.min_speed_deg_s, axis.speed_deg_s)),
    ]
    for name, pair in pairs:
        if pair is not None and pair[1] is not None and not pair[0] < pair[1]:
            raise InputError(f"{name}: expected the lower value first, got {pair[0]:g} and {pair[1]:g}")
