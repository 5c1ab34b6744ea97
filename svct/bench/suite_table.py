"""The tables of a run of the standard suite in Markdown, and its figures in one file."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from svct.bench.compare import stratified_gain
from svct.bench.experiment.table import COLUMNS, require_pyarrow
from svct.bench.report.areas import area_points, areas_of
from svct.bench.report.load import Result, Run, read_results
from svct.bench.report.tables import (
    RECONSTRUCTORS,
    REFERENCE,
    SAMPLERS,
    Point,
    Setting,
    comparisons_of,
    in_order,
    points_of,
    told,
    verdict_of,
)
from svct.bench.statistics import Comparison
from svct.errors import InputError, unknown_name
from svct.files import atomic_path

BACKBONE = "unrolled"
MEAN = "mean"
"""Name of the table of means over tasks."""

ABOUT = b"svct.run"
"""Key of what a packed file says of its run."""

Points = dict[Setting, Point]


def pack(run: Run, path: Path) -> None:
    """Write all figures of a run into one Parquet file, with its plan and provenance among the metadata.

    Args:
        run: The run.
        path: The file; an older one is replaced.
    """
    pyarrow = require_pyarrow()
    table = pyarrow.parquet.read_table(run.folder / "results.parquet").sort_by(
        [(name, "ascending") for name in COLUMNS]
    )
    told = {name: value for name, value in run.about.items() if name != "command"}  # it may hold paths
    about = json.dumps({**told, "plan": run.plan}).encode()
    table = table.replace_schema_metadata({ABOUT: about})
    with atomic_path(path, overwrite=True) as partial:
        pyarrow.parquet.write_table(table, partial, compression="zstd")


def tables_of(path: Path) -> "Tables":
    """Read a run's folder or a packed file.

    Raises:
        DataFileError: It cannot be read.
        InputError: There is no figure in it.
    """
    results = read_results(path / "results.parquet" if path.is_dir() else path)
    if not results:
        raise InputError(f"{path}: expected figures of a run, found none; go on with the run first")
    return Tables(results)


class Tables:
    """The figures of a run as Markdown.

    Args:
        results: All figures, of one protocol and the tasks' own flux.
    """

    def __init__(self, results: Sequence[Result]) -> None:
        shown = [r for r in results if r.metric in ("psnr", "ssim")]
        if len({(r.task, r.photons, r.protocol) for r in shown}) > len({r.task for r in shown}):
            raise InputError("run: expected one protocol and one flux for each task, got several; see `svct report`")
        self.points = points_of(shown)
        self.areas = areas_of(results)
        self.tasks = sorted({r.task for r in results})
        self.budgets = sorted({r.views for r in results})
        self.samplers = in_order((r.sampler for r in results), SAMPLERS)
        self.methods = in_order((r.reconstructor for r in results), RECONSTRUCTORS)
        self.at = {(s.panel, s.views, s.sampler, s.reconstructor, s.metric): s for s in self.points}
        self.at |= {(s.panel, s.views, s.sampler, s.reconstructor, "auc"): s for s in self.areas}

    def table(self, kind: str, views: Sequence[int] = ()) -> str:
        """Return a table.

        Args:
            kind: One of `KINDS`, or `MEAN`.
            views: Its rows' numbers of views. Default: all.

        Raises:
            UnknownNameError: No such kind.
            InputError: The run has no figure to show.
        """
        if kind == MEAN:
            return self._over_tasks(views)
        if kind not in KINDS:
            raise unknown_name("table", kind, [*KINDS, MEAN])
        head, cells = KINDS[kind](self)
        rows = [
            f"| {task} | {count} | {' | '.join(row)} |"
            for task in self.tasks
            for count in self.budgets
            if (not views or count in views) and any(row := [cell(task, count) for cell in cells])
        ]
        if not rows:
            raise InputError(f"table {kind!r}: expected figures for it in the run, found none")
        return (
            "\n".join(["| task | views | " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) + 1), *rows])
            + "\n"
        )

    def value(self, task: str, views: int, sampler: str, method: str, metric: str, *, ends: bool = True) -> str:
        """Return a figure with its interval, or an empty text."""
        reading = metric in ("auc", "dprime")
        setting = self.at.get((task, views, sampler, method, "auc" if reading else metric))
        if setting is None:
            return ""
        point = self._read(setting)[replace(setting, metric=metric)] if reading else self.points[setting]
        mean, low, high = (told(v, metric=metric) for v in (point.value, point.low, point.high))
        return f"{mean} ({low} to {high})" if ends else mean

    def gain(self, task: str, views: int, sampler: str, method: str = BACKBONE) -> str:
        """Return the gain in PSNR over equidistant views; bold where it is better, italic where worse."""
        setting = self.at.get((task, views, sampler, method, "psnr"))
        compared = self._compared(method)
        return _gain(compared[setting]) if setting in compared else ""

    @cache  # noqa: B019
    def _compared(self, method: str) -> dict[Setting, Comparison]:
        return comparisons_of({s: p for s, p in self.points.items() if (s.metric, s.reconstructor) == ("psnr", method)})

    @cache  # noqa: B019
    def _read(self, setting: Setting) -> Points:
        """Return AUC and d' where an AUC was measured."""
        return area_points({setting: self.areas[setting]})

    def _over_tasks(self, views: Sequence[int]) -> str:
        """Return gains as means over the tasks, through the backbone, with 95 % intervals over the patients of each."""
        pairs = [("learned", REFERENCE), ("universal", REFERENCE), ("learned", "universal"), ("learned-mas", "learned")]
        lines = [
            "| views | tasks | " + " | ".join(f"{a} over {b}" for a, b in pairs) + " |",
            "|---:|---:|" + "---:|" * 4,
        ]
        for count in [v for v in self.budgets if not views or v in views]:
            each = {
                (task, sampler): self.points[setting].each
                for task in self.tasks
                for sampler in self.samplers
                if (setting := self.at.get((task, count, sampler, BACKBONE, "psnr"))) is not None
            }
            whole = [task for task in self.tasks if all((task, name) in each for pair in pairs for name in pair)]
            if not whole:
                continue
            row = []
            for one, other in pairs:
                both = {task: sorted(each[task, one].keys() & each[task, other].keys()) for task in whole}
                gain = stratified_gain(
                    [[each[task, one][key] for key in both[task]] for task in whole],
                    [[each[task, other][key] for key in both[task]] for task in whole],
                    baseline=other,
                )
                row.append(gain.marked)
            lines.append(f"| {count} | {len(whole)} | {' | '.join(row)} |")
        if len(lines) == 2:
            wanted = ", ".join(dict.fromkeys(name for pair in pairs for name in pair))
            raise InputError(f"table {MEAN!r}: expected {wanted} of a task through {BACKBONE}, found none")
        return "\n".join(lines) + "\n"


