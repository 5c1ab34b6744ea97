"""`svct geometry`: show, draw and convert a geometry file."""

import json
from pathlib import Path
from typing import Any

import click

FILE = click.argument("file", type=click.Path(path_type=Path))
OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace a file that is there already.")


@click.group()
def command() -> None:
    """Show, draw and convert a scan geometry from a TOML file; docs/scan.toml is an example."""


@command.command()
@FILE
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all angles.")
def show(file: Path, as_json: bool) -> None:
    """Print the scan and the grid of FILE, lengths in mm, angles in degrees."""
    import numpy as np

    from svct.geometry.file import load_geometry

    scan, grid = load_geometry(file)
    values = scan.to_dict()
    values.pop("angles", None)
    if "tilt" in values:
        values["tilt_deg"] = np.rad2deg(values.pop("tilt")).tolist()
    angles = np.rad2deg(np.array(scan.angles))
    facts: dict[str, Any] = {
        "scan": {**values, "views": len(scan), "angle_deg": angles.tolist()},
        "grid": {**grid.to_dict(), "extent_mm": list(grid.extent_mm)},
    }
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    facts["scan"]["angle_deg"] = f"{angles[0]:g} to {angles[-1]:g}, from {angles.min():g} up to {angles.max():g}"
    facts["scan"].pop("table", None)
    for name, table in facts.items():
        for key, value in table.items():
            click.echo(f"{name} {key}: {value}")


@command.command()
@FILE
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Picture to write: png, svg or pdf.")
@OVERWRITE
def plot(file: Path, out: Path, overwrite: bool) -> None:
    """Draw the scan and the grid of FILE: from above, and a 3D one from the side too."""
    from svct.errors import unknown_name
    from svct.files import atomic_path
    from svct.geometry.file import load_geometry

    formats = ["pdf", "png", "svg"]
    if out.suffix.lstrip(".").lower() not in formats:
        raise unknown_name("picture format", out.suffix.lstrip("."), formats)
    scan, grid = load_geometry(file)
    with atomic_path(out, overwrite=overwrite) as partial:
        scan.plot(grid).savefig(partial, dpi=150)  # type: ignore[union-attr]
    click.echo(str(out))


@command.command()
@FILE
@click.option("--to", "target", type=click.Choice(["rtk", "astra", "tomosipo"]), required=True)
@click.option("--out", type=click.Path(path_type=Path), help="File to write.  [default: standard output]")
@OVERWRITE
def convert(file: Path, target: str, out: Path | None, overwrite: bool) -> None:
    """Write the geometry of FILE for another package.

    rtk: the XML of its circular geometry, without the detector's sizes, which RTK keeps with the projections. astra:
    its two dictionaries in JSON. tomosipo: the Python expressions of its two geometries.
    """
    from svct.files import atomic_path
    from svct.geometry.file import load_geometry

    scan, grid = load_geometry(file)
    if target == "rtk":
        from svct.geometry.convert.rtk import to_rtk

        text = to_rtk(scan).rstrip()
        shape = " x ".join(map(str, scan.detector_shape))
        click.echo(f"note: rtk carries neither the grid nor the detector's {shape} bins and their sizes", err=True)
    elif target == "astra":
        from svct.geometry.convert.astra import to_astra

        projections, volume = to_astra(scan, grid)
        both = {"projections": projections, "volume": volume}
        text = json.dumps(both, indent=2, default=lambda array: array.tolist())
    else:
        from svct.geometry.convert.tomosipo import to_tomosipo

        text = "\n".join(map(repr, to_tomosipo(scan, grid)))
    if out is None:
        click.echo(text)
        return
    with atomic_path(out, overwrite=overwrite) as partial:
        partial.write_text(text + "\n", encoding="utf-8")
    click.echo(str(out))
