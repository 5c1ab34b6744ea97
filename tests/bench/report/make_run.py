"""A small run of experiments, made of real reconstructions, in the layout that the report reads."""

import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from pyarrow import parquet

import svct
from svct.geometry import Projector
from svct.metrics import psnr, ssim
from svct.recon.reconstructor import find_reconstructor
from svct.sampling.samplers import Choice, Problem, load_sampler
from svct.tasks import Task, load_task
from svct.units import mu_to_hu

PLAN = """\
title = "A small run"
tasks = ["chest", "shoulder"]
samplers = ["equidistant", "golden", "modulated"]
views = [8, 24]
"""
SETTINGS = {"fbp": {}, "tv": {"iterations": 8}, "unrolled": {}}
DISC_HU = 60.0


def make_run(
    folder: Path,
    *,
    tasks: Sequence[str] = ("chest", "shoulder"),
    samplers: Sequence[str] = ("equidistant", "golden", "modulated"),
    views: Sequence[int] = (8, 24),
    photons: Sequence[float] = (5e4, 5e3),
    reconstructors: Sequence[str] = ("fbp", "tv"),
    seeds: Sequence[int] = (0, 1),
    patients: int = 3,
) -> Path:
    """Scan and reconstruct patients, and write plan, figures, cells and images; one cell more has failed."""
    for name in ("results.parquet", "cells", "images"):
        (folder / name).mkdir(parents=True)
    (folder / "plan.toml").write_text(PLAN, encoding="utf-8")
    about = {
        "schema": "svct.run/1",
        "plan_sha256": hashlib.sha256(PLAN.encode()).hexdigest(),
        "svct": svct.__version__,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "cores": 2,
        "started": "2026-11-25T16:00:00+00:00",
        "command": "svct bench run plan.toml",
    }
    (folder / "run.json").write_text(json.dumps(about), encoding="utf-8")
    for name in tasks:
        task = load_task(name)
        test = task.cohort.split("test")[:patients]
        truth = task.cohort.images(test)
        A = Projector(task.scan, task.grid)
        lines = A(torch.cat([truth, truth + _disc(task)]))
        for sampler, count in product(samplers, views):
            choice = _choose(sampler, task, A, count, lines)
            for flux, seed, method in product(photons, seeds, reconstructors):
                if seed != seeds[0] and flux != photons[0]:
                    continue
                inputs = {
                    "task": name, "protocol": "low dose", "sampler": sampler, "views": count, "photons": flux,
                    "reconstructor": method, "seed": seed,
                }  # fmt: skip
                chosen = list(choice.views)
                loads = choice.loads or (1.0,) * count
                acquisition = replace(task.acquisition, photons=tuple(flux * load for load in loads))
                y = acquisition.measure(lines[..., chosen, :], seed=seed)
                x = find_reconstructor(method).reconstruct(
                    y, A[chosen], settings=SETTINGS[method], each=_ignore, say=_ignore
                )
                _write_cell(folder, inputs, task, choice, test, truth, x)
    _write_failure(folder, {"task": tasks[0], "sampler": "equidistant", "views": 4096, "seed": 0})
    return folder


def _choose(sampler: str, task: Task, A: Projector, count: int, lines: torch.Tensor) -> Choice:
    """Choose views; "modulated" gives equidistant ones loads by the square root of what the body takes away."""
    problem = Problem(A, task.acquisition, count, torch.zeros(1, *A.domain_shape))
    if sampler != "modulated":
        return load_sampler(sampler).choose(problem)
    views = load_sampler("equidistant").choose(problem).views
    loads = np.exp(lines[:, list(views)].amax(dim=-1).mean(dim=0).numpy() / 2)
    return Choice(views, tuple((loads / loads.mean()).tolist()))


