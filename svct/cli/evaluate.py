"""`svct evaluate`: images against their truth, or how well a finding is read in what a schedule gives."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from svct.cli import options

if TYPE_CHECKING:
    from svct.bench.diagnosis_evaluate import Evaluation

FIRST = {"chest": "solid nodule", "abdomen": "hypodense liver lesion", "head": "intraparenchymal haemorrhage"}
"""What is looked for by default, by anatomy."""


@click.command()
@click.argument("images", type=click.Path(path_type=Path), nargs=-1)
@click.option("--truth", type=click.Path(path_type=Path), help="The true image, from `svct simulate --truth`.")
@click.option("--range-hu", type=float, default=2000.0, show_default=True, help="Range of PSNR and SSIM, HU.")
@click.option("--task", "task_name", help="Instead of IMAGES: scan cases of this task, by name or file (.toml).")
@click.option("--schedule", type=click.Path(path_type=Path), help="Views to scan from.  [default: all of the task]")
@click.option("--views", type=click.IntRange(1), help="Instead of a schedule: that many equidistant views.")
@click.option("--heads", default="cho", show_default=True, help="Observers and heads, with commas between them.")
@click.option("--finding", help="What to look for.  [default: the usual one of the anatomy]")
@click.option(
    "--difficulty", type=click.Choice(["detection", "kind"]), default="detection", show_default=True,
    help="Faint findings as a detection task has them, or all that the kind has, with lookalikes.",
)  # fmt: skip
@click.option("--method", default="unrolled", show_default=True, help="fbp, tv or unrolled.")
@click.option(
    "--fit-on", type=click.Choice(["same", "full"]), default="same", show_default=True,
    help="Views of the images that readers are fitted to: those of the schedule, or all.",
)  # fmt: skip
@click.option(
    "--train", type=click.IntRange(8), default=100, show_default=True, help="Cases that readers are fitted to."
)
@click.option("--cases", type=click.IntRange(8), default=60, show_default=True, help="Cases that are read.")
@click.option("--pixels", type=click.IntRange(32, 2048), help="Along an edge of the image.  [default: the task's]")
@options.seed
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for evaluation.json, roc.png and a sheet of cases."
)
@options.as_json
def command(
    images: tuple[Path, ...],
    truth: Path | None,
    range_hu: float,
    task_name: str | None,
    schedule: Path | None,
    views: int | None,
    heads: str,
    finding: str | None,
    difficulty: str,
    method: str,
    fit_on: str,
    train: int,
    cases: int,
    pixels: int | None,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Print PSNR (dB) and SSIM of IMAGES against a truth, or with --task how well a finding is read.

    With --task, cases with and without a finding are scanned from the views of a schedule and reconstructed; heads and
    observers are fitted on patients of the train split and read those of the test split. Intervals are 95 % bootstrap
    intervals over patients; the ceiling is reading true images, the floor another patient's image.
    """
    if task_name is None:
        if not images or truth is None:
            raise click.UsageError("expected IMAGES and --truth, or --task; see --help")
        _compare(images, truth, range_hu, as_json)
        return
    if images or truth is not None:
        raise click.UsageError("--task: expected no IMAGES and no --truth; cases are drawn with their truth")
    if schedule is not None and views is not None:
        raise click.UsageError("--views: expected it or --schedule, got both")
    from svct.bench.diagnosis_evaluate import evaluate_views
    from svct.bench.diagnosis_task import detection_task
    from svct.bench.recon_methods import CLASSIC
    from svct.cli.progress import progress
    from svct.errors import InputError, unknown_name
    from svct.recon.networks import load_backbone
    from svct.tasks.difficulty import AS_THE_KIND
    from svct.tasks.task import load_task

    names = list(dict.fromkeys(name.strip() for name in heads.split(",") if name.strip()))
    if method not in (*CLASSIC, "unrolled"):
        raise unknown_name("method", method, [*CLASSIC, "unrolled"])
    task = load_task(task_name)
    looked_for = finding or FIRST.get(task.cohort.anatomy)
    if looked_for is None:
        raise InputError(f"--finding: expected what to look for, task {task.name!r} has no usual one; name it")
    chosen = AS_THE_KIND if difficulty == "kind" else None
    detection = detection_task(looked_for, task=task, pixels=pixels, difficulty=chosen, seed=seed)
    indices, loads = _views(detection.task.scan, schedule, views)
    flux = detection.task.acquisition.photons
    with progress(train + cases + 2 + len(names), what="starting") as bar:
        found = evaluate_views(
            detection,
            indices,
            heads=names,
            method=method,
            net=load_backbone() if method == "unrolled" else None,
            photons=tuple(flux * load for load in loads) if isinstance(flux, (int, float)) else flux,
            fit_on=fit_on,
            train=train,
            test=cases,
            each=bar.update,
            say=bar.set_description_str,
        )
    document = {
        "task": detection.to_dict(),
        "schedule": None if schedule is None else str(schedule),
        "views": len(indices),
        "method": method,
        "fit_on": fit_on,
        "train": train,
        **found.about,
        "readers": {
            name: {
                **reading.scores.to_dict(),
                "ceiling": {k: getattr(reading.ceiling, k) for k in ("value", "low", "high")},
                "floor": {k: getattr(reading.floor, k) for k in ("value", "low", "high")},
            }
            for name, reading in found.readings.items()
        },
    }
    if out is not None:
        _write(out, document, found)
    click.echo(json.dumps(document, indent=2) if as_json else "\n".join(_table(document, looked_for)))