def _gain(found: Comparison) -> str:
    text = f"{found.difference.mean:+.2f} ({found.difference.low:+.2f} to {found.difference.high:+.2f})"
    mark = {"better": "**", "worse": "*"}.get(verdict_of("psnr", found), "")
    return f"{mark}{text}{mark}"


Cell = Callable[[str, int], str]
Layout = Callable[[Tables], tuple[list[str], list[Cell]]]


def _others(tables: Tables) -> list[str]:
    return [name for name in tables.samplers if name != REFERENCE]


def _views(tables: Tables) -> tuple[list[str], list[Cell]]:
    """What choosing views is worth through the backbone."""

    def gain(name: str) -> Cell:
        return lambda task, views: tables.gain(task, views, name)

    def even(task: str, views: int) -> str:
        return tables.value(task, views, REFERENCE, BACKBONE, "psnr")

    return ["equidistant, dB", *_others(tables)], [even, *map(gain, _others(tables))]


def _methods(tables: Tables) -> tuple[list[str], list[Cell]]:
    """What the methods make of equidistant views."""

    def cell(method: str, metric: str) -> Cell:
        return lambda task, views: tables.value(task, views, REFERENCE, method, metric, ends=metric == "psnr")

    pairs = [(metric, method) for metric in ("psnr", "ssim") for method in tables.methods]
    names = {"psnr": "dB", "ssim": "SSIM"}
    return [f"{method}, {names[metric]}" for metric, method in pairs], [cell(m, metric) for metric, m in pairs]


def _reading(tables: Tables) -> tuple[list[str], list[Cell]]:
    """What an observer makes of them."""

    def cell(sampler: str, method: str) -> Cell:
        return lambda task, views: tables.value(task, views, sampler, method, "auc")

    def dprime(task: str, views: int) -> str:
        return tables.value(task, views, REFERENCE, BACKBONE, "dprime")

    head = [f"{method}, equidistant" for method in tables.methods]
    cells = [cell(REFERENCE, method) for method in tables.methods]
    head += [f"{BACKBONE}, {name}" for name in _others(tables)]
    cells += [cell(name, BACKBONE) for name in _others(tables)]
    return [*head, f"d', {BACKBONE}, equidistant"], [*cells, dprime]


def _headline(tables: Tables) -> tuple[list[str], list[Cell]]:
    """The suite in short."""

    def classic(method: str) -> Cell:
        return lambda task, views: tables.value(task, views, REFERENCE, method, "psnr", ends=False)

    def reading(name: str) -> Cell:
        return lambda task, views: tables.value(task, views, name, BACKBONE, "auc", ends=False)

    head, cells = _views(tables)
    methods = [method for method in tables.methods if method != BACKBONE]
    head = [*(f"{method}, dB" for method in methods), f"{BACKBONE}, dB", *head[1:], "AUC", "AUC, learned"]
    return head, [*map(classic, methods), *cells, reading(REFERENCE), reading("learned")]


KINDS: Mapping[str, Layout] = {"headline": _headline, "views": _views, "methods": _methods, "reading": _reading}
"""Tables by name: in short, gains by choosing views, reconstructions of equidistant views, an observer's readings."""
