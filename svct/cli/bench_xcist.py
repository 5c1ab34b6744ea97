"""`svct bench xcist`: the same scan by svct and by XCIST."""

import json
from pathlib import Path

import click


@click.command()
@click.option(
    "--python",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The Python that has gecatsim installed.",
)
@click.option("--views", type=click.IntRange(2), default=500, show_default=True, help="Views of one turn.")
@click.option("--bins", type=click.IntRange(8), default=400, show_default=True, help="Detector bins of 1 mm.")
@click.option("--voxels", type=click.IntRange(16), default=256, show_default=True, help="Edge of the phantom, 256 mm.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of both.")
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True, help="Noisy scans of both.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(python: Path, views: int, bins: int, voxels: int, threads: int, repeats: int, as_json: bool) -> None:
    """Scan a cylinder of water with inserts with both, and compare transmission, noise, time and memory."""
    from dataclasses import asdict

    from svct.bench.xcist import Request, compare

    request = Request(
        views=views, bins=bins, voxels=voxels, voxel_mm=256 / voxels, threads=threads, repeats=repeats
    )  # fmt: skip
    found = compare(request, python=str(python))
    if as_json:
        click.echo(json.dumps({"request": asdict(request), "found": asdict(found)}, indent=2))
        return
    our_mb, their_mb = found.peak_mb
    click.echo(f"mean transmission per view: differs by at most {found.transmission_error:.2%}")
    click.echo(f"line integrals: differ by {found.ray_error:.2%} of the greatest, root mean square")
    click.echo(f"noise variance, XCIST over svct: {found.variance_ratio:.3f}")
    for clock, (ours, theirs) in (("seconds", found.seconds), ("CPU seconds", found.cpu_seconds)):
        click.echo(f"{clock}: svct {ours:.3f}, XCIST {theirs:.3f}, ratio {theirs / ours:.1f}")
    click.echo(f"peak memory, MB: svct {our_mb:.0f}, XCIST {their_mb:.0f}")