def _write_cell(
    folder: Path,
    inputs: dict[str, Any],
    task: Task,
    choice: Choice,
    patients: Sequence[int],
    truth: torch.Tensor,
    x: torch.Tensor,
) -> None:
    key = _key(inputs)
    n = len(patients)
    rows = []
    for i, patient in enumerate(patients):
        error = mu_to_hu(x[i]) - mu_to_hu(truth[i])
        figures = [
            ("psnr", psnr(x[i], truth[i]), "dB"),
            ("ssim", ssim(x[i], truth[i]), ""),
            ("rmse", float(error.square().mean().sqrt()), "HU"),
        ]
        rows += [_row(key, inputs, patient, "", metric, value, unit) for metric, value, unit in figures]
    inside = _disc(task) > 0
    area = _area(x[n:, inside].mean(dim=-1).numpy(), x[:n, inside].mean(dim=-1).numpy())
    rows.append(_row(key, inputs, -1, "disc", "auc", *area))
    rows.append(_row(key, inputs, -1, "", "seconds", 0.01 * inputs["views"], "s"))
    table = pa.Table.from_pylist(
        rows,
        schema=pa.schema([
            ("key", pa.string()), ("task", pa.string()), ("protocol", pa.string()), ("sampler", pa.string()),
            ("views", pa.int32()), ("photons", pa.float64()), ("reconstructor", pa.string()), ("seed", pa.int32()),
            ("patient", pa.int32()), ("reader", pa.string()), ("metric", pa.string()), ("value", pa.float64()),
            ("unit", pa.string()), ("low", pa.float64()), ("high", pa.float64()),
        ]),
    )  # fmt: skip
    parquet.write_table(table, folder / "results.parquet" / f"{key}.parquet")
    cell = {
        "schema": "svct.cell/1", "key": key, "inputs": inputs, "status": "done", "error": None,
        "angles_deg": np.rad2deg([task.scan.angles[v] for v in choice.views]).round(6).tolist(),
        "loads": list(choice.loads or (1.0,) * len(choice.views)),
        "seconds": {"reconstruct": 0.01 * inputs["views"]}, "peak_memory_mib": 500.0,
        "finished": "2026-11-25T16:01:00+00:00",
    }  # fmt: skip
    (folder / "cells" / f"{key}.json").write_text(json.dumps(cell), encoding="utf-8")
    np.savez_compressed(
        folder / "images" / f"{key}.npz",
        patients=np.array(patients[:2]), truth=truth[:2].numpy(), image=x[:2].numpy(), pixel_mm=task.grid.voxel_mm,
    )  # fmt: skip


def _write_failure(folder: Path, inputs: dict[str, Any]) -> None:
    key = _key(inputs)
    cell: dict[str, Any] = {
        "schema": "svct.cell/1", "key": key, "inputs": inputs, "status": "failed",
        "error": "InputError: views: expected 2 to 360, the number of candidate views of task 'chest', got 4096 <all>",
        "angles_deg": [], "loads": [], "seconds": {}, "peak_memory_mib": None, "finished": "2026-11-25T16:02:00+00:00",
    }  # fmt: skip
    (folder / "cells" / f"{key}.json").write_text(json.dumps(cell), encoding="utf-8")


def _row(
    key: str, inputs: dict[str, Any], patient: int, reader: str, metric: str, value: float, unit: str, *ends: float
) -> dict[str, Any]:
    low, high = ends or (float("nan"), float("nan"))
    return {**inputs, "key": key, "patient": patient, "reader": reader, "metric": metric, "value": value, "unit": unit,
            "low": low, "high": high}  # fmt: skip


def _area(present: NDArray[Any], absent: NDArray[Any]) -> tuple[float, str, float, float]:
    """Return the area under the ROC curve of a disc's mean, with a bootstrap interval over patients."""
    wins = (present[:, None] > absent[None, :]).astype(float)
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(200):
        a, b = rng.integers(len(present), size=len(present)), rng.integers(len(absent), size=len(absent))
        draws.append(wins[np.ix_(a, b)].mean())
    low, high = np.quantile(draws, (0.025, 0.975))
    return float(wins.mean()), "", float(low), float(high)


def _disc(task: Task) -> torch.Tensor:
    """Return a faint disc of 6 pixels radius, 1/mm."""
    ny, nx = task.grid.shape[-2:]
    y, x = np.ogrid[:ny, :nx]
    inside = (y - ny * 0.5) ** 2 + (x - nx * 0.55) ** 2 < 36
    return torch.from_numpy(inside.astype(np.float32)) * (DISC_HU / 1000 * 0.0193)


def _key(inputs: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def _ignore(*_: object) -> None:
    """Say nothing of progress."""
