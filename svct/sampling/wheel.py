"""Views on a wheel."""

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.projections.polar import PolarAxes

INNER = 0.35
"""Where spokes begin; those of the highest load end at 1."""


def draw_wheel(
    axes: "PolarAxes",
    angles: "tuple[float, ...] | list[float]",
    *,
    reference: "tuple[float, ...] | list[float]" = (),
    loads: "tuple[float, ...] | list[float]" = (),
    half: bool,
) -> None:
    """Draw views as spokes, with reference views as ticks outside of them.

    Args:
        axes: Polar axes.
        angles: Angles of the views, radians.
        reference: Angles to compare with, radians.
        loads: Load of each view, which gives its spoke's length. Default: all alike.
        half: Whether half a turn holds all views, as in parallel beam.
    """
    period = math.pi if half else 2 * math.pi
    if half:
        axes.set_thetamin(0)
        axes.set_thetamax(180)
    share = np.asarray(loads) / np.max(loads) if len(loads) else np.ones(len(angles))
    tips = INNER + (1 - INNER) * share
    axes.vlines(np.asarray(angles) % period, INNER, tips, color="#0b5fa5", linewidth=1.8)
    axes.plot(np.asarray(angles) % period, tips, "o", color="#0b5fa5", markersize=4.5)
    if len(reference):
        axes.vlines(np.asarray(reference) % period, 1.08, 1.2, color="0.35", linewidth=1.4)
    axes.set_ylim(0, 1.22)
    axes.set_yticks([])
    axes.set_xticks(np.deg2rad(np.arange(0, 181 if half else 360, 30)))
    axes.grid(color="0.88", linewidth=0.6)
    axes.spines["polar"].set_color("0.6")
