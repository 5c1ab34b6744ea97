"""`svct doctor`: what is here and whether it works."""

import json
from typing import Any

import click

WORDS = ("parallel", "fan")


@click.command()
@click.option(
    "--geometry", default="parallel", show_default=True, help="A geometry file (.toml), or parallel or fan with sizes:"
)
@click.option("--views", type=click.IntRange(min=1), default=37, show_default=True)
@click.option("--bins", type=click.IntRange(min=1), default=131, show_default=True)
@click.option("--bin-mm", type=float, default=1.3, show_default=True)
@click.option("--size", type=(int, int), default=(97, 83), show_default=True, help="Rows and columns of the image.")
@click.option("--voxel-mm", type=float, default=1.1, show_default=True)
@click.option("--source-mm", type=float, default=600.0, show_default=True, help="Fan: source to axis.")
@click.option("--detector-mm", type=float, default=400.0, show_default=True, help="Fan: axis to detector.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, /, geometry: str, as_json: bool, **sizes: Any) -> None:
    """Print versions, threads and backends, and check the projector on a geometry of yours.

    The checks: adjoint, linearity, an ellipse or ellipsoid against exact lengths, units, agreement of all backends that
    can take the geometry and of the kernels at every instruction set of this machine.
    """
    from dataclasses import asdict

    from svct.geometry import Projector
    from svct.selfcheck.run import run_checks

    if geometry in WORDS:
        scan, grid = _sized(geometry, **sizes)
    else:
        from svct.geometry.file import load_geometry

        given = [name for name in sizes if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]
        if given:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise click.UsageError(
                f"{names}: expected with --geometry parallel or fan; the file has its own sizes", ctx
            )
        scan, grid = load_geometry(geometry)
    facts = _versions()
    report = run_checks(Projector(scan, grid))
    if as_json:
        rows = [{**asdict(row), "ok": row.ok} for row in report.rows]
        found = {"checks": rows, "left_out": report.left_out, "extent": report.extent}
        click.echo(json.dumps({**facts, "geometry": geometry, "backends": _states(report), **found}, indent=2))
    else:
        for key, value in {**facts, "geometry": geometry if geometry in WORDS else f"{geometry}, {scan.kind}"}.items():
            click.echo(f"{key}: {value}")
        click.echo(f"\n{report}")
    if report.failed:
        names = "; ".join(f"{row.name} ({row.backend})" for row in report.failed)
        click.echo(f"svct: error: failed on this geometry: {names}", err=True)
        raise click.exceptions.Exit(1)


def _sized(
    kind: str,
    *,
    views: int,
    bins: int,
    bin_mm: float,
    size: tuple[int, int],
    voxel_mm: float,
    source_mm: float,
    detector_mm: float,
) -> tuple[Any, Any]:
    import numpy as np

    from svct.geometry import FanBeam, Grid, ParallelBeam

    grid = Grid(shape=size, voxel_mm=voxel_mm)
    angles = np.arange(views) * (np.pi if kind == "parallel" else 2 * np.pi) / views
    if kind == "parallel":
        return ParallelBeam(angles, bins=bins, bin_mm=bin_mm), grid
    return FanBeam(angles, bins=bins, bin_mm=bin_mm, source_mm=source_mm, detector_mm=detector_mm), grid


def _states(report: Any) -> dict[str, dict[str, str]]:
    """Return what became of each backend."""
    from svct.geometry.backend import BACKENDS

    states = {}
    for name in BACKENDS:
        rows = [row for row in report.rows if row.backend == name]
        if not rows:
            reason = report.left_out.get(name, "nothing was checked")
            states[name] = {"state": "not available", "detail": reason}
            continue
        worst = max(rows, key=lambda row: row.value / row.limit)
        state = "works" if all(row.ok for row in rows) else "wrong"
        states[name] = {"state": state, "detail": f"{worst.name} {worst.value:.1e} (limit {worst.limit:.0e})"}
    return states


def _versions() -> dict[str, Any]:
    import platform
    from importlib.metadata import version

    import torch

    from svct import __version__
    from svct._kernels import instruction_set

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {
        "svct": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "astra-toolbox", "numpy")},
        "threads": torch.get_num_threads(),
        "instruction set": instruction_set(),
        "GPU": gpu,
    }
