"""`svct reconstruct`: from projections to an image."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from svct.cli import options
from svct.units import MU_WATER

if TYPE_CHECKING:
    from torch import Tensor

    from svct.cli.slab_job import Method
    from svct.geometry.projector import Projector
    from svct.geometry.scan import Scan

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
    "unrolled-std": (),
}
"""The methods, and which options go with each."""


def _defaults() -> str:
    return ", ".join(f"{name} {count}" for name, count in ITERATIONS.items())


@click.command()
@click.argument("projections", type=click.Path(path_type=Path))
@click.option("--method", default="unrolled", show_default=True, help=f"One of {', '.join(OPTIONS)}.")
@click.option("--schedule", type=click.Path(path_type=Path), help="Use the views of this schedule alone.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--slab", type=click.IntRange(min=1), help="So many slices at a time.  [default: by memory]")
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
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Image to write: .h5, .nii, .nii.gz, or without a suffix a folder of DICOM files.  "
    "[default: PROJECTIONS-METHOD.h5]",
)
@click.option("--slice-mm", type=float, help="NIfTI, DICOM: distance of the slices of a stack.")
@click.option("--axes", default="LAS", show_default=True, help="NIfTI, DICOM: where x, y and z point in the patient.")
@click.option("--mu-water", type=float, default=MU_WATER, show_default=True, help="NIfTI, DICOM, PNG: 0 HU, in 1/mm.")
@click.option("--png", type=click.Path(path_type=Path), help="Also draw the middle slice, window -1000 to 400 HU.")
@options.overwrite
@options.as_json
def command(
    projections: Path,
    method: str,
    schedule: Path | None,
    device: str,
    slab: int | None,
    out: Path | None,
    slice_mm: float | None,
    axes: str,
    mu_water: float,
    png: Path | None,
    overwrite: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Reconstruct PROJECTIONS, a file that `svct simulate` wrote: in 1/mm to .h5, in HU to NIfTI or DICOM.

    Stacks of slices, and volumes where the method allows it, go slab by slab. After an interrupt the same command goes
    on behind the last finished slab.

    `unrolled-std` gives no image but how far that of `unrolled` may be off: the standard deviation of its error.
    """
    from svct.errors import InputError, unknown_name

    if method not in OPTIONS:
        raise unknown_name("method", method, list(OPTIONS))
    settings = {name: value for name, value in chosen.items() if value is not None}
    for name in settings.keys() - set(OPTIONS[method]):
        fitting = ", ".join(m for m, names in OPTIONS.items() if name in names)
        raise InputError(f"--{name}: expected with --method {fitting}, got --method {method}; leave it out")
    for name, number in (("slice-mm", slice_mm), ("mu-water", mu_water)):
        if number is not None and not 0 < number < float("inf"):
            raise InputError(f"--{name}: expected a positive number, got {number}")

    from svct.cli.picture import draw
    from svct.cli.slab_job import SlabJob, describe
    from svct.data.output import Result, output_format, require_output
    from svct.data.planes import open_projections
    from svct.files import require_writable
    from svct.geometry import Grid, scan_from_dict
    from svct.geometry.device import choose_device
    from svct.recon.slabs import plan_slabs

    target = out or projections.parent / f"{projections.stem}-{method}.h5"
    if method == "unrolled-std" and output_format(target) != "hdf5":
        raise InputError(
            f"--out: expected a name that ends in .h5 for error bars, which are no CT numbers, got {target}"
        )
    with open_projections(projections) as data:
        scan, grid = scan_from_dict(data.scan), Grid.from_dict(data.grid)
        views = _views(schedule, scan)
        where = choose_device(device, scan)
        plan = plan_slabs(scan[views], grid, data.shape[:-2], method=method, size=slab)
        meta = describe(data, method, settings, views)
        spacing = data.meta.get("slice_mm") if slice_mm is None else slice_mm
        result = Result(plan.shape, grid, meta, slice_mm=spacing, axes=axes, mu_water=mu_water)
        require_output(target, result, overwrite=overwrite)
        if png is not None:
            require_writable(png, overwrite=overwrite)
        say = _speaker()
        if plan.note:
            say(f"note: {plan.note}")
        iterations = settings.get("iterations") or ITERATIONS.get(method, 1)
        job = SlabJob(data, views, plan, _bind(method, settings, say), where, method, iterations)
        middle, seconds = job.run(target, result, overwrite=overwrite, say=say)
    if png is not None:
        draw(png, middle, title=method, mu_water=mu_water, overwrite=overwrite)
    click.echo(f"{method}: {len(views)} views, {seconds:.2f} s", err=True)
    files = {"image": str(target), "png": None if png is None else str(png)}
    click.echo(json.dumps(files) if as_json else "\n".join(f for f in files.values() if f))


def _views(schedule: Path | None, scan: "Scan") -> list[int]:
    from svct.errors import InputError
    from svct.sampling.match import measured_views
    from svct.sampling.schedule import Schedule

    if schedule is None:
        return list(range(len(scan)))
    try:
        return measured_views(Schedule.load(schedule), scan)
    except InputError as error:
        raise InputError(f"{schedule}: {error}" if str(schedule) not in str(error) else str(error)) from error


def _speaker() -> Callable[[str], None]:
    """Return a function that says each line once, however many slabs have cause to."""
    said: set[str] = set()

    def say(line: str) -> None:
        if line not in said:
            click.echo(line, err=True)
        said.add(line)

    return say


def _bind(method: str, settings: dict[str, Any], say: Callable[[str], None]) -> "Method":
    return lambda y, A, each: _run(method, y, A, settings, each=each, say=say)


def _run(
    method: str,
    y: "Tensor",
    A: "Projector",
    settings: dict[str, Any],
    *,
    each: Callable[[int], Any],
    say: Callable[[str], None],
) -> "Tensor":
    """Reconstruct a batch, with one set of ray weights for each of its scans."""
    import torch

    from svct import recon
    from svct.errors import unknown_name
    from svct.recon.uncertainty import load_uncertainty

    settings = dict(settings)
    priors = {"quadratic": recon.Quadratic, "huber": recon.Huber, "qggmrf": recon.QGGMRF}
    if "prior" in settings:
        if settings["prior"] not in priors:
            raise unknown_name("prior", settings["prior"], list(priors))
        settings["prior"] = priors[settings["prior"]]()
    if settings.pop("weighted", False):
        settings["weights"] = torch.stack([recon.count_weights(scan) for scan in y])
    x: Tensor
    with torch.inference_mode():
        if method == "unrolled-std":
            x = load_uncertainty().to(y.device)(y, A)[1]
        elif method == "unrolled":
            x = recon.load_backbone(settings.get("backbone")).to(y.device)(y, A)
        elif method == "fbp":
            x = recon.fbp(y, A, **settings)
        else:
            if method == "mlem" and bool((y < 0).any()):
                say("note: negative values of the data are taken as 0")
                y = y.clamp(min=0)
            x = getattr(recon, method)(y, A, each=each, **settings)
    return x
