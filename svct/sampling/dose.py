"""What the views of a schedule cost in tube load and dose, and how they share it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from svct.errors import InputError
from svct.sampling.checks import check_loads, finite_number, require_text

TOLERANCE = 1e-6
"""How far statements about the same load may lie apart, relative to the larger, or absolute in mAs."""


@dataclass(frozen=True, kw_only=True)
class Dose:
    """Tube load and dose of all projections of a schedule.

    Args:
        total_mAs: Sum of the tube loads, mAs.
        ctdi_vol_mGy: CTDIvol, mGy, or None where it is not known.
        phantom: Phantom that the CTDIvol refers to, such as ``"IEC_BODY_32"``.
        dlp_mGycm: Dose-length product, mGy cm, or None.
        basis: Where the numbers come from, in words.

    Raises:
        InputError: A number is negative or not finite, or there is a CTDIvol without its phantom.

    Example:
        >>> Dose(total_mAs=43.2).total_mAs
        43.2
    """

    total_mAs: float  # noqa: N815  (mAs is the unit)
    ctdi_vol_mGy: float | None = None  # noqa: N815
    phantom: str | None = None
    dlp_mGycm: float | None = None  # noqa: N815
    basis: str = "simulated"

    def __post_init__(self) -> None:
        for name in ("total_mAs", "ctdi_vol_mGy", "dlp_mGycm"):
            value = getattr(self, name)
            if value is not None or name == "total_mAs":
                number = finite_number(value, f"dose {name}")
                object.__setattr__(self, name, number)
                if number < 0:
                    raise InputError(f"dose {name}: expected a value of at least 0, got {number:g}")
        if self.ctdi_vol_mGy is not None:
            require_text(self.phantom, "dose phantom")
        require_text(self.basis, "dose basis")


def agree(a: float, b: float) -> bool:
    """Whether two statements about the same load agree.

    Example:
        >>> agree(0.9, 0.9 + 1e-9), agree(0.9, 0.91)
        (True, False)
    """
    return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def complete_exposure(
    loads: Sequence[float], currents: Sequence[float], times: Sequence[float]
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Return tube loads, currents and times, the third computed where two are stated.

    Args:
        loads: mAs per frame, or empty.
        currents: mA per frame, or empty.
        times: Exposure times per frame, ms, or empty.

    Raises:
        InputError: All three are stated and disagree.

    Example:
        >>> complete_exposure((), (90.0,), (10.0,))
        ((0.9,), (90.0,), (10.0,))

    Notes:
        ``mAs = mA * ms / 1000``. A frame of no load and no time has no current.
    """
    if not loads and currents and times:
        loads = [current * time / 1000 for current, time in zip(currents, times, strict=True)]
    if not currents and loads and times:
        currents = [
            _ratio(load, time, i, "exposure_ms") for i, (load, time) in enumerate(zip(loads, times, strict=True))
        ]
    if not times and loads and currents:
        pairs = zip(loads, currents, strict=True)
        times = [_ratio(load, current, i, "tube_current_mA") for i, (load, current) in enumerate(pairs)]
    if loads and currents and times:
        for i, (load, current, time) in enumerate(zip(loads, currents, times, strict=True)):
            if not agree(load, current * time / 1000):
                raise InputError(
                    f"exposure_mAs of view {i}: expected mA times ms / 1000 = {current * time / 1000:g}, got {load:g}; "
                    "state two of the three"
                )
    return tuple(loads), tuple(currents), tuple(times)


def settle_loads(
    relative: Sequence[float],
    exposure: tuple[Sequence[float], Sequence[float], Sequence[float]],
    *,
    frame: Sequence[str],
    total_mAs: float | None,
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Complete relative loads and absolute exposure from each other, and check that all statements agree.

    Args:
        relative: Load per frame over the projections' mean, or empty.
        exposure: mAs, mA and ms per frame; each may be empty.
        frame: Kind of each frame.
        total_mAs: Sum over the projections, mAs, or None.

    Returns:
        Relative loads, mAs, mA and ms per frame; the last three empty where nothing tells them.

    Raises:
        InputError: The loads are not one per frame or disagree, or a dark frame has one.

    Example:
        >>> settle_loads((), ((1.0, 3.0), (), ()), frame=("projection",) * 2, total_mAs=4.0)[0]
        (0.5, 1.5)
    """
    projections = [i for i, kind in enumerate(frame) if kind == "projection"]
    loads, currents, times = complete_exposure(*exposure)
    if loads and not relative:
        mean = math.fsum(loads[i] for i in projections) / len(projections)
        if mean == 0:
            raise InputError("exposure_mAs: expected more than 0 for some projection, got 0 for all")
        relative = [load / mean for load in loads]
    relative = relative or [float(kind != "dark") for kind in frame]
    if len(relative) != len(frame):
        raise InputError(f"relative_load: expected one value per view, {len(frame)}, got {len(relative)}")
    check_loads([relative[i] for i in projections], len(projections))
    for i, (load, kind) in enumerate(zip(relative, frame, strict=True)):
        if load < 0 or (kind == "dark" and load > 0):
            raise InputError(f"relative_load of view {i}: expected 0 in a dark, at least 0 in a flat, got {load:g}")
    if total_mAs is not None and not loads:
        mean = total_mAs / len(projections)
        loads, currents, times = complete_exposure([load * mean for load in relative], currents, times)
    if loads:
        total = math.fsum(loads[i] for i in projections)
        if total_mAs is not None and not agree(total, total_mAs):
            raise InputError(f"dose total_mAs: expected the sum over the projections, {total:g}, got {total_mAs:g}")
        for i, (load, part) in enumerate(zip(loads, relative, strict=True)):
            if not agree(load, part * total / len(projections)):
                raise InputError(
                    f"exposure_mAs of view {i}: expected {part * total / len(projections):g} by its relative load, got "
                    f"{load:g}; state one of the two"
                )
    return tuple(relative), loads, currents, times


def _ratio(load: float, divisor: float, view: int, name: str) -> float:
    if load and not divisor:
        raise InputError(f"{name} of view {view}: expected more than 0 for a load of {load:g} mAs, got 0")
    return 1000 * load / divisor if divisor else 0.0
