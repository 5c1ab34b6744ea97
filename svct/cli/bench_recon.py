"""`svct bench recon`: all reconstructions under one protocol."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from svct.cli import options

if TYPE_CHECKING:
    from svct.bench.recon import Protocol, Row
    from svct.bench.recon_subjects import Scanned


@click.command("recon")
@click.option(
    "--case", "names", multiple=True, help="Task whose test patients are drawn, or a task file.  [default: chest]"
)
@click.option("--data", help="Slices of this CT on the case's grid instead: NIfTI, DICOM, or name of a fetched one.")
@options.series
@click.option(
    "--views", type=click.IntRange(1, 10_000), multiple=True, help="Number of views.  [default: 16, 24, 48, 360]"
)
@click.option("--photons", type=float, multiple=True, help="Photons per ray.  [default: 2e4, 2e5]")
@click.option("--pattern", multiple=True, help="equidistant, random, wedge-N degrees, rotated.  [default: equidistant]")
@click.option(
    "--method", multiple=True, help="fbp, tv, a network's NAME or a registered method.  [default: fbp, tv, networks]"
)
@click.option(
    "--network", multiple=True, metavar="NAME=FILE", help="A trained network to compare; unrolled=FILE replaces svct's."
)
@click.option(
    "--patients", type=click.IntRange(2, 1000), default=16, show_default=True, help="Patients or slices per case."
)
@click.option("--tuning", type=click.IntRange(1, 100), default=2, show_default=True, help="Others that TV is tuned on.")
@click.option("--iterations", type=click.IntRange(1, 10_000), default=300, show_default=True, help="Iterations of TV.")
@options.seed
@click.option(
    "--quick", is_flag=True, help="Two patients, 24 views, one flux, few iterations: a look at the whole path."
)
@click.option("--out", type=click.Path(path_type=Path), help="JSON to write, after each condition anew.")
@click.option("--markdown", type=click.Path(path_type=Path), help="Markdown tables to write.")
@options.overwrite
@options.as_json
def command(
    names: tuple[str, ...],
    data: str | None,
    series: str | None,
    views: tuple[int, ...],
    photons: tuple[float, ...],
    pattern: tuple[str, ...],
    method: tuple[str, ...],
    network: tuple[str, ...],
    patients: int,
    tuning: int,
    iterations: int,
    seed: int,
    quick: bool,
    out: Path | None,
    markdown: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Compare reconstructions on the same subjects, views and noise: FBP, tuned TV, the backbone, other networks.

    Options that say what to scan may be given several times; every combination is measured. PSNR and SSIM have a range
    of 2000 HU. `false` counts blobs of nodule size that a lesion-free lung does not have, `kept` is the part of an
    inserted nodule's contrast that is left. The gain is paired, with a 95 % bootstrap interval over patients.
    """
    from svct.bench import recon
    from svct.bench.recon_methods import CLASSIC, speed
    from svct.bench.recon_patterns import pattern_named
    from svct.bench.recon_table import as_markdown, as_text
    from svct.cli.progress import progress
    from svct.files import atomic_path, require_writable
    from svct.recon.networks import about_network, file_sha256, load_network

    for path in (out, markdown):
        if path is not None:
            require_writable(path, overwrite=overwrite)
    files = _network_files(network)
    networks = {name: load_network(path) for name, path in files.items()}
    protocol = recon.Protocol(
        views=views or ((24,) if quick else (16, 24, 48, 360)),
        photons=photons or ((2e5,) if quick else (2e4, 2e5)),
        patterns=tuple(pattern_named(name) for name in pattern or ("equidistant",)),
        methods=method or (*CLASSIC, *networks),
        iterations=min(iterations, 40) if quick else iterations,
        seed=seed,
    )
    patients, tuning = (2, 1) if quick else (patients, tuning)
    cases = _cases(names or ("chest",), data, series, patients, tuning)
    for case in cases:
        for remark in case.remarks:
            click.echo(f"note: {case.name}: {remark}", err=True)
    rows: list[Row] = []
    document = _document(cases, protocol)
    document["networks"] = {
        name: {"file": path.name, "sha256": file_sha256(path), "about": about_network(path)}
        for name, path in files.items()
    }

    def keep(complete: bool) -> None:
        _fill(document, rows, complete)
        if out is not None:
            with atomic_path(out, overwrite=True) as partial:
                partial.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

    try:
        with progress(recon.work(cases, protocol, patients=patients), what="starting") as bar:
            for more in recon.bench_reconstructions(
                cases, protocol, networks, tick=bar.update, say=bar.set_description_str
            ):
                rows += more
                keep(complete=False)
    except BaseException as stop:
        if rows and out is not None:
            stop.add_note(f"the {len(rows)} finished rows are in {out}")
        raise
    if recon.REFERENCE in protocol.methods:
        document["seconds_256_24_views"] = speed(networks[recon.REFERENCE])
    keep(complete=True)
    if markdown is not None:
        with atomic_path(markdown, overwrite=overwrite) as partial:
            partial.write_text(as_markdown(rows), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(", ".join(f"{key} {value}" for key, value in document["machine"].items()))
    click.echo("\n".join(as_text(rows)))
    if "seconds_256_24_views" in document:
        click.echo(
            f"\none image of 256x256 from 24 views, {recon.REFERENCE}: {document['seconds_256_24_views']:.2f} s, "
            f"threads {document['machine']['threads']}"
        )


def _network_files(given: tuple[str, ...]) -> dict[str, Path]:
    """Return the file of each network by its name, the backbone first."""
    from svct.bench.recon import REFERENCE
    from svct.bench.recon_methods import CLASSIC
    from svct.errors import InputError
    from svct.recon.networks import backbone_path

    files = {REFERENCE: backbone_path()}
    for text in given:
        name, equals, file = text.partition("=")
        if not (name and equals and file):
            raise InputError(f"--network: expected NAME=FILE, such as lpd=lpd.safetensors, got {text!r}")
        if name in CLASSIC or (name in files and name != REFERENCE):
            raise InputError(f"--network {text}: expected a name that is still free, got {name!r}; take another")
        files[name] = Path(file)
    return files


def _cases(names: tuple[str, ...], data: str | None, series: str | None, patients: int, tuning: int) -> "list[Scanned]":
    from svct.bench.recon_subjects import drawn_patients, real_slices
    from svct.data.catalogue import CATALOGUE, locate
    from svct.tasks.task import load_task

    tasks = [load_task(name) for name in names]
    if data is None:
        click.echo("drawing patients", err=True)
        return [drawn_patients(task, patients=patients, tuning=tuning) for task in tasks]
    if len(tasks) != 1:
        raise click.UsageError("--data: expected one --case, whose grid the slices are put on")
    click.echo("reading the volume", err=True)
    name = data if data in CATALOGUE else None
    return [real_slices(tasks[0], locate(data), patients=patients, tuning=tuning, series=series, name=name)]


def _document(cases: "list[Scanned]", protocol: "Protocol") -> dict[str, Any]:
    import platform
    from dataclasses import asdict
    from datetime import UTC, datetime

    import torch

    from svct import __version__
    from svct._kernels import instruction_set
    from svct.bench import false_structures as detector
    from svct.metrics import RANGE

    return {
        "machine": {
            "svct": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "processor": platform.machine(),
            "instruction set": instruction_set(),
            "threads": torch.get_num_threads(),
        },
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "protocol": {**asdict(protocol), "psnr_range_per_mm": RANGE, "psnr_range_hu": 2000},
        "detector": {
            "sizes_mm": detector.SIZES_MM,
            "threshold_hu": detector.THRESHOLD_HU,
            "edge_mm": detector.EDGE_MM,
            "vessel_mm": detector.VESSEL_MM,
            "nodule_mm": detector.NODULE_MM,
            "nodule_hu": detector.NODULE_HU,
        },
        "cases": [
            {"name": c.name, "task": c.task.name, "unit": c.unit, "source": c.source, "remarks": list(c.remarks)}
            for c in cases
        ],
    }


def _fill(document: dict[str, Any], rows: "list[Row]", complete: bool) -> None:
    from svct.bench.recon_table import as_json

    document["complete"] = complete
    document["rows"] = as_json(rows)
