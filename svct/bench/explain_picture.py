"""The picture of an explanation: the patient with the rays of each view, and what speaks for each angle."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import binary_fill_holes

from svct.bench.explain import Explanation
from svct.units import mu_to_hu

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE = "#0b5fa5"
ORANGE = "#c4600c"
GREEN = "#2c7a4b"
OUTLINE_HU = -500
BRIGHTEST_HU = 1500
PREFERRED = 1.2
"""Share of edges over the mean from which a direction is called preferred."""


def draw_explanation(found: Explanation, *, method: str = "") -> "Figure":
    """Draw why these views: four curves over the view angle beside the patient and the schedule.

    Args:
        found: The explanation.
        method: How the views were chosen, for the title.

    Returns:
        A matplotlib figure, bound to no window.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13.0, 8.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    cells = figure.add_gridspec(4, 2, width_ratios=(1, 1.25))
    _draw_patient(figure.add_subplot(cells[0:3, 0]), found)
    _draw_words(figure.add_subplot(cells[3, 0]), found)
    draws = (_draw_value, _draw_attenuation, _draw_edges, _draw_lost)
    span = max(found.angles_deg) + (found.angles_deg[1] - found.angles_deg[0])
    for row, draw in enumerate(draws):
        axes = figure.add_subplot(cells[row, 1])
        for view in found.views_deg:
            axes.axvline(view, color="0.87", linewidth=1, zorder=0)
        draw(axes, found)
        axes.set_xlim(-0.01 * span, 1.01 * span)
        axes.set_xticks(np.arange(0, span + 1, 30 if span > 200 else 15))
        axes.spines[["top", "right"]].set_visible(False)
        if row < len(draws) - 1:
            axes.tick_params(labelbottom=False)
    axes.set_xlabel("source angle, degrees; grey lines: the schedule's views")
    chosen = f" {method}" if method else ""
    figure.suptitle(f"{found.task}: why these {len(found.views_deg)}{chosen} views", fontsize=13)
    return figure


def _draw_patient(axes: "Axes", found: Explanation) -> None:
    image = mu_to_hu(found.image).numpy()
    ny, nx = image.shape
    body = image > OUTLINE_HU
    low, high = np.quantile(image[body], [0.02, 0.99]) if body.any() else (-1000, 400)
    high = min(high, BRIGHTEST_HU)
    shown = np.ma.masked_where(~binary_fill_holes(body), image)
    axes.imshow(shown, cmap="gray", vmin=low, vmax=high, extent=(-nx / 2, nx / 2, -ny / 2, ny / 2))
    across, down = np.linspace(-nx / 2, nx / 2, nx), np.linspace(ny / 2, -ny / 2, ny)
    axes.contour(across, down, image, levels=[OUTLINE_HU], colors=[ORANGE], linestyles="solid", linewidths=1)
    radius, side = 0.5 * max(nx, ny), -1 if found.divergent else 1
    loads = np.array(found.loads) / max(found.loads)
    for view, load in zip(np.deg2rad(found.views_deg), loads, strict=True):
        x, y = -side * np.sin(view), side * np.cos(view)  # where the source is
        reach = radius * (1.06 + 0.14 * load)
        axes.plot([-radius * x, radius * x], [-radius * y, radius * y], color=BLUE, linewidth=0.6, alpha=0.45)
        axes.plot([radius * 1.06 * x, reach * x], [radius * 1.06 * y, reach * y], color=BLUE, linewidth=2.2)
    turn = np.linspace(0, 2 * np.pi, 200)
    axes.plot(1.06 * radius * np.cos(turn), 1.06 * radius * np.sin(turn), color="0.7", linewidth=0.8)
    for degree in range(0, 360, 30):
        t = np.deg2rad(degree)
        axes.text(
            -1.29 * side * radius * np.sin(t), 1.29 * side * radius * np.cos(t), f"{degree}", fontsize=8,
            color="0.35", ha="center", va="center",
        )  # fmt: skip
    axes.set_xlim(-1.36 * radius, 1.36 * radius)
    axes.set_ylim(-1.36 * radius, 1.36 * radius)
    axes.set_aspect("equal")
    axes.set_axis_off()
    uneven = max(found.loads) - min(found.loads) > 1e-6
    ticks = "\nlength of ticks: load" if uneven else ""
    axes.set_title(f"Mean of the cohort, and each view's source and ray{ticks}", fontsize=10)


