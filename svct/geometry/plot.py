"""Pictures of scan geometries."""

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError
from svct.geometry.grid import Grid
from svct.geometry.scan import Scan

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

Array = NDArray[np.float64]

SOURCE, DETECTOR, IMAGE = "#0b5fa5", "#c8591a", "0.35"
DETECTORS = 7
RAYS = 7


def plot_scan(scan: Scan, grid: Grid | None = None, ax: "Axes | None" = None) -> "Figure | SubFigure":
    """Draw a scan from above, and a 3D scan also from the side of its first view; see `Scan.plot`."""
    if grid is not None and len(grid.shape) != scan.ndim:
        raise InputError(f"plot: expected a {scan.ndim}D grid for a {scan.ndim}D scan, got shape {grid.shape}")
    rays = _Rays(scan, grid)
    if ax is not None:
        _draw_top(ax, rays, grid)
        return ax.figure
    from matplotlib.figure import Figure

    ratios = [1.0, 0.32][: scan.ndim - 1]
    figure = Figure(figsize=(5.8, 5.9 * sum(ratios) + 0.4), layout="constrained")
    panels = figure.subplots(len(ratios), 1, squeeze=False, height_ratios=ratios)[:, 0]
    _draw_top(panels[0], rays, grid)
    if scan.ndim == 3:
        _draw_side(panels[1], rays, grid)
    views = "view" if len(scan) == 1 else "views"
    detector = " x ".join(map(str, scan.detector_shape))
    figure.suptitle(
        f"{scan.kind}{', curved' if scan.curved else ''}: {len(scan)} {views} of {detector} bins", fontsize=11
    )
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


class _Rays:
    """Where rays start and end in three dimensions; parallel rays are given a start and an end beside the object."""

    def __init__(self, scan: Scan, grid: Grid | None) -> None:
        parts = scan.vectors.reshape(len(scan), -1, scan.ndim)
        if scan.ndim == 2:
            parts = np.pad(parts, ((0, 0), (0, 1), (0, 1)))
        self.scan = scan
        first, self.centres, self.bins, self.rows = parts.transpose(1, 0, 2)
        if scan.divergent:
            self.sources = first
            return
        spread = np.linalg.norm(self.bins, axis=1) * scan.detector_shape[-1] / 2
        reach = float((np.linalg.norm(self.centres, axis=1) + spread).max())
        if grid is not None:
            reach = max(reach, math.hypot(*grid.extent_mm) / 2 + math.hypot(*grid.origin_mm))
        along = 1.25 * reach * first / np.linalg.norm(first, axis=1, keepdims=True)
        self.sources, self.centres = self.centres - along, self.centres + along

    def starts(self, view: int, across: Array) -> Array:
        """Where the rays through the detector positions `across`, in bins from its middle, start."""
        if self.scan.divergent:
            return np.broadcast_to(self.sources[view], (len(across), 3))
        return np.asarray(self.sources[view] + across[:, None] * self.bins[view])

    def ends(self, view: int, across: Array, up: Array) -> Array:
        """Positions on the detector, `across` and `up` in bins and rows from its middle."""
        centre, bins, rows = self.centres[view], self.bins[view], self.rows[view]
        side = across[:, None] * bins
        if self.scan.curved:
            out = centre - self.sources[view]
            if rows.any():
                out = out - (out @ rows) / (rows @ rows) * rows
            radius, pitch = np.linalg.norm(out), np.linalg.norm(bins)
            angle = (across * pitch / radius)[:, None]
            side = (np.cos(angle) - 1) * out + np.sin(angle) * radius * bins / pitch
        return np.asarray(centre + side + up[:, None] * rows)

    def width(self) -> Array:
        """Positions across the detector from edge to edge, in bins."""
        return np.linspace(-0.5, 0.5, 65) * self.scan.detector_shape[-1]


