"""A run's folder as values."""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svct.bench.experiment.literature import Literature, literature_in
from svct.bench.experiment.table import COLUMNS, require_pyarrow
from svct.errors import DataFileError, InputError

SCHEMAS = {"run": "svct.run/1", "cell": "svct.cell/1"}


@dataclass(frozen=True)
class Result:
    """One measured figure.

    Args:
        key: The cell that it was measured in.
        task: Name of the task.
        protocol: Name of the protocol.
        sampler: What chose the views.
        views: How many.
        photons: Per ray.
        reconstructor: What made the image.
        seed: Seed of the cell.
        patient: Number of the patient, or -1 for a figure of the whole cohort.
        reader: Head or observer, or ``""`` for a metric of the image.
        metric: Name of the figure.
        value: The figure.
        unit: Its unit, such as ``"dB"``.
        low: Lower end of its interval, or NaN.
        high: Upper end of its interval, or NaN.
    """

    key: str
    task: str
    protocol: str
    sampler: str
    views: int
    photons: float
    reconstructor: str
    seed: int
    patient: int
    reader: str
    metric: str
    value: float
    unit: str
    low: float
    high: float


@dataclass(frozen=True)
class CellFile:
    """What is written of one cell beside its figures.

    Args:
        key: Hash of its inputs.
        inputs: All that was hashed.
        status: ``"done"`` or ``"failed"``.
        error: Why it failed, or ``""``.
        angles_deg: Angles of its views.
        loads: Load of each view, with a mean of 1.
    """

    key: str
    inputs: dict[str, Any]
    status: str
    error: str
    angles_deg: tuple[float, ...]
    loads: tuple[float, ...]


@dataclass(frozen=True)
class Run:
    """A run of experiments.

    Args:
        folder: Where it lies.
        plan: The plan as run, TOML.
        about: The contents of ``run.json``.
        results: All figures of finished cells.
        cells: All cells, by key.
    """

    folder: Path
    plan: str
    about: dict[str, Any]
    results: tuple[Result, ...]
    cells: dict[str, CellFile]

    @property
    def literature(self) -> tuple[Literature, ...]:
        """The published figures that the plan names.

        Raises:
            DataFileError: The plan is not TOML.
            InputError: An entry that is not whole.
        """
        try:
            return literature_in(tomllib.loads(self.plan))
        except tomllib.TOMLDecodeError as error:
            raise DataFileError(
                f"{self.folder / 'plan.toml'}: expected a plan in TOML, cannot be read ({error})"
            ) from error

    @property
    def failed(self) -> tuple[CellFile, ...]:
        """The cells that failed."""
        return tuple(cell for cell in self.cells.values() if cell.status == "failed")


def read_run(folder: Path) -> Run:
    """Read the folder of a run.

    Args:
        folder: The folder that ``svct bench run`` wrote.

    Raises:
        DataFileError: A file of it is missing or cannot be read.
        InputError: It has no figures yet, or follows another schema.
        BackendUnavailable: pyarrow is not installed.
    """
    about = _read_json(folder / "run.json", "run")
    try:
        plan = (folder / "plan.toml").read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DataFileError(
            f"{folder / 'plan.toml'}: expected the plan of a run, could not read it ({error})"
        ) from error
    place = folder / "results.parquet"
    results = read_results(place) if place.exists() else ()
    cells = [_read_cell(path) for path in sorted((folder / "cells").glob("*.json"))]
    if not results and not any(cell.status == "failed" for cell in cells):
        raise InputError(f"{folder}: expected at least one finished or failed cell, got none; go on with the run first")
    return Run(folder, plan, about, results, {cell.key: cell for cell in cells})


def read_results(place: Path) -> tuple[Result, ...]:
    """Read figures: a folder of Parquet files, or one file.

    Raises:
        DataFileError: It cannot be read.
        InputError: Columns are missing.
        BackendUnavailable: pyarrow is not installed.
    """
    pyarrow = require_pyarrow()
    if place.is_dir() and not any(place.glob("*.parquet")):
        return ()
    try:
        table = pyarrow.parquet.read_table(place)
    except (OSError, pyarrow.ArrowException) as error:
        raise DataFileError(f"{place}: expected Parquet, one file or a folder, could not read it ({error})") from error
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise InputError(f"{place}: expected the columns {', '.join(COLUMNS)}; {', '.join(missing)} are missing")
    return tuple(Result(*row) for row in zip(*(table[name].to_pylist() for name in COLUMNS), strict=True))


def _read_cell(path: Path) -> CellFile:
    cell = _read_json(path, "cell")
    return CellFile(
        key=str(cell.get("key", path.stem)),
        inputs=dict(cell.get("inputs") or {}),
        status=str(cell.get("status", "")),
        error=str(cell.get("error") or ""),
        angles_deg=tuple(map(float, cell.get("angles_deg") or ())),
        loads=tuple(map(float, cell.get("loads") or ())),
    )


def _read_json(path: Path, kind: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataFileError(
            f"{path}: expected a file of a run's folder, could not read it ({error}); name a folder that "
            "svct bench run wrote"
        ) from error
    if not isinstance(value, dict) or value.get("schema") != SCHEMAS[kind]:
        got = value.get("schema") if isinstance(value, dict) else type(value).__name__
        raise InputError(
            f"{path}: expected the schema {SCHEMAS[kind]}, got {got}; make the report with the svct of the run"
        )
    return value
