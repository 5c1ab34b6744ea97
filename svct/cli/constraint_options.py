"""Options that say what a device can take, for commands that choose views."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from svct.sampling.constraints import Constraints

Command = TypeVar("Command", bound=Callable[..., Any])


class Span(click.ParamType):  # type: ignore[type-arg]  # a parameter in newer versions alone
    """Two numbers, as in 30..60."""

    name = "low..high"

    def __init__(self, what: str = "angles in degrees") -> None:
        self.what = what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        """Read the two numbers."""
        if isinstance(value, tuple):
            return value
        low, dots, high = str(value).partition("..")
        try:
            return float(low), float(high if dots else "")
        except ValueError:
            self.fail(f"expected two {self.what} such as 30..60, got {value!r}", param, ctx)


OPTIONS = (
    click.option("--device", help="Choose only what this device can take: a profile (.toml), or an example's name."),
    click.option("--mean-ma", type=float, help="Tube current at mean load, mA: --device then bounds the loads too."),
    click.option("--min-spacing-deg", type=float, help="Least distance between two views, degrees."),
    click.option("--max-step-deg", type=float, help="Furthest that the axis turns from view to view, degrees."),
    click.option("--step-deg", type=float, help="Encoder step: take only candidates on its multiples, degrees."),
    click.option("--range-deg", type=Span(), help="Range of the gantry, degrees."),
    click.option("--forbid-deg", type=Span(), multiple=True, help="Sector without views, degrees; may be repeated."),
    click.option("--group", type=click.IntRange(min=1), help="Take neighbouring candidates in groups of so many."),
    click.option(
        "--order",
        type=click.Choice(["fastest", "fixed"]),
        help="One pass, or the candidates' own order, for --max-step-deg.  [default: the device's, or fastest]",
    ),
)
"""All of them, in the order in which help lists them."""


def constraint_options(command: Command) -> Command:
    """Add all of these options to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def build_constraints(
    angles_deg: Sequence[float],
    *,
    device: str | None,
    mean_ma: float | None,
    min_spacing_deg: float | None,
    max_step_deg: float | None,
    step_deg: float | None,
    range_deg: tuple[float, float] | None,
    forbid_deg: Sequence[tuple[float, float]],
    group: int | None,
    order: str | None,
) -> "Constraints | None":
    """Return what the options ask for, None where they ask for nothing.

    An option takes the place of what the device says, but for sectors, which are added, and the least distance between
    views and the range, of which the stricter hold.

    Args:
        angles_deg: Source angles of the candidates, degrees.
        device: Name or file of a profile.
        mean_ma: Tube current at mean load, mA; with a device alone.
        min_spacing_deg: Least distance between two views.
        max_step_deg: Furthest that the axis turns from view to view.
        step_deg: Encoder step.
        range_deg: Range of the gantry.
        forbid_deg: Sectors without views.
        group: How many neighbouring candidates are taken at once.
        order: ``"fastest"`` or ``"fixed"``.

    Raises:
        InputError: Options that clash with each other or with the device.
    """
    from dataclasses import replace

    from svct.errors import InputError
    from svct.sampling.constraints import Constraints
    from svct.sampling.device import load_device
    from svct.sampling.fit import blocks

    changes: dict[str, Any] = {
        "min_gap_deg": min_spacing_deg,
        "max_step_deg": max_step_deg,
        "step_deg": step_deg,
        "range_deg": range_deg,
        "forbidden_deg": tuple(forbid_deg) or None,
        "groups": None if group is None else blocks(len(angles_deg), group),
        "order": order,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    if range_deg is not None and not range_deg[0] < range_deg[1]:
        raise InputError(f"--range-deg: expected the lower angle first, got {range_deg[0]:g}..{range_deg[1]:g}")
    if device is None:
        if mean_ma is not None:
            raise InputError("--mean-ma: expected --device with it, whose tube limits it is held against, got none")
        return Constraints(angles_deg=tuple(angles_deg), **changes) if changes else None
    base = Constraints.from_device(load_device(device), angles_deg, mean_mA=mean_ma)
    if min_spacing_deg is not None:
        changes["min_gap_deg"] = max(min_spacing_deg, base.min_gap_deg)
    if forbid_deg:
        changes["forbidden_deg"] = (*base.forbidden_deg, *forbid_deg)
    if range_deg is not None and base.range_deg is not None:
        low, high = max(range_deg[0], base.range_deg[0]), min(range_deg[1], base.range_deg[1])
        if not low < high:
            raise InputError(
                f"--range-deg {range_deg[0]:g}..{range_deg[1]:g} clashes with range_deg {base.range_deg[0]:g} to "
                f"{base.range_deg[1]:g} of device {device}: they have nothing in common"
            )
        changes["range_deg"] = (low, high)
    return replace(base, **changes)