def _draw_top(ax: "Axes", rays: _Rays, grid: Grid | None) -> None:
    scan = rays.scan
    if grid is not None:
        _draw_box(ax, (grid.origin_mm[0], grid.extent_mm[-1]), (grid.origin_mm[1], grid.extent_mm[-2]))
    width = rays.width()
    level = np.zeros_like(width)
    shown = np.unique(np.linspace(0, len(scan), DETECTORS, endpoint=False).astype(int))
    for view in shown[::-1]:
        edge = rays.ends(view, width, level)
        first = view == 0
        ax.plot(
            edge[:, 0],
            edge[:, 1],
            color=DETECTOR,
            linewidth=3 if first else 1.5,
            alpha=1 if first else 0.35,
            solid_capstyle="butt",
            label="detector, view 0" if first else None,
        )
    across = np.linspace(-0.5, 0.5, RAYS) * scan.detector_shape[-1]
    starts, ends = rays.starts(0, across), rays.ends(0, across, np.zeros(RAYS))
    ax.plot(
        np.stack([starts[:, 0], ends[:, 0]]),
        np.stack([starts[:, 1], ends[:, 1]]),
        color=SOURCE,
        linewidth=0.6,
        alpha=0.6,
    )
    ax.plot(*rays.sources[:, :2].T, ".", color=SOURCE, markersize=3, alpha=0.5, label=_path_name(scan))
    ax.plot(*rays.sources[0, :2], "o", color=SOURCE, markersize=8, label=f"{_start_name(scan)}, view 0")
    _draw_motion(ax, rays.sources[:, :2])
    ax.plot(0, 0, "+", color="black", markersize=8, label="rotation axis")
    ax.set(aspect="equal", xlabel="x, mm", ylabel="y, mm")
    ax.margins(0.08)
    ax.set_title("from above", fontsize=10)


def _draw_side(ax: "Axes", rays: _Rays, grid: Grid | None) -> None:
    scan = rays.scan
    along = (rays.centres[0] - rays.sources[0]) * [1, 1, 0]
    length = np.linalg.norm(along)
    along = along / length if length > 0 else np.array([1.0, 0, 0])
    if grid is not None:
        x, y, z = grid.origin_mm
        nz, ny, nx = grid.extent_mm
        _draw_box(ax, (along[0] * x + along[1] * y, abs(along[0]) * nx + abs(along[1]) * ny), (z, nz))
    up = np.linspace(-0.5, 0.5, RAYS) * scan.detector_shape[0]
    ends = rays.ends(0, np.zeros(RAYS), up)
    starts = np.broadcast_to(rays.sources[0], ends.shape) + (0 if scan.divergent else up[:, None] * rays.rows[0])
    ax.plot(
        np.stack([starts @ along, ends @ along]),
        np.stack([starts[:, 2], ends[:, 2]]),
        color=SOURCE,
        linewidth=0.6,
        alpha=0.6,
    )
    ax.plot(ends @ along, ends[:, 2], color=DETECTOR, linewidth=3, solid_capstyle="butt")
    ax.plot(rays.sources @ along, rays.sources[:, 2], ".", color=SOURCE, markersize=3, alpha=0.5)
    ax.plot(rays.sources[0] @ along, rays.sources[0, 2], "o", color=SOURCE, markersize=8)
    ax.axvline(0, color="black", linewidth=0.8, linestyle=(0, (6, 3, 1, 3)))
    ax.set(aspect="equal", xlabel="along the central ray of view 0, mm", ylabel="z, mm", adjustable="datalim")
    ax.margins(0.08)
    ax.set_title("from the side", fontsize=10)


def _draw_box(ax: "Axes", horizontal: tuple[float, float], vertical: tuple[float, float]) -> None:
    from matplotlib.patches import Rectangle

    corner = [middle - extent / 2 for middle, extent in (horizontal, vertical)]
    ax.add_patch(
        Rectangle(
            (corner[0], corner[1]),
            horizontal[1],
            vertical[1],
            facecolor="0.93",
            edgecolor=IMAGE,
            zorder=0,
            label="grid",
        )
    )


def _draw_motion(ax: "Axes", path: Array) -> None:
    """Draw an arrow beside the path, from the first source towards the next one that is elsewhere."""
    steps = path - path[0]
    moved = np.flatnonzero(np.linalg.norm(steps, axis=1) > 1e-6)
    reach = float(np.linalg.norm(path[0]))
    if not moved.size or not reach:
        return
    turn = math.copysign(1.0, path[0][0] * steps[moved[0]][1] - path[0][1] * steps[moved[0]][0])
    start = math.atan2(path[0][1], path[0][0])
    angles = start + turn * np.linspace(0.08, 0.4, 20)
    arc = 1.07 * reach * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    ax.plot(*arc[:-1].T, color=SOURCE, linewidth=1.5)
    ax.annotate("", arc[-1], arc[-3], arrowprops={"arrowstyle": "-|>", "color": SOURCE, "linewidth": 1.5})


def _start_name(scan: Scan) -> str:
    return "source" if scan.divergent else "start of rays"


def _path_name(scan: Scan) -> str:
    return "sources" if scan.divergent else "starts of rays"
