"""`svct bench quality`: physical image quality of reconstructions."""

import json
from pathlib import Path

import click

from svct.cli import options


@click.command("quality")
@options.task
@click.option("--method", "methods", multiple=True, help="Registered method.  [default: fbp]")
@click.option("--views", type=click.IntRange(2, 10_000), multiple=True, help="Number of views.  [default: the task's]")
@click.option("--photons", type=click.FloatRange(0, min_open=True), help="Photons per ray.  [default: the task's]")
@click.option("--filter", "filter_name", help="Window of the ramp filter, for methods that have one.")
@click.option("--strength", type=float, help="Strength of the prior, for methods that have one.")
@click.option("--iterations", type=click.IntRange(1), help="Iterations, for methods that iterate.")
@click.option("--repeats", type=click.IntRange(2, 10_000), default=40, show_default=True, help="Scans of the phantom.")
@click.option("--patients", type=click.IntRange(1, 1000), default=8, show_default=True, help="Of the test split.")
@click.option(
    "--contrast-hu", type=float, default=100.0, show_default=True, help="Insert that transfer is measured on."
)
@click.option("--disc-mm", type=float, default=10.0, show_default=True, help="Diameter of the disc to detect.")
@click.option("--disc-hu", type=float, default=20.0, show_default=True, help="Its contrast.")
@options.seed
@click.option("--out", type=click.Path(path_type=Path), help="JSON to write, with spectra and transfer functions.")
@options.overwrite
@options.as_json
def command(
    task_name: str,
    methods: tuple[str, ...],
    views: tuple[int, ...],
    photons: float | None,
    filter_name: str | None,
    strength: float | None,
    iterations: int | None,
    repeats: int,
    patients: int,
    contrast_hu: float,
    disc_mm: float,
    disc_hu: float,
    seed: int,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Measure image quality: errors on patients; noise power, edge transfer and detectability on a phantom.

    Patients of the task's test split give PSNR and SSIM (range 2000 HU), RMSE and bias in HU, overall and by organ. A
    water cylinder with a disc insert, its projections exact, is scanned again and again for the noise power spectrum,
    the task-based transfer function of the insert's rim, and d' of a stated disc for the non-prewhitening observer.
    """
    from svct import __version__
    from svct.bench.image_quality.detectability import DiscTask
    from svct.bench.image_quality.study import Effort, as_text, measure_quality
    from svct.bench.views import at_flux
    from svct.cli.progress import progress
    from svct.files import atomic_path, require_writable
    from svct.recon.reconstructor import find_reconstructor
    from svct.tasks.task import load_task

    if out is not None:
        require_writable(out, overwrite=overwrite)
    task = load_task(task_name)
    task = task if photons is None else at_flux(task, photons)
    effort = Effort(repeats, patients, contrast_hu, DiscTask(disc_mm, disc_hu), seed)
    chosen = {"filter": filter_name, "strength": strength, "iterations": iterations}
    given = {name: value for name, value in chosen.items() if value is not None}
    names = methods or ("fbp",)
    options_of = {name: find_reconstructor(name).options for name in names}
    for name in given:
        if not any(name in known for known in options_of.values()):
            raise click.UsageError(f"--{name}: none of {', '.join(names)} takes it")
    rows = []
    counts = views or (task.budget,)
    with progress(len(names) * len(counts) * (1 + patients + repeats), what="quality") as bar:
        for name in names:
            settings = {key: value for key, value in given.items() if key in options_of[name]}
            for count in counts:
                bar.set_description_str(f"{name} {count}")
                rows.append(measure_quality(task, name, count, effort=effort, settings=settings, tick=bar.update))
    document = {
        "schema": "svct.quality/1",
        "svct": __version__,
        "disc": {"diameter_mm": disc_mm, "contrast_hu": disc_hu},
        "repeats": repeats,
        "seed": seed,
        "psnr_range_hu": 2000,
        "rows": [row.to_dict() for row in rows],
    }
    if out is not None:
        with atomic_path(out, overwrite=overwrite) as partial:
            partial.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    click.echo(json.dumps(document, indent=2) if as_json else "\n".join(as_text(rows)))