def _views(scan: Any, schedule: Path | None, views: int | None) -> tuple[list[int], tuple[float, ...]]:
    from svct.sampling.fixed import equidistant_sets
    from svct.sampling.schedule import Schedule

    if schedule is not None:
        loaded = Schedule.load(schedule)
        return loaded.view_indices(scan), loaded.relative_load
    indices = list(equidistant_sets(len(scan), views or len(scan))[0])
    return indices, (1.0,) * len(indices)


def _write(out: Path, document: dict[str, Any], found: "Evaluation") -> None:
    from svct.bench.diagnosis_pictures import plot_cases, plot_curves
    from svct.errors import DataFileError
    from svct.files import atomic_path, system_reason

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataFileError(f"{out}: could not be made ({system_reason(error)}); name another folder") from error
    with atomic_path(out / "evaluation.json", overwrite=True) as partial:
        partial.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    plot_curves(found, out / "roc.png", overwrite=True)
    for name, reading in found.readings.items():
        if reading.decisions is not None:
            plot_cases(found, name, out / f"cases-{name}.png", overwrite=True)


def _table(document: dict[str, Any], finding: str) -> list[str]:
    lines = [
        f"{finding}, {document['views']} views, {document['method']}, PSNR {document['psnr_db']:.2f} dB",
        f"{'reader':<18}  {'figure':<22}  value  95 % interval",
    ]
    for name, reading in document["readers"].items():
        ends = {f"{reading['main']}, {end}": reading[end] for end in ("ceiling", "floor")}
        for label, figure in {**reading["figures"], **ends}.items():
            if figure["value"] is None or figure["value"] != figure["value"]:
                lines.append(f"{name:<18}  {label:<22}  not defined on these cases")
                continue
            lines.append(
                f"{name:<18}  {label:<22}  {figure['value']:5.3f}  {figure['low']:.3f} to {figure['high']:.3f}"
            )
    return lines


def _compare(images: tuple[Path, ...], truth: Path, range_hu: float, as_json: bool) -> None:
    import torch

    from svct.data.projections import read_image
    from svct.errors import InputError
    from svct.metrics import psnr, ssim
    from svct.sampling.importance import tissue_psnr, without_metal
    from svct.units import MU_WATER

    if not 0 < range_hu < float("inf"):
        raise InputError(f"--range-hu: expected a positive number of HU, got {range_hu}")
    reference = read_image(truth)
    data_range = range_hu / 1000 * MU_WATER
    true = torch.from_numpy(reference.x)
    metal = not bool(without_metal(true).all())
    rows: list[dict[str, Any]] = []
    for path in images:
        image = read_image(path)
        if image.grid != reference.grid:
            raise InputError(f"{path}: expected the grid of {truth}, {reference.grid}, got {image.grid}")
        rows.append(
            {
                "image": str(path),
                "psnr_db": psnr(image.x, reference.x, data_range=data_range),
                "ssim": ssim(image.x, reference.x, data_range=data_range),
                "range_hu": range_hu,
            }
        )
        if metal:
            rows[-1]["outside_metal_psnr_db"] = tissue_psnr(torch.from_numpy(image.x), true, data_range=data_range)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(str(p)) for p in images)
    click.echo(f"{'image':<{width}}  PSNR dB    SSIM{'  outside metal, dB' if metal else ''}   (range {range_hu:g} HU)")
    for row in rows:
        click.echo(
            f"{row['image']:<{width}}  {row['psnr_db']:7.2f}  {row['ssim']:.4f}"
            + (f"  {row['outside_metal_psnr_db']:17.2f}" if metal else "")
        )
