"""`svct evaluate`: an image against its truth."""

import json
from pathlib import Path

import click

from svct.cli import options


@click.command()
@click.argument("images", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option(
    "--truth", type=click.Path(path_type=Path), required=True, help="The true image, from `svct simulate --truth`."
)
@click.option("--range-hu", type=float, default=2000.0, show_default=True, help="Range of PSNR and SSIM, HU.")
@options.as_json
def command(images: tuple[Path, ...], truth: Path, range_hu: float, as_json: bool) -> None:
    """Print PSNR (dB) and SSIM of IMAGES against a truth, with one fixed range for all."""
    from svct.data.projections import read_image
    from svct.errors import InputError
    from svct.metrics import psnr, ssim
    from svct.units import MU_WATER

    if not 0 < range_hu < float("inf"):
        raise InputError(f"--range-hu: expected a positive number of HU, got {range_hu}")
    reference = read_image(truth)
    data_range = range_hu / 1000 * MU_WATER
    rows = []
    for path in images:
        image = read_image(path)
        if image.grid != reference.grid:
            raise InputError(f"{path}: expected the grid of {truth}, {reference.grid}, got {image.grid}")
        rows.append(
            {
                "image": str(path),
                "psnr_db": psnr(image.x, reference.x, data_range=data_range),
                "ssim": ssim(image.x, reference.x, data_range=data_range),
                "range_hu": range_hu,
            }
        )
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(str(p)) for p in images)
    click.echo(f"{'image':<{width}}  PSNR dB    SSIM   (range {range_hu:g} HU)")
    for row in rows:
        click.echo(f"{row['image']:<{width}}  {row['psnr_db']:7.2f}  {row['ssim']:.4f}")
