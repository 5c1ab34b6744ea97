"""`svct simulate VOLUME --protocol`: a volume in HU, scanned by a protocol, slice by slice or some views at a time."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from svct.cli.progress import progress

if TYPE_CHECKING:
    from torch import Tensor

    from svct.data.scan_file import ScanWriter
    from svct.data.volume import Volume
    from svct.geometry.grid import Grid
    from svct.geometry.scan import Scan
    from svct.physics.protocol import Protocol
    from svct.physics.simulate import Simulator


@dataclass(frozen=True)
class Request:
    """What is scanned, and how.

    Args:
        volume: Path or name of the volume.
        protocol: Path or name of the protocol.
        slice_index: One slice alone, of a protocol of one plane; None for all.
        series: Which DICOM series.
        count: So many equidistant views of the protocol's.
        schedule: Or those of a schedule, with its loads.
        voxel_mm: Edge of a voxel of the scanned object, mm; None for that of the volume.
        basis: Names of the materials that it is made of.
    """

    volume: str
    protocol: str
    slice_index: int | None = None
    series: str | None = None
    count: int | None = None
    schedule: Path | None = None
    voxel_mm: float | None = None
    basis: tuple[str, ...] = ()


def simulate_volume(request: Request, *, seed: int, out: Path, line_integrals: bool, overwrite: bool) -> None:
    """Simulate the scan and write it.

    Args:
        request: What is scanned, and how.
        seed: Of the noise.
        out: The file.
        line_integrals: Whether to write the noise-free ones too.
        overwrite: Replace a file that is there.
    """
    from svct.data.scan_file import write_scan
    from svct.files import require_writable
    from svct.physics.protocol import load_protocol
    from svct.physics.simulate import Simulator

    require_writable(out, overwrite=overwrite)
    protocol, volume = load_protocol(request.protocol), read_hu(request.volume, request.series)
    full = protocol.scan(length_mm=volume.extent_mm[0])
    grid, chosen = _grid(volume, full, request)
    scan, given = _views(full, protocol, request)
    simulator = Simulator(protocol, scan, grid, request.basis)
    objects = _slices(volume, grid, chosen, request.basis) if scan.ndim == 2 else _whole(volume, grid, request.basis)
    if given is None and protocol.relative_load is not None:
        given = simulator.loads().numpy()
    if given is not None and not (given > 0).all():
        # Views that are not exposed measure nothing: they are not in the file.
        kept = np.flatnonzero(given > 0).tolist()
        click.echo(f"note: {len(given) - len(kept)} views of 0 mAs are left out of the file", err=True)
        simulator, given = replace(simulator, scan=scan[kept]), given[kept]
    extras = ("counts", "line_integrals") if line_integrals else ("counts",)
    lead = (len(chosen),) if scan.ndim == 2 and len(chosen) > 1 else ()
    shape = (*lead, *simulator.scan.detector_shape[:-1], len(simulator.scan), simulator.scan.detector_shape[-1])
    with write_scan(
        out,
        shape,
        scan_dict=simulator.scan.to_dict(),
        grid_dict=grid.to_dict(),
        extras=extras,
        overwrite=overwrite,
    ) as file:
        meta, mas = _run(simulator, objects, file, given, lead=lead, seed=seed)
        meta |= {"source": f"{Path(volume.source).name}", "sha256": volume.sha256, "seed": seed}
        if scan.ndim == 2:
            meta["slice_mm"] = volume.spacing_mm[0]
        if request.schedule is not None:
            meta["schedule"] = request.schedule.name
        file.describe(meta, mas)
    dose = meta["dose"]
    assert isinstance(dose, dict)
    told = ", ".join(f"{name} {value:.4g}" for name, value in dose.items() if isinstance(value, float))
    click.echo(f"{protocol.name}: {len(simulator.scan)} views, {told}", err=True)


def read_hu(place: str, series: str | None = None) -> "Volume":
    """Read a volume in HU: NIfTI, DICOM, the name of a fetched one, or an image file of svct.

    Raises:
        DataFileError: It cannot be read.
    """
    from svct.data.catalogue import locate
    from svct.data.nifti import file_sha256
    from svct.data.open import read_volume
    from svct.data.projections import read_image
    from svct.data.volume import Volume
    from svct.geometry.grid import Grid
    from svct.units import mu_to_hu

    if Path(place).suffix.lower() not in (".h5", ".hdf5"):
        return read_volume(locate(place), series=series)
    image = read_image(place)
    grid = Grid.from_dict(image.grid)
    hu = mu_to_hu(image.x.reshape(-1, *image.x.shape[-2:]))
    if len(grid.shape) == 3:
        hu = hu[:, ::-1]  # a volume's y grows with its index, an image's against it
    slice_mm = image.meta.get("slice_mm", grid.voxel_mm) if len(grid.shape) == 2 else grid.voxel_mm
    spacing = (float(str(slice_mm)), grid.voxel_mm, grid.voxel_mm)
    return Volume(hu, spacing, source=place, sha256=file_sha256(Path(place)))


def _grid(volume: "Volume", scan: "Scan", request: Request) -> "tuple[Grid, list[int]]":
    from svct.errors import InputError
    from svct.geometry.grid import Grid

    voxel = volume.spacing_mm[2] if request.voxel_mm is None else request.voxel_mm
    if not 0 < voxel < math.inf:
        raise InputError(f"--voxel-mm: expected a positive length in mm, got {voxel}")
    nz, ny, nx = (max(1, math.ceil(extent / voxel - 1e-6)) for extent in volume.extent_mm)
    count = len(volume.hu)
    if scan.ndim == 3:
        if request.slice_index is not None:
            raise InputError("--slice: expected none for a protocol that scans the whole volume, got one; leave it out")
        return Grid((nz, ny, nx), voxel), list(range(count))
    if request.slice_index is not None and not 0 <= request.slice_index < count:
        raise InputError(f"--slice: expected 0 to {count - 1}, got {request.slice_index}")
    return Grid((ny, nx), voxel), list(range(count)) if request.slice_index is None else [request.slice_index]


def _views(full: "Scan", protocol: "Protocol", request: Request) -> "tuple[Scan, NDArray[np.float64] | None]":
    """Return the views to simulate, and the load of each, mAs, where these give it."""
    from svct.errors import InputError
    from svct.sampling.fixed import equidistant_sets
    from svct.sampling.schedule import Schedule

    if request.count is not None:
        return full[list(equidistant_sets(len(full), request.count)[0])], None
    if request.schedule is None:
        return full, None
    schedule = Schedule.load(request.schedule)
    if full.kind == "helical" or (schedule.geometry["kind"] == "parallel") != (not full.divergent):
        raise InputError(
            f"{request.schedule}: expected a schedule for a scan like the protocol's, {full.kind}, on a circle, got "
            f"{schedule.geometry['kind']}; take another protocol or schedule"
        )
    scan = replace(full, angles=tuple(np.deg2rad(schedule.angles_deg).tolist()))
    return scan, protocol.mas_per_view * np.asarray(schedule.relative_load, np.float64)


def _slices(
    volume: "Volume", grid: "Grid", chosen: list[int], basis: tuple[str, ...]
) -> "Iterator[tuple[Tensor, float]]":
    """Give the materials of each slice, and its water-equivalent diameter, mm."""
    for index in chosen:
        yield _materials(volume.slices_on(grid, [index])[0], grid, basis)


def _whole(volume: "Volume", grid: "Grid", basis: tuple[str, ...]) -> "Iterator[tuple[Tensor, float]]":
    """Give the materials of the volume, and its water-equivalent diameter, mm."""
    from svct.data.volume import overlap_weights
    from svct.geometry.grid import Grid as Plane

    plane = Plane(grid.shape[1:], grid.voxel_mm)
    weights = overlap_weights(len(volume.hu), volume.spacing_mm[0], (grid.shape[0], grid.voxel_mm))
    image = np.zeros(grid.shape, np.float32)
    for index in range(len(volume.hu)):
        covered = np.flatnonzero(weights[:, index])
        image[covered] += weights[covered, index, None, None] * volume.slices_on(plane, [index])[0, ::-1]
    yield _materials(image, grid, basis)


def _materials(image: NDArray[np.float32], grid: "Grid", basis: tuple[str, ...]) -> "tuple[Tensor, float]":
    import torch

    from svct.physics.dose import water_equivalent_mm
    from svct.physics.tissue import hu_to_materials
    from svct.units import mu_to_hu

    hu = mu_to_hu(torch.from_numpy(image))
    return hu_to_materials(hu, basis), water_equivalent_mm(hu, voxel_mm=grid.voxel_mm)


def _run(
    simulator: "Simulator",
    objects: "Iterator[tuple[Tensor, float]]",
    file: "ScanWriter",
    given: NDArray[np.float64] | None,
    *,
    lead: tuple[int, ...],
    seed: int,
) -> tuple[dict[str, object], NDArray[np.float64]]:
    """Simulate each object and write its parts; return the provenance and the loads."""
    import torch

    from svct import __version__
    from svct.physics.dose import mass_kg, scan_dose

    protocol, scan, grid = simulator.protocol, simulator.scan, simulator.grid
    loads, sizes, absorbed, kilograms = [], [], 0.0, 0.0
    thickness = grid.voxel_mm if scan.ndim == 3 else _slice_thickness(scan, simulator.beam.row_mm)
    with progress(max(1, math.prod(lead)) * len(scan), what="simulate") as bar:
        for number, (x, size) in enumerate(objects):
            mas = simulator.loads(x) if given is None else torch.from_numpy(given)
            at = (number,) if lead else ()
            for part in simulator.parts(x, mas, seed=[seed, number]):
                where = (*at, ..., slice(part.views.start, part.views.stop), slice(None))
                arrays: dict[str, Any] = {"projections": part.y, "counts": part.signal}
                if "line_integrals" in file.names:
                    arrays["line_integrals"] = part.lines
                file.write(where, **{name: values.float().numpy() for name, values in arrays.items()})
                absorbed += part.absorbed_mj
                bar.update(len(part.views))
            loads.append(mas.numpy())
            sizes.append(size)
            kilograms += mass_kg(x, simulator.basis, voxel_mm3=grid.voxel_mm**2 * thickness)
    mas_all = np.array(loads) if lead else loads[0]
    dose = scan_dose(
        np.mean(loads, axis=0).tolist(),
        views_per_rotation=protocol.views_per_rotation,
        coefficient=protocol.dose_coefficient,
        pitch=protocol.pitch,
        length_mm=_length(scan, simulator.beam.row_mm) * max(1, math.prod(lead)),
        water_equivalent_mm=float(np.mean(sizes)),
        absorbed_mgy=absorbed / kilograms if kilograms else None,
    )
    meta: dict[str, object] = {
        "svct": __version__,
        "protocol": protocol.values,
        "spectrum": simulator.beam.spectrum.origin,
        "basis": list(simulator.basis),
        "mu_water": simulator.correction.mu_water,
        "dose": dose.to_dict(),
    }
    return meta, mas_all


def _slice_thickness(scan: "Scan", row_mm: float) -> float:
    """Return the thickness of the slice that a row sees at the axis, mm."""
    return row_mm / float(getattr(scan, "magnification", 1.0))


def _length(scan: "Scan", row_mm: float) -> float:
    """Return the length along z that a scan exposes, mm."""
    if scan.ndim == 2:
        return _slice_thickness(scan, row_mm)
    heights = scan.vectors[:, 2]
    rows = scan.detector_shape[0] * float(scan.vectors[0, 11])
    return float(heights.max() - heights.min()) + rows / float(getattr(scan, "magnification", 1.0))