def _draw_value(axes: "Axes", found: Explanation) -> None:
    axes.plot(found.angles_deg, found.alone_db, color=BLUE, linewidth=1.6, label="as the only view")
    axes.set_ylabel("dB, only view", color=BLUE)
    axes.set_title("Marginal value, linear model", fontsize=10, loc="left")
    other = axes.twinx()
    other.plot(found.angles_deg, found.added_db, color=ORANGE, linewidth=1.2, label="one more view")
    other.plot(found.views_deg, found.kept_db, "o", color=GREEN, markersize=4, label="each view, given the others")
    for view, gain in zip(found.tried_deg, found.gained, strict=True):
        other.vlines(view, gain.low_db, gain.high_db, color="0.4", linewidth=1)
        other.plot(view, gain.mean_db, "s", color="0.4", markersize=3)
    if found.tried_deg:
        other.plot([], [], "s", color="0.4", markersize=3, label="one more view, through the backbone")
    other.set_ylim(0 if not found.tried_deg else None, None)
    other.set_ylabel("dB, one more", color=ORANGE)
    other.spines[["top"]].set_visible(False)
    lines = [*axes.get_lines()[len(found.views_deg) :], *other.get_lines()]
    named = [line for line in lines if not str(line.get_label()).startswith("_")]
    axes.legend(
        named, [str(line.get_label()) for line in named], fontsize=7.5, ncols=4, loc="lower right",
        bbox_to_anchor=(1.0, 1.0), frameon=False, borderaxespad=0.1, handlelength=1.4, columnspacing=1.0,
    )  # fmt: skip


def _draw_attenuation(axes: "Axes", found: Explanation) -> None:
    axes.plot(found.angles_deg, found.most_line, color=ORANGE, linewidth=1.6, label="largest")
    axes.plot(found.angles_deg, found.mean_line, color=BLUE, linewidth=1.6, label="mean of rays that meet the patient")
    axes.set_ylim(0, None)
    axes.set_ylabel("line integral")
    axes.set_title("Attenuation", fontsize=10, loc="left")
    axes.legend(fontsize=7.5, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 1.0), frameon=False, borderaxespad=0.1)


def _draw_edges(axes: "Axes", found: Explanation) -> None:
    width = 180 / len(found.edges)
    turns = (0, 180) if max(found.angles_deg) > 180 else (0,)
    for turn in turns:
        axes.bar(np.array(found.edges_deg) + turn, found.edges, width=0.9 * width, color=BLUE, alpha=0.75)
    axes.axhline(1, color="0.4", linewidth=0.8)
    axes.set_ylabel("share over the mean")
    axes.set_title("Edges that run along the rays of each angle", fontsize=10, loc="left")


def _draw_lost(axes: "Axes", found: Explanation) -> None:
    if not found.lost:
        axes.bar(found.views_deg, found.kept_db, width=1.6, color=GREEN)
        axes.set_ylabel("dB")
        axes.set_title("Lost where a view is left out, in the linear model", fontsize=10, loc="left")
        return
    means = [gain.mean_db for gain in found.lost]
    errors = [[gain.mean_db - gain.low_db for gain in found.lost], [gain.high_db - gain.mean_db for gain in found.lost]]
    colours = [GREEN if gain.low_db > 0 else ORANGE if gain.high_db < 0 else "0.65" for gain in found.lost]
    axes.bar(found.views_deg, means, width=1.6, color=colours)
    axes.errorbar(found.views_deg, means, yerr=errors, fmt="none", ecolor="black", elinewidth=0.9, capsize=2)
    axes.axhline(0, color="0.4", linewidth=0.8)
    axes.set_ylabel("PSNR, dB")
    axes.set_title(
        f"Lost where a view is left out, through the backbone: {found.patients} patients, 95 %; grey: holds 0",
        fontsize=10,
        loc="left",
    )


def _draw_words(axes: "Axes", found: Explanation) -> None:
    axes.set_axis_off()
    text = axes.text(0.02, 0.95, "\n".join(sentences(found)), fontsize=9, va="top", linespacing=1.45)
    text.set_in_layout(False)


def sentences(found: Explanation) -> list[str]:
    """Return what the figures say, a line each."""
    means = found.summary()
    edge = found.edges_deg[int(np.argmax(found.edges))]
    hardest = found.angles_deg[int(np.argmax(found.most_line))]
    lines = [
        f"Most edges run along the rays at {edge:.0f} degrees, {max(found.edges):.1f} times the mean;",
        f"  at the schedule's views {means['edges']:.2f} times the mean of all angles.",
        f"Rays are weakened most at {hardest:.0f} degrees ({max(found.most_line):.1f}; least "
        f"{min(found.most_line):.1f});",
        f"  at the schedule's views {means['most_line']:.2f} times the mean of all angles.",
        f"A first view is worth {min(found.alone_db):.2f} to {max(found.alone_db):.2f} dB in the linear model;",
        f"  at the schedule's views {means['alone_db']:.2f} times the mean.",
    ]
    if max(found.edges) < PREFERRED:
        lines[0] = f"No direction of edges is preferred: at most {max(found.edges):.2f} times the mean;"
    if found.lost:
        order = sorted(range(len(found.lost)), key=lambda i: found.lost[i].mean_db)
        most, least = order[-1], order[0]
        lines.append(
            f"Left out, the view at {found.views_deg[most]:.1f} degrees costs most, {found.lost[most].mean_db:.2f} dB;"
        )
        value, where = found.lost[least].mean_db, f"{found.views_deg[least]:.1f} degrees"
        told = f"costs least, {value:.2f} dB" if value >= 0 else f"improves the image, by {-value:.2f} dB"
        lines.append(f"  leaving out the one at {where} {told}.")
    return lines
