"""`svct reconstruct`: from projections to an image."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from svct.cli import options

if TYPE_CHECKING:
    from torch import Tensor

    from svct.geometry.projector import Projector

METHODS = ("fbp", "sirt", "tv", "unrolled")


@click.command()
@click.argument("projections", type=click.Path(path_type=Path))
@click.option("--method", default="unrolled", show_default=True, help=f"One of {', '.join(METHODS)}.")
@click.option("--filter", "filter_name", default="ramp", show_default=True, help="Filter of fbp.")
@click.option("--iterations", type=click.IntRange(min=1), help="Iterations of sirt and tv.  [default: 200]")
@click.option("--strength", type=float, default=0.15, show_default=True, help="Weight of the penalty of tv.")
@click.option("--backbone", type=click.Path(path_type=Path), help="Weights of unrolled.  [default: those in svct]")
@click.option("--out", type=click.Path(path_type=Path), help="Image to write.  [default: PROJECTIONS-METHOD.h5]")
@click.option("--png", type=click.Path(path_type=Path), help="Also draw it, window -1000 to 400 HU.")
@options.overwrite
@options.as_json
def command(
    projections: Path,
    method: str,
    filter_name: str,
    iterations: int | None,
    strength: float,
    backbone: Path | None,
    out: Path | None,
    png: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Reconstruct PROJECTIONS, a file that `svct simulate` wrote, in 1/mm."""
    from svct.errors import unknown_name

    if method not in METHODS:
        raise unknown_name("method", method, list(METHODS))

    import torch

    from svct import __version__
    from svct.cli.progress import progress
    from svct.data.projections import read_projections, write_image
    from svct.files import require_writable
    from svct.geometry import Grid, Projector, scan_from_dict

    measured = read_projections(projections)
    target = out or projections.with_name(f"{projections.stem}-{method}.h5")
    for path in (target, png):
        if path is not None:
            require_writable(path, overwrite=overwrite)
    A = Projector(scan_from_dict(measured.scan), Grid.from_dict(measured.grid))
    y = torch.from_numpy(measured.y)
    rounds = iterations or {"sirt": 200, "tv": 200}.get(method, 1)
    begin = time.perf_counter()
    with progress(rounds, what=method) as bar:
        x = _run(method, y, A, rounds, filter_name, strength, backbone, lambda _: bar.update())
    seconds = time.perf_counter() - begin
    meta = {"svct": __version__, "method": method, "projections": projections.name, "seconds": round(seconds, 3)}
    write_image(target, x.numpy(), A.grid.to_dict(), meta=meta, overwrite=overwrite)
    if png is not None:
        _draw(png, x, method, overwrite)
    click.echo(f"{method}: {A.range_shape[0]} views, {seconds:.2f} s", err=True)
    files = {"image": str(target), "png": None if png is None else str(png)}
    click.echo(json.dumps(files) if as_json else "\n".join(f for f in files.values() if f))


def _run(
    method: str,
    y: "Tensor",
    A: "Projector",
    rounds: int,
    filter_name: str,
    strength: float,
    backbone: Path | None,
    each: Callable[[int], Any],
) -> "Tensor":
    import torch

    from svct.recon import fbp, load_backbone, sirt, tv

    x: Tensor
    with torch.inference_mode():
        if method == "fbp":
            x = fbp(y, A, filter=filter_name)
        elif method == "sirt":
            x = sirt(y, A, iterations=rounds, each=each)
        elif method == "tv":
            x = tv(y, A, strength=strength, iterations=rounds, each=each)
        else:
            x = load_backbone(backbone)(y, A)
    return x


def _draw(path: Path, x: "Tensor", title: str, overwrite: bool) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from svct.files import atomic_path
    from svct.units import mu_to_hu

    figure = Figure(figsize=(5, 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(mu_to_hu(x.reshape(-1, *x.shape[-2:])[0]).numpy(), cmap="gray", vmin=-1000, vmax=400)
    axes.set_title(f"{title}, -1000 to 400 HU", fontsize=10)
    axes.set_axis_off()
    with atomic_path(path, overwrite=overwrite) as partial:
        figure.savefig(partial, format="png")
