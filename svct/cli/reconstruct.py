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
    from svct.recon.reconstructor import Reconstructor

_DEFAULTS = "sirt 200, sart 20, cgls 20, mlem 50, pwls 100, tv 200, tgv 300"


@click.command()
@click.argument("projections", type=click.Path(path_type=Path))
@click.option("--method", default="unrolled", show_default=True, help="Such as fbp or tv; an unknown one lists all.")
@click.option("--schedule", type=click.Path(path_type=Path), help="Use the views of this schedule alone.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--slab", type=click.IntRange(min=1), help="So many slices at a time.  [default: by memory]")
@click.option("--metal", is_flag=True, help="Interpolate rays through metal first, and show the metal in the image.")
@click.option("--filter", help="Filter of fbp.  [default: ramp]")
@click.option("--coverage", help="Of the circle by the views, of fbp: auto, full or short.  [default: auto]")
@click.option("--iterations", type=click.IntRange(min=1), help=f"Iterations.  [default: {_DEFAULTS}]")
@click.option(
    "--tolerance", type=float, help="Stop iterating once the image changes by less than this part of its norm."
)
@click.option("--weighted", is_flag=True, default=None, help="Weight each ray by its counts, exp(-y).")
@click.option("--subsets", type=click.IntRange(min=1), help="Ordered subsets of sart, mlem, pwls.")
@click.option("--strength", type=float, help="Weight of the penalty.  [default: tv, tgv 0.15, pwls 1000]")
@click.option("--prior", help="Penalty of pwls: quadratic, huber or qggmrf.  [default: huber]")
@click.option(
    "--backbone", type=click.Path(path_type=Path), help="Weights of unrolled and polished.  [default: those in svct]"
)
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
    metal: bool,
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

    `polished` leads images of `unrolled` that do not explain their data towards them by total variation.
    `unrolled-std` gives no image but how far that of `unrolled` may be off: the standard deviation of its error.
    """
    from svct.errors import InputError
    from svct.recon.reconstructor import find_reconstructor

    chosen_method = find_reconstructor(method)
    settings = {name: value for name, value in chosen.items() if value is not None}
    for name in settings.keys() - set(chosen_method.options):
        raise InputError(f"--{name}: expected with --method {_taken_by(name)}, got --method {method}; leave it out")
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
        meta = describe(data, method, settings | ({"metal": True} if metal else {}), views)
        spacing = data.meta.get("slice_mm") if slice_mm is None else slice_mm
        result = Result(plan.shape, grid, meta, slice_mm=spacing, axes=axes, mu_water=mu_water)
        require_output(target, result, overwrite=overwrite)
        if png is not None:
            require_writable(png, overwrite=overwrite)
        say = _speaker()
        if plan.note:
            say(f"note: {plan.note}")
        iterations = settings.get("iterations") or chosen_method.iterations or 1
        job = SlabJob(data, views, plan, _bind(chosen_method, settings, say, metal=metal), where, method, iterations)
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


def _taken_by(option: str) -> str:
    """Return the methods that take an option."""
    from svct.recon.reconstructor import find_reconstructor, reconstructor_names

    return ", ".join(name for name in reconstructor_names() if option in find_reconstructor(name).options)


def _bind(method: "Reconstructor", settings: dict[str, Any], say: Callable[[str], None], *, metal: bool) -> "Method":
    import torch

    from svct.recon.metal import interpolate_metal

    def run(y: "Tensor", A: "Projector", each: Callable[[int], Any]) -> "Tensor":
        with torch.inference_mode():
            if not metal:
                return method.reconstruct(y, A, settings=settings, each=each, say=say)
            y, seen = interpolate_metal(y, A)
            say("metal: found and interpolated" if bool(seen.any()) else "metal: none found above 3000 HU")
            x = method.reconstruct(y, A, settings=settings, each=each, say=say)
            return torch.where(seen > 0, torch.maximum(seen, x), x) if method.gives_image else x

    return run
