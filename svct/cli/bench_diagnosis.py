"""`svct bench diagnosis`: diagnostic accuracy against number of views and dose."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from svct.cli import options

if TYPE_CHECKING:
    from svct.bench.diagnosis import Study
    from svct.sampling.fixed import ViewSet


@click.command("diagnosis")
@click.option("--finding", "findings", multiple=True, help="What to detect.  [default: one of each of four organs]")
@click.option("--method", "methods", multiple=True, help="fbp, tv, or unrolled.  [default: all]")
@click.option(
    "--network", metavar="FILE", type=click.Path(path_type=Path), help="Weights that replace svct's backbone."
)
@click.option("--views", type=click.IntRange(1), multiple=True, help="At the task's flux.  [default: 8 to 360]")
@click.option(
    "--schedule", "schedules", type=click.Path(path_type=Path), multiple=True,
    help="Views to measure beside equidistant ones, for the finding that it was learned for, or those of its task.",
)  # fmt: skip
@click.option("--equal-dose", is_flag=True, help="Let fewer views share the dose of all, each with more photons.")
@click.option("--photons", type=click.FloatRange(1), multiple=True, help="Per ray at all views.  [default: 1e3 to 2e4]")
@click.option(
    "--reader",
    "readers",
    multiple=True,
    help="cho, hotelling, npw, or a head such as lesion-classifier.  [default: cho]",
)
@click.option("--cases", type=click.IntRange(8), default=100, show_default=True, help="Of each finding.")
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True, help="Of the cross-fitting.")
@click.option("--iterations", type=click.IntRange(1), default=60, show_default=True, help="Of TV.")
@click.option("--pixels", type=click.IntRange(32, 2048), help="Along an edge of the image.  [default: the task's]")
@options.seed
@click.option("--quick", is_flag=True, help="16 cases of 48 pixels, three numbers of views: a look at the whole path.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder; what is finished in it is kept.")
@options.as_json
def command(
    findings: tuple[str, ...],
    methods: tuple[str, ...],
    network: Path | None,
    views: tuple[int, ...],
    schedules: tuple[Path, ...],
    equal_dose: bool,
    photons: tuple[float, ...],
    readers: tuple[str, ...],
    cases: int,
    folds: int,
    iterations: int,
    pixels: int | None,
    seed: int,
    quick: bool,
    out: Path,
    as_json: bool,
) -> None:
    """Measure the area under the ROC curve against number of views and flux, and the fewest views that lose nothing.

    Cases with and without a finding are scanned and reconstructed. Observers are fitted on all views at the task's own
    flux and frozen, and once more on what they read; each reads patients that it was not fitted on. Intervals are 95 %
    bootstrap intervals over patients. The ceiling is reading the true images, the floor another patient's.

    The folder gets a file for each finished scan, diagnosis.json, diagnosis.md and diagnosis.png. The same command goes
    on where it was stopped, and more views, methods or findings add to what is there.
    """
    from dataclasses import asdict, replace

    from svct.bench.diagnosis import Study, bench_diagnosis, rows_of, work
    from svct.bench.diagnosis_report import as_json as plain
    from svct.bench.diagnosis_report import as_text, plot
    from svct.cli.progress import progress
    from svct.errors import DataFileError
    from svct.files import atomic_path, system_reason
    from svct.recon.networks import backbone_path, file_sha256, load_network

    file = backbone_path(network)
    networks = {"unrolled": (load_network(file), file_sha256(file))}
    plan = Study()
    study = Study(
        findings=findings or (plan.findings[:1] if quick else plan.findings),
        methods=methods or plan.methods,
        views=views or ((8, 24, 360) if quick else plan.views),
        photons=photons or (() if quick else plan.photons),
        equal_dose=equal_dose,
        readers=readers or plan.readers,
        cases=16 if quick else cases,
        folds=2 if quick else folds,
        iterations=min(iterations, 20) if quick else iterations,
        pixels=48 if quick else pixels,
        seed=seed,
    )
    study = replace(study, learned=_learned(study, schedules))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataFileError(f"{out}: could not be made ({system_reason(error)}); name another folder") from error
    total, finished = work(study, networks, out)
    with progress(total, what="starting", finished=finished) as bar:
        cells = list(bench_diagnosis(study, networks, out, tick=bar.update, say=bar.set_description_str))
    rows = rows_of(cells)
    document = {"study": asdict(study), "network_sha256": networks["unrolled"][1], **plain(rows)}
    lines = as_text(rows)
    for name, text in (("diagnosis.json", json.dumps(document, indent=1)), ("diagnosis.md", "\n".join(lines))):
        with atomic_path(out / name, overwrite=True) as partial:
            partial.write_text(text + "\n", encoding="utf-8")
    plot(rows, out / "diagnosis.png", overwrite=True)
    click.echo(json.dumps(document, indent=1) if as_json else "\n".join(lines))
    click.echo(str(out / "diagnosis.png"), err=True)


def _learned(study: "Study", schedules: tuple[Path, ...]) -> "dict[str, tuple[ViewSet, ...]]":
    """Return the views of schedules by the findings that they are for."""
    from svct.errors import InputError
    from svct.sampling.schedule import Schedule

    found: dict[str, tuple[ViewSet, ...]] = {}
    for path in schedules:
        schedule = Schedule.load(path)
        objective = schedule.provenance.get("objective")
        wanted = objective.get("finding") if isinstance(objective, dict) else None
        served = [d for d in study.detections if (d.finding == wanted if wanted else d.task.name == schedule.task)]
        if not served:
            raise InputError(
                f"{path}: expected a schedule for one of the findings {', '.join(study.findings)}, got one for task "
                f"{schedule.task!r}" + (f" and {wanted!r}" if wanted else "")
            )
        for detection in served:
            views = tuple(sorted(schedule.view_indices(detection.task.scan)))
            found[detection.finding] = (*found.get(detection.finding, ()), views)
    return found
