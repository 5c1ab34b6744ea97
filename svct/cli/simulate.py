"""`svct simulate`: from an image, or a volume and a protocol, to measured projections."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from svct.cli import options

if TYPE_CHECKING:
    from torch import Tensor

    from svct.tasks.task import Task


@click.command()
@click.argument("volume", required=False)
@click.option("--protocol", help="Scan VOLUME by this protocol: a TOML file, or the name of one that comes with svct.")
@options.task
@click.option("--patient", type=click.IntRange(min=0), help="Which drawn patient.  [default: 0]")
@click.option("--data", help="Scan a slice of this CT instead: NIfTI, DICOM folder, or name of a fetched one.")
@click.option("--slice", "slice_index", type=int, help="Which slice, counted from the feet.  [default: the middle one]")
@options.series
@click.option(
    "--views",
    help="So many equidistant views, or a schedule file.  [default: the task's budget, or all of the protocol's]",
)
@click.option("--schedule", type=click.Path(path_type=Path), help="The views of this schedule instead.")
@click.option("--voxel-mm", type=float, help="With --protocol: edge of a voxel.  [default: that of VOLUME]")
@click.option(
    "--basis", default="adipose,water,muscle,bone", show_default=True, help="With --protocol: what VOLUME is made of."
)
@click.option(
    "--motion",
    "motions",
    multiple=True,
    metavar="KIND[:NAME=VALUE,...]",
    help="With --protocol: what moves in VOLUME: breathing, cardiac or rigid; may be given several times.",
)
@click.option("--line-integrals", is_flag=True, help="With --protocol: also write the noise-free ones at 70 keV.")
@click.option("--photons", type=float, help="Photons per ray without an object.  [default: the task's]")
@options.seed
@click.option(
    "--out", type=click.Path(path_type=Path), default="scan.h5", show_default=True, help="Projections to write."
)
@click.option("--truth", type=click.Path(path_type=Path), help="Also write the scanned image, to compare with.")
@options.overwrite
@options.as_json
@click.pass_context
def command(
    context: click.Context,
    volume: str | None,
    protocol: str | None,
    voxel_mm: float | None,
    basis: str,
    motions: tuple[str, ...],
    line_integrals: bool,
    task_name: str,
    patient: int | None,
    data: str | None,
    slice_index: int | None,
    series: str | None,
    views: str | None,
    schedule: Path | None,
    photons: float | None,
    seed: int,
    out: Path,
    truth: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Simulate a scan and write what it measures, in the form that `svct reconstruct` reads.

    With --protocol: VOLUME, in HU (NIfTI, a DICOM folder, an image file of svct, or the name of a fetched one), is
    scanned with the protocol's spectrum, loads and detector; a fan beam takes it slice by slice. Counts, loads, dose
    and the water-corrected log data are written. --motion lets it breathe, beat or sway while the gantry turns, as in
    --motion breathing:rise_mm=12,period_s=4 --motion cardiac.

    With --task: a drawn patient or a slice of --data is scanned at one energy.
    """
    from dataclasses import asdict, replace

    from svct import __version__
    from svct.data.projections import write_image, write_projections
    from svct.files import require_writable
    from svct.geometry.projector import Projector
    from svct.tasks.task import load_task

    if views is not None and schedule is not None:
        raise click.UsageError("give --views or --schedule, not both")
    count, schedule = (None, schedule) if views is None else _views(views)
    given = {name for name in context.params if context.get_parameter_source(name) == ParameterSource.COMMANDLINE}
    if protocol is not None:
        if volume is None:
            raise click.UsageError("--protocol needs a VOLUME to scan")
        if given & {"task_name", "patient", "data", "photons", "truth"}:
            raise click.UsageError("--task, --patient, --data, --photons and --truth do not go with --protocol")
        from svct.cli.simulate_protocol import Request, simulate_volume

        materials = tuple(basis.split(","))
        request = Request(volume, protocol, slice_index, series, count, schedule, voxel_mm, materials, motions)
        simulate_volume(request, seed=seed, out=out, line_integrals=line_integrals, overwrite=overwrite)
        click.echo(json.dumps({"projections": str(out)}) if as_json else str(out))
        return
    if volume is not None or given & {"voxel_mm", "basis", "motions", "line_integrals"}:
        raise click.UsageError("VOLUME, --voxel-mm, --basis, --motion and --line-integrals need --protocol")
    if data is not None and patient is not None:
        raise click.UsageError("give --patient or --data, not both")
    if data is None and (slice_index is not None or series is not None):
        raise click.UsageError("--slice and --series need --data")
    for target in (out, truth):
        if target is not None:
            require_writable(target, overwrite=overwrite)
    task = load_task(task_name)
    scan = task.scan[_chosen_views(task, count, schedule)]
    physics = task.acquisition if photons is None else replace(task.acquisition, photons=photons)
    if data is None:
        image, source = task.cohort.patient(patient or 0).image, f"patient {patient or 0} of cohort {task.name}"
    else:
        image, source = _slice(task, data, slice_index, series)
    y = physics.measure(Projector(scan, task.grid)(image), seed=seed)
    meta = {"svct": __version__, "source": source, "seed": seed, "acquisition": asdict(physics)}
    grid = task.grid.to_dict()
    write_projections(out, y.numpy(), scan.to_dict(), grid_dict=grid, meta=meta, overwrite=overwrite)
    if truth is not None:
        write_image(truth, image.numpy(), grid, meta={"svct": __version__, "source": source}, overwrite=overwrite)
    click.echo(f"{source}: {len(scan)} views of {scan.detector_shape[-1]} bins", err=True)
    files = {"projections": str(out), "truth": None if truth is None else str(truth)}
    click.echo(json.dumps(files) if as_json else "\n".join(f for f in files.values() if f))


def _views(given: str) -> tuple[int | None, Path | None]:
    """Return a number of views, or the schedule that lists them."""
    try:
        return int(given), None
    except ValueError:
        return None, Path(given)


def _chosen_views(task: "Task", views: int | None, schedule: Path | None) -> list[int]:
    from svct.sampling.fixed import equidistant_sets
    from svct.sampling.schedule import Schedule

    if schedule is not None:
        return Schedule.load(schedule).view_indices(task.scan)
    return list(equidistant_sets(len(task.scan), task.budget if views is None else views)[0])


def _slice(task: "Task", data: str, index: int | None, series: str | None) -> "tuple[Tensor, str]":
    import torch

    from svct.data.catalogue import locate
    from svct.data.open import read_volume

    volume = read_volume(locate(data), series=series)
    chosen = len(volume.hu) // 2 if index is None else index
    image = torch.from_numpy(volume.slices_on(task.grid, [chosen])[0])
    if not volume.fits(task.grid):
        click.echo(
            f"note: the volume is wider than the task's grid of {task.grid.extent_mm[0]:g} mm and is cut off", err=True
        )
    if volume.edge_slices()[chosen]:
        click.echo(
            f"note: in slice {chosen} the body touches the array's edge: it is scanned as it is, cut off", err=True
        )
    return image, f"slice {chosen} of {Path(volume.source).name}"
