"""`svct doctor`: what is here and whether it works."""

import json
from typing import Any

import click


@click.command()
@click.option("--geometry", type=click.Choice(["parallel", "fan"]), default="parallel", show_default=True)
@click.option("--views", type=click.IntRange(min=1), default=37, show_default=True)
@click.option("--bins", type=click.IntRange(min=1), default=131, show_default=True)
@click.option("--bin-mm", type=float, default=1.3, show_default=True)
@click.option("--size", type=(int, int), default=(97, 83), show_default=True, help="Rows and columns of the image.")
@click.option("--voxel-mm", type=float, default=1.1, show_default=True)
@click.option("--source-mm", type=float, default=600.0, show_default=True, help="Fan: source to axis.")
@click.option("--detector-mm", type=float, default=400.0, show_default=True, help="Fan: axis to detector.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    geometry: str,
    views: int,
    bins: int,
    bin_mm: float,
    size: tuple[int, int],
    voxel_mm: float,
    source_mm: float,
    detector_mm: float,
    as_json: bool,
) -> None:
    """Print versions, threads and backends, and test every backend's adjoint on a geometry of yours."""
    import numpy as np

    from svct.geometry import FanBeam, Grid, ParallelBeam

    angles = np.arange(views) * (np.pi if geometry == "parallel" else 2 * np.pi) / views
    scan = (
        ParallelBeam(angles, bins=bins, bin_mm=bin_mm)
        if geometry == "parallel"
        else FanBeam(angles, bins=bins, bin_mm=bin_mm, source_mm=source_mm, detector_mm=detector_mm)
    )
    facts = {**_versions(), "geometry": geometry, "backends": _test_backends(scan, Grid(shape=size, voxel_mm=voxel_mm))}
    broken = [name for name, result in facts["backends"].items() if result["state"] == "wrong"]
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    else:
        for key, value in facts.items():
            if key != "backends":
                click.echo(f"{key}: {value}")
        for name, result in facts["backends"].items():
            click.echo(f"{name}: {result['state']}, {result['detail']}")
    if broken:
        click.echo(
            f"svct: error: {', '.join(broken)} failed the adjoint test on this geometry; please report it", err=True
        )
        raise click.exceptions.Exit(1)


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


def _test_backends(scan: Any, grid: Any) -> dict[str, dict[str, str]]:
    from svct.errors import BackendUnavailable
    from svct.geometry import Projector
    from svct.geometry.backend import BACKENDS
    from svct.testing import adjoint_error

    results = {}
    for name in BACKENDS:
        # The GPU adjoint is interpolated otherwise than its projection.
        limit = 5e-3 if name == "astra-cuda" else 1e-5
        try:
            error = adjoint_error(Projector(scan, grid, backend=name))
        except BackendUnavailable as reason:
            results[name] = {"state": "not available", "detail": str(reason)}
        else:
            state = "works" if error < limit else "wrong"
            results[name] = {"state": state, "detail": f"adjoint error {error:.1e} (limit {limit:.0e})"}
    return results
