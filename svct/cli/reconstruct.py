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

ITERATIONS = {"sirt": 200, "sart": 20, "cgls": 20, "mlem": 50, "pwls": 100, "tv": 200, "tgv": 300}
"""Iterations of each iterative method where none are given."""

_ITERATIVE = ("iterations", "tolerance")
OPTIONS = {
    "fbp": ("filter", "coverage"),
    "sirt": (*_ITERATIVE, "weighted"),
    "sart": (*_ITERATIVE, "weighted", "subsets"),
    "cgls": (*_ITERATIVE, "weighted"),
    "mlem": (*_ITERATIVE, "subsets"),
    "pwls": (*_ITERATIVE, "weighted", "subsets", "strength", "prior"),
    "tv": (*_ITERATIVE, "weighted", "strength"),
    "tgv": (*_ITERATIVE, "weighted", "strength"),
    "unrolled": ("backbone",),
}
"""The methods, and which options go with each."""


def _defaults() -> str:
    return ", ".join(f"{name} {count}" for name, count in ITERATIONS.items())


@click.command()
@click.argument("projections", type=click.Path(path_type=Path))
@click.option("--method", default="unrolled", show_default=True, help=f"One of {', '.join(OPTIONS)}.")
@click.option("--filter", help="Filter of fbp.  [default: ramp]")
@click.option("--coverage", help="Of the circle by the views, of fbp: auto, full or short.  [default: auto]")
@click.option("--iterations", type=click.IntRange(min=1), help=f"Iterations.  [default: {_defaults()}]")
@click.option(
    "--tolerance", type=float, help="Stop iterating once the image changes by less than this part of its norm."
)
@click.option("--weighted", is_flag=True, default=None, help="Weight each ray by its counts, exp(-y).")
@click.option("--subsets", type=click.IntRange(min=1), help="Ordered subsets of sart, mlem, pwls.")
@click.option("--strength", type=float, help="Weight of the penalty.  [default: tv, tgv 0.15, pwls 1000]")
@click.option("--prior", help="Penalty of pwls: quadratic, huber or qggmrf.  [default: huber]")
@click.option("--backbone", type=click.Path(path_type=Path), help="Weights of unrolled.  [default: those in svct]")
@click.option("--out", type=click.Path(path_type=Path), help="Image to write.  [default: PROJECTIONS-METHOD.h5]")
@click.option("--png", type=click.Path(path_type=Path), help="Also draw it, window -1000 to 400 HU.")
@options.overwrite
@options.as_json
def command(
    projections: Path,
    method: str,
    filter: str | None,
    coverage: str | None,
    iterations: int | None,
    tolerance: float | None,
    weighted: bool | None,
    subsets: int | None,
    strength: float | None,
    prior: str | None,
    backbone: Path | None,
    out: Path | None,
    png: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Reconstruct PROJECTIONS, a file that `svct simulate` wrote, in 1/mm."""
    from svct.errors import InputError, unknown_name

    if method not in OPTIONS:
        raise unknown_name("method", method, list(OPTIONS))
    settings: dict[str, Any] = {
        "filter": filter,
        "coverage": coverage,
        "iterations": iterations,
        "tolerance": tolerance,
        "weighted": weighted,
        "subsets": subsets,
        "strength": strength,
        "prior": prior,
        "backbone": backbone,
    }
    settings = {name: value for name, value in settings.items() if value is not None}
    for name in settings.keys() - set(OPTIONS[method]):
        fitting = ", ".join(m for m, names in OPTIONS.items() if name in names)
        raise InputError(f"--{name}: expected with --method {fitting}, got --method {method}; leave it out")

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
    begin = time.perf_counter()
    with progress(iterations or ITERATIONS.get(method, 1), what=method) as bar:
        x = _run(method, y, A, settings, lambda _: bar.update())
    seconds = time.perf_counter() - begin
    meta = {"svct": __version__, "method": method, "projections": projections.name, "seconds": round(seconds, 3)}
    write_image(target, x.numpy(), A.grid.to_dict(), meta=meta, overwrite=overwrite)
    if png is not None:
        _draw(png, x, method, overwrite)
    click.echo(f"{method}: {A.range_shape[-2]} views, {seconds:.2f} s", err=True)
    files = {"image": str(target), "png": None if png is None else str(png)}
    click.echo(json.dumps(files) if as_json else "\n".join(f for f in files.values() if f))


def _run(method: str, y: "Tensor", A: "Projector", settings: dict[str, Any], each: Callable[[int], Any]) -> "Tensor":
    import torch

    from svct import recon
    from svct.errors import unknown_name

    priors = {"quadratic": recon.Quadratic, "huber": recon.Huber, "qggmrf": recon.QGGMRF}
    if "prior" in settings:
        if settings["prior"] not in priors:
            raise unknown_name("prior", settings["prior"], list(priors))
        settings["prior"] = priors[settings["prior"]]()
    if settings.pop("weighted", False):
        settings["weights"] = recon.count_weights(y)
    x: Tensor
    with torch.inference_mode():
        if method == "unrolled":
            x = recon.load_backbone(settings.get("backbone"))(y, A)
        elif method == "fbp":
            x = recon.fbp(y, A, **settings)
        else:
            if method == "mlem" and bool((y < 0).any()):
                click.echo(f"note: {int((y < 0).sum())} negative values of the data are taken as 0", err=True)
                y = y.clamp(min=0)
            x = getattr(recon, method)(y, A, each=each, **settings)
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
