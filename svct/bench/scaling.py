"""A picture of time against the size of the volume."""

import os
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.figure import Figure

from svct.bench.projectors import Row
from svct.files import atomic_path

STYLES = {"forward": "-", "back": "--"}


def plot_scaling(rows: Sequence[Row], path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Draw seconds against voxels along an edge, a line for each operation of each tool.

    Args:
        rows: Of cases whose names end with the edge, as those of `svct.bench.cases.scaling_cases`.
        path: PNG, SVG or PDF file to write.
        overwrite: Replace a file that is already there.

    Raises:
        OutputExistsError: The file exists and `overwrite` is false.
    """
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    tools = list(dict.fromkeys(row.tool for row in rows))
    edges = sorted({_edge(row) for row in rows})
    for tool, colour in zip(tools, mpl.color_sequences["tab10"], strict=False):
        for operation, style in STYLES.items():
            line = sorted((_edge(row), row.seconds) for row in rows if (row.tool, row.operation) == (tool, operation))
            axes.plot(*zip(*line, strict=True), style, marker="o", color=colour, label=f"{tool}, {operation}")
    first = min(row.seconds for row in rows if _edge(row) == edges[0])
    axes.plot(edges, [first * (edge / edges[0]) ** 3 for edge in edges], ":", color="grey", label="edge to the third")
    axes.set(xscale="log", yscale="log", xlabel="voxels along an edge", ylabel="seconds per volume")
    axes.set_xticks(edges, [str(edge) for edge in edges], minor=False)
    axes.set_xticks([], minor=True)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    with atomic_path(path, overwrite=overwrite) as partial:
        figure.savefig(partial, dpi=150)


def _edge(row: Row) -> int:
    return int(row.case.rsplit("-", 1)[1])
