"""`svct schedule import`: the views of a file, such as those of a scan that was made, as a schedule."""

import json
from pathlib import Path

import click

from svct.cli import options


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--format", "fmt", help="Format of FILE.  [default: by its ending and content]")
@click.option("--geometry", type=click.Path(path_type=Path), help="A geometry file (.toml), as docs/scan.toml.")
@click.option("--task", "task_name", default="imported", show_default=True, help="Task that the schedule names.")
@click.option("--repeat", is_flag=True, help="Let views share an angle.")
@options.device
@click.option("--out", type=click.Path(path_type=Path), help="File to write.  [default: beside FILE]")
@options.overwrite
@options.as_json
def command(
    file: Path,
    fmt: str | None,
    geometry: Path | None,
    task_name: str,
    repeat: bool,
    device: str | None,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Read the views of FILE as a schedule.

    Formats: NXtomo, Data Exchange, RTK, ASTRA, CTSimU, DICOM Raw Data of svct, DICOM angiography with positioner
    angles, CSV with a column angle_deg, and arrays of positions (.npy). NXtomo and Data Exchange hold angles of the
    sample: the schedule gets minus these, or with --device the angles that belong to positions of its axis.
    """
    from svct.sampling.device import load_device
    from svct.sampling.export.imports import import_schedule

    scan = None
    if geometry is not None:
        from svct.geometry.file import load_geometry

        scan = {name: value for name, value in load_geometry(geometry)[0].to_dict().items() if name != "angles"}
    found = import_schedule(
        file,
        fmt=fmt,
        geometry=scan,
        task=task_name,
        device=None if device is None else load_device(device),
        repeat=repeat,
    )
    target = found.save(out or file.with_name(f"{file.stem}-schedule.json"), overwrite=overwrite)
    click.echo(f"{len(found.projections)} views, {found.geometry['kind']} geometry, method {found.method}", err=True)
    result = {"path": str(target), "views": len(found.projections), "sha256": found.sha256, "method": found.method}
    click.echo(json.dumps(result) if as_json else str(target))
