"""`svct bench run`: an experiment from its plan."""

import json
import shlex
import sys
from pathlib import Path

import click

from svct.cli import options

STANDARD = "standard"


@click.command("run")
@click.argument("plan")
@click.option("--quick", is_flag=True, help="With `standard`: its short form, under ten minutes on two cores.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the results.  [default: runs/PLAN]")
@click.option("--workers", type=click.IntRange(1, 1024), default=1, show_default=True, help="Processes.")
@click.option("--scheduler", help="Address of a Dask scheduler that does the work, such as tcp://127.0.0.1:8786.")
@options.as_json
def command(plan: str, quick: bool, out: Path | None, workers: int, scheduler: str | None, as_json: bool) -> None:
    """Run every combination of tasks, protocols, samplers, budgets, fluxes, methods and seeds of a PLAN.

    PLAN is a TOML file, or `standard` for the suite behind svct's own table. Results lie in the folder, one Parquet
    file a cell in results.parquet. The same command goes on where it was stopped; a cell whose inputs changed is
    measured anew, one that failed is told, does not stop the others, and is tried again the next time.
    """
    from svct.bench.experiment.about import about_run
    from svct.bench.experiment.cost import seconds_of
    from svct.bench.experiment.matrix import cells_of
    from svct.bench.experiment.node import Node
    from svct.bench.experiment.plan import read_plan, standard_plan
    from svct.bench.experiment.run import nodes_of, run_cells
    from svct.bench.experiment.store import Store
    from svct.bench.experiment.workers import workers_of
    from svct.cli.progress import progress
    from svct.errors import InputError, SvctError

    if quick and plan != STANDARD:
        raise InputError(f"--quick: expected it with `standard`, got it with {plan}; write a smaller plan")
    read = read_plan(standard_plan(quick=quick) if plan == STANDARD else Path(plan))
    cells = cells_of(read)
    folder = out or Path("runs") / (f"standard{'-quick' if quick else ''}" if plan == STANDARD else Path(plan).stem)
    with Store(folder) as store, workers_of(workers, scheduler) as hands:
        store.write_text("plan.toml", read.text)
        store.write_text("run.json", json.dumps(about_run(read, shlex.join(["svct", *sys.argv[1:]])), indent=1) + "\n")
        costs = {node.key: seconds_of(node) for node in nodes_of(cells)}
        before = sum(costs[node.key] for node in nodes_of(cells) if store.finished(node))

        def fail(node: Node, cause: str) -> None:
            click.echo(f"failed: {node.label}: {cause}", err=True)

        with progress(sum(costs.values()), what="starting", finished=before) as bar:
            summary = run_cells(
                cells,
                store,
                hands,
                done=lambda node: bar.update(costs[node.key]),
                say=bar.set_description_str,
                fail=fail,
            )
    measured = summary.cells - summary.kept - len(summary.failed)
    if as_json:
        told = {"folder": str(folder), "cells": summary.cells, "kept": summary.kept, "measured": measured}
        click.echo(json.dumps({**told, "failed": {node.key: cause for node, cause in summary.failed}}, indent=1))
    else:
        click.echo(f"{folder}: {summary.cells} cells, {summary.kept} were there, {measured} measured")
    if summary.failed:
        raise SvctError(
            f"{len(summary.failed)} of {summary.cells} cells failed, each with its cause in {folder / 'cells'}; the "
            "same command tries them again"
        )
