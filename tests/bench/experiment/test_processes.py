import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from tests.bench.experiment.conftest import COMMAND, MakePlan

MEASURED_ANEW = ("seconds", "peak_memory")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def figures(folder: Path) -> list[tuple[Any, ...]]:
    """Return all rows, sorted; time and memory left out."""
    rows = pyarrow.parquet.read_table(folder / "results.parquet").to_pylist()
    return sorted(
        tuple(str(value) for value in row.values()) for row in rows if row["metric"] not in MEASURED_ANEW
    )  # text, since NaN is unlike itself


def start(plan: Path, folder: Path, *options: str) -> "subprocess.Popen[str]":
    command = [*COMMAND, str(plan), "--out", str(folder), *options]
    return subprocess.Popen(
        command, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


def finish(process: "subprocess.Popen[str]") -> str:
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return out


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, "list[subprocess.Popen[bytes]]"]]:
    """Start a scheduler and two workers on the loopback address."""
    python, told = [sys.executable, "-P", "-m"], tmp_path / "scheduler.json"
    local = ["--host", "127.0.0.1", "--no-dashboard"]
    with contextlib.ExitStack() as stack:

        def begin(*arguments: str) -> "subprocess.Popen[bytes]":
            process = subprocess.Popen([*python, *arguments, *local], env=ENVIRONMENT, stderr=subprocess.DEVNULL)
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        scheduler = begin("distributed.cli.dask_scheduler", "--port", "0", "--scheduler-file", str(told))
        while not told.exists() or not told.read_text(encoding="utf-8").strip():
            assert scheduler.poll() is None
            time.sleep(0.05)
        address: str = json.loads(told.read_text(encoding="utf-8"))["address"]
        worker = ("distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny")
        yield address, [begin(*worker), begin(*worker)]


def wait_for(folder: Path, count: int, process: "subprocess.Popen[str]") -> None:
    """Wait until so many cells are finished, or the process has ended."""
    while len(list((folder / "cells").glob("[!.]*.json"))) < count and process.poll() is None:
        time.sleep(0.01)


def test_four_processes_and_a_cluster_that_loses_a_worker_give_the_same_figures(
    make_plan: MakePlan, tmp_path: Path, cluster: tuple[str, "list[subprocess.Popen[bytes]]"]
) -> None:
    plan = make_plan(seeds=[0, 1, 2], reconstructors=["fbp", "cgls", "sirt"], patients=4)
    address, workers = cluster
    alone = start(plan, tmp_path / "one")
    assert "36 cells, 0 were there, 36 measured" in finish(alone)
    four = start(plan, tmp_path / "four", "--workers", "4")
    assert "36 measured" in finish(four)
    spread = start(plan, tmp_path / "dask", "--scheduler", address)
    wait_for(tmp_path / "dask", 6, spread)
    workers[0].kill()
    assert "36 measured" in finish(spread)
    assert figures(tmp_path / "one") == figures(tmp_path / "four") == figures(tmp_path / "dask")


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_again_and_again_ends_like_an_unbroken_one(
    make_plan: MakePlan, tmp_path: Path, kills: int
) -> None:
    plan = make_plan(seeds=list(range(10)), patients=6)
    finish(start(plan, tmp_path / "whole"))
    chance = random.Random(kills)
    for turn in range(kills):
        process = start(plan, tmp_path / "broken", "--workers", "2" if turn % 4 == 1 else "1")
        there = len(list((tmp_path / "broken" / "cells").glob("[!.]*.json")))
        wait_for(tmp_path / "broken", there + chance.randrange(1, 6), process)
        time.sleep(chance.uniform(0, 0.05))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "the plan is long enough to be killed so often"
    assert "were there" in finish(start(plan, tmp_path / "broken"))
    assert figures(tmp_path / "broken") == figures(tmp_path / "whole")


def test_an_interrupt_keeps_what_is_finished(make_plan: MakePlan, tmp_path: Path) -> None:
    process = start(make_plan(seeds=list(range(30)), patients=6), tmp_path / "run", "--workers", "2")
    wait_for(tmp_path / "run", 3, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "svct: interrupted" in err
    assert "Traceback" not in err
    finished = {path.stem for path in (tmp_path / "run" / "cells").glob("[!.]*.json")}
    assert len(finished) >= 3
    assert finished <= {path.stem for path in (tmp_path / "run" / "results.parquet").glob("[!.]*.parquet")}
