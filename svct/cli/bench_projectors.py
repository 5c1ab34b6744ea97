"""`svct bench projectors`: the speed of projectors."""

import json
from pathlib import Path
from typing import Any

import click


@click.command("projectors")
@click.option("--case", "names", multiple=True, help="What to project: parallel-N, fan-N or cone-N, -batchB behind it.")
@click.option("--peers", multiple=True, help="What to measure beside svct, or `all`.  [default: the quick ones]")
@click.option("--views", type=click.IntRange(1, 10_000), help="Views of each case.  [default: the case's own]")
@click.option(
    "--repeats", type=click.IntRange(1, 1000), default=9, show_default=True, help="Repetitions; medians count."
)
@click.option("--views-one-by-one", "singly", is_flag=True, help="A hundred views in one call, and one by one.")
@click.option("--scaling", is_flag=True, help="Cone beams of 64 x 64 x 64 and on instead of cases.")
@click.option("--largest", type=click.IntRange(64, 2048), default=256, show_default=True, help="Edge where it ends.")
@click.option("--plot", type=click.Path(path_type=Path), help="Picture of the scaling to write (.png).")
@click.option("--overwrite", is_flag=True, help="Replace a picture that is there already.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    names: tuple[str, ...],
    peers: tuple[str, ...],
    views: int | None,
    repeats: int,
    singly: bool,
    scaling: bool,
    largest: int,
    plot: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Time svct's CPU projector beside those of other packages, in turns, and check what they compute.

    Cases: parallel-N, N x N with 360 views; fan-N, 720 views; cone-N, N x N x N with 180 views; such as cone-128 or
    parallel-256-batch16, 16 images at once. Default: parallel-256 and parallel-256-batch16.
    """
    from dataclasses import asdict

    from svct.bench.cases import DEFAULT, case_named, scaling_cases
    from svct.bench.one_by_one import bench_one_by_one
    from svct.bench.peers import choose_peers
    from svct.bench.projectors import bench_projectors
    from svct.cli.progress import progress

    if scaling and (names or singly):
        raise click.UsageError("--scaling has cases of its own: leave out --case and --views-one-by-one")
    if plot and not scaling:
        raise click.UsageError("--plot is the picture of --scaling: give both")
    cases = scaling_cases(largest, views=views) if scaling else [case_named(n, views=views) for n in names or DEFAULT]
    if singly:
        single = [row for case in cases for row in bench_one_by_one(case, repeats=repeats)]
        _print_singly(single, as_json=as_json)
        return
    chosen, left_out = ([], {}) if scaling and not peers else choose_peers(peers)
    with progress(len(cases), what="starting") as bar:
        rows, refusals = bench_projectors(cases, peers=chosen, repeats=repeats, report=lambda what: _advance(bar, what))
    if plot:
        from svct.bench.scaling import plot_scaling

        plot_scaling(rows, plot, overwrite=overwrite)
    if as_json:
        found = {"rows": [*map(asdict, rows)], "refusals": [*map(asdict, refusals)], "left_out": left_out}
        click.echo(json.dumps({**_machine(chosen), **found}, indent=2))
        return
    click.echo(", ".join(f"{key} {value}" for key, value in _machine(chosen).items()))
    click.echo(
        "seconds per image, median of interleaved runs, and ratio to svct; memory: peak increase, result and setup\n"
        "included; error: projections of an ellipsoid against exact lengths, adjoint: noise of mean zero, both relative"
    )
    for case in cases:
        click.echo(f"\n{case.name}: {_describe(case)}, input and output {case.data_mb:.1f} MB")
        click.echo(
            f"{'operation':<10}{'tool':<14}{'seconds':>10}{'ratio':>8}{'memory MB':>11}{'error':>9}{'adjoint':>9}"
        )
        for row in rows:
            if row.case == case.name:
                error = "" if row.error is None else f"{row.error:.1e}"
                click.echo(
                    f"{row.operation:<10}{row.tool:<14}{row.seconds:>10.5f}{row.ratio:>7.2f}x{row.memory_mb:>11.1f}"
                    f"{error:>9}{row.adjoint_error:>9.0e}"
                )
        for refusal in refusals:
            if refusal.case == case.name:
                click.echo(f"not measured: {refusal.tool}, {refusal.reason}")
    click.echo()
    for tool, reason in left_out.items():
        click.echo(f"not measured: {tool}, {reason}")
    if plot:
        click.echo(str(plot))


def _advance(bar: Any, what: str) -> None:
    bar.set_description_str(what)
    bar.update()


def _machine(peers: list[str]) -> dict[str, Any]:
    import torch

    from svct._kernels import instruction_set
    from svct.bench.peers import NATIVE, PEERS

    packages = {PEERS[name].package: PEERS[name].version for name in [NATIVE, *peers]}
    return {**packages, "threads": torch.get_num_threads(), "instruction set": instruction_set()}


def _describe(case: Any) -> str:
    image, detector = (" x ".join(map(str, shape)) for shape in (case.grid.shape, case.scan.detector_shape))
    images = f"{case.batch} images" if case.batch > 1 else "one image"
    return f"{images} of {image}, {len(case.scan)} views of {detector}"


def _print_singly(rows: list[Any], *, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        click.echo(json.dumps([{**asdict(row), "ratio": row.ratio} for row in rows], indent=2))
        return
    click.echo("seconds of one call with all views, and of a call for each view; medians of interleaved runs")
    click.echo(f"{'case':<22}{'operation':<10}{'views':>6}{'together':>10}{'one by one':>12}{'ratio':>8}")
    for row in rows:
        click.echo(
            f"{row.case:<22}{row.operation:<10}{row.views:>6}{row.together_s:>10.5f}{row.one_by_one_s:>12.5f}"
            f"{row.ratio:>7.2f}x"
        )
