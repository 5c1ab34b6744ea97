"""`svct tasks cases`: images with and without a finding, masks and truth."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from svct.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from svct.geometry.grid import Grid
    from svct.tasks.cases import CaseCohort


@click.command()
@click.option("--anatomy", default="chest", show_default=True, help="Chest, abdomen, head or shoulder.")
@click.option("--finding", required=True, help='Such as "solid nodule"; an unknown one lists those that there are.')
@click.option("--count", type=click.IntRange(1, 100_000), default=5, show_default=True, help="How many cases.")
@click.option("--prevalence", type=float, default=0.5, show_default=True, help="Chance that the finding is present.")
@click.option("--pixels", type=click.IntRange(16, 2048), default=256, show_default=True, help="Along an edge.")
@click.option("--voxel-mm", type=float, help="Edge of a pixel, mm. Default: the field of view of the task.")
@click.option("--rotation-deg", type=float, default=0.0, show_default=True, help="Turns patient and finding.")
@click.option("--format", "suffix", type=click.Choice(["h5", "nii.gz"]), default="h5", show_default=True)
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that draw.  [default: one per processor]")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write to; made if missing.")
@options.seed
@options.overwrite
@options.as_json
def cases(
    anatomy: str,
    finding: str,
    count: int,
    prevalence: float,
    pixels: int,
    voxel_mm: float | None,
    rotation_deg: float,
    suffix: str,
    workers: int | None,
    out: Path,
    seed: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write cases with and without a finding.

    For each case an image in 1/mm (HDF5) or HU (NIfTI), the mask of the finding as 0 and 1, and the truth as JSON that
    follows svct.case/1. The bytes of each do not depend on the number of workers.
    """
    from svct.cli.progress import progress
    from svct.errors import DataFileError
    from svct.files import system_reason
    from svct.geometry.grid import Grid
    from svct.tasks.cases import CaseCohort
    from svct.tasks.task import load_task, task_names

    width_mm = 430.0
    if anatomy in task_names():
        width_mm = max(load_task(anatomy).grid.extent_mm)
    grid = Grid((pixels, pixels), voxel_mm=width_mm / pixels if voxel_mm is None else voxel_mm)
    cohort = CaseCohort(anatomy, finding=finding, grid=grid, prevalence=prevalence, seed=seed, size=count)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataFileError(f"{out}: could not be made ({system_reason(error)}); name another folder") from error
    write = partial(_write_case, cohort, out, suffix, rotation_deg=rotation_deg, overwrite=overwrite)
    rows: list[dict[str, object]] = []
    with progress(count, what="writing cases") as bar:
        for row in _mapped(write, count, workers):
            rows.append(row)
            bar.update()
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['image']}  {row['kind']:<10}  {row['split']:<10}  {row['type']}, {row['side']}")


def _mapped(
    write: "Callable[[int], dict[str, object]]", count: int, workers: int | None
) -> "Iterator[dict[str, object]]":
    """Call a function for each case, in processes of their own where there is enough to do; give results in order."""
    import os
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # A process takes a few seconds to start, in which one draws some dozen cases.
    most = min(workers or os.cpu_count() or 1, -(-count // (1 if workers else 40)))
    if most == 1:
        yield from map(write, range(count))
        return
    with ProcessPoolExecutor(most, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(write, range(count), chunksize=max(1, min(8, count // most)))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _write_case(
    cohort: "CaseCohort", out: Path, suffix: str, index: int, *, rotation_deg: float, overwrite: bool
) -> dict[str, object]:
    from svct.files import atomic_path

    case = cohort.case(index, rotation_deg=rotation_deg)
    image, mask = out / f"case-{index:05d}.{suffix}", out / f"case-{index:05d}-mask.{suffix}"
    record = out / f"case-{index:05d}.json"
    _write(image, case.image.numpy(), cohort.grid, overwrite=overwrite)
    _write(mask, case.mask.astype("float32"), cohort.grid, overwrite=overwrite, mask=True)
    with atomic_path(record, overwrite=overwrite) as partial_path:
        partial_path.write_text(case.record.to_json(), encoding="utf-8")
    place = case.record.place
    return {
        "index": index,
        "kind": case.record.kind,
        "type": place.type,
        "side": place.side,
        "centre_mm": list(place.centre_mm),
        "size_mm": list(place.size_mm),
        "contrast_hu": place.contrast_hu,
        "split": case.record.split,
        "image": str(image),
        "mask": str(mask),
        "record": str(record),
    }


def _write(path: Path, values: "NDArray[np.float32]", grid: "Grid", *, overwrite: bool, mask: bool = False) -> None:
    from svct.data.placement import place
    from svct.data.projections import write_image
    from svct.data.write_nifti import write_nifti
    from svct.units import hu_to_mu

    if path.suffix == ".h5":
        write_image(path, values, grid.to_dict(), meta={"method": "mask" if mask else "case"}, overwrite=overwrite)
        return
    # The writer turns 1/mm into HU, so that a mask of 0 and 1 goes in as what gives 0 and 1 HU.
    slab = hu_to_mu(values) if mask else values
    placement = place(grid, planes=1, slice_mm=grid.voxel_mm)
    write_nifti(path, [slab[None]], placement, about="svct mask" if mask else "svct case, HU", overwrite=overwrite)
