"""The samplers of a run compared with one of them, in one table."""

from collections import defaultdict

import numpy as np

from svct.bench.report.load import Run
from svct.bench.report.tables import HIGHER, LOWER, Point, points_of
from svct.bench.statistics.paired import Figures
from svct.bench.statistics.table import Comparison, compare_arms
from svct.errors import InputError, unknown_name


def compare_run(
    run: Run, metric: str, *, baseline: str = "equidistant", margin: float | None = None
) -> list[Comparison]:
    """Compare the samplers of a run by one metric, all settings of the run being one table.

    Args:
        run: The run.
        metric: A figure of single patients, such as ``"psnr"``, whose better end is known.
        baseline: The sampler that the others are compared with.
        margin: The least difference that matters, in the metric's unit. Default: none.

    Returns:
        One row for each sampler, task, protocol, number of views, flux, reconstruction and reader, over the patients
        and seeds that all samplers of a setting have; settings with fewer than two such patients are left out.

    Raises:
        UnknownNameError: The run has no such metric of single patients, or its better end is not known.
        InputError: Nothing to compare.
    """
    points = {setting: point for setting, point in points_of(run.results).items() if point.each}
    known = {setting.metric for setting in points} & {*HIGHER, *LOWER}
    if metric not in known:
        raise unknown_name("metric of single patients", metric, sorted(known))
    groups: dict[str, dict[str, Point]] = defaultdict(dict)
    for setting, point in points.items():
        if setting.metric == metric:
            words = [setting.panel, f"{setting.views} views", f"{setting.photons:g} photons", setting.reconstructor]
            groups[", ".join(word for word in (*words, setting.reader) if word)][setting.sampler] = point
    told = {name: _shared(arms) for name, arms in groups.items() if baseline in arms and len(arms) > 1}
    rows = {name: arms for name, arms in told.items() if arms}
    if not rows:
        raise InputError(
            f"{run.folder}: expected {metric} of {baseline!r} and another sampler for the same two patients or more, "
            "got none; name another baseline or go on with the run"
        )
    return compare_arms(rows, baseline=baseline, margin=margin, more_is_better=metric in HIGHER)


def _shared(arms: dict[str, Point]) -> dict[str, Figures]:
    """Return the figures of all arms, ``(seed, patient)``, over the patients that all have in all their seeds."""
    both = set.intersection(*(set(point.each) for point in arms.values()))
    seeds = sorted({seed for _, seed in both})
    patients = [p for p in sorted({p for p, _ in both}) if all((p, seed) in both for seed in seeds)]
    if len(patients) < 2:
        return {}
    return {name: np.array([[point.each[p, s] for p in patients] for s in seeds]) for name, point in arms.items()}
