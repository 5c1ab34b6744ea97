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
    from svct.data.volume_planes import VolumePlanes
    from svct.geometry.grid import Grid
    from svct.geometry.scan import Scan
    from svct.physics.motion import Motion
    from svct.physics.protocol import Protocol
    from svct.physics.simulate import Simulator
    from svct.physics.slabs import Slabs

    Scanned = tuple[Tensor | Slabs, float, float]


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
        motions: What moves in it during the scan, as `svct.physics.motion_text.read_motion` takes them.
    """

    volume: str
    protocol: str
    slice_index: int | None = None
    series: str | None = None
    count: int | None = None
    schedule: Path | None = None
    voxel_mm: float | None = None
    basis: tuple[str, ...] = ()
    motions: tuple[str, ...] = ()


def simulate_volume(request: Request, *, seed: int, out: Path, line_integrals: bool, overwrite: bool) -> None:
    """Simulate the scan and write it.

    Args:
        request: What is scanned, and how.
        seed: Of the noise.
        out: The file.
        line_integrals: Whether to write the noise-free ones too.
        overwrite: Replace a file that is there.
    """
    from svct.data.volume_planes import open_volume
    from svct.files import require_writable

    require_writable(out, overwrite=overwrite)
    with open_volume(request.volume, series=request.series) as volume:
        _simulate(volume, request, seed=seed, out=out, line_integrals=line_integrals, overwrite=overwrite)


def _simulate(
    volume: "VolumePlanes", request: Request, *, seed: int, out: Path, line_integrals: bool, overwrite: bool
) -> None:
    from svct.data.scan_file import write_scan
    from svct.physics.protocol import load_protocol
    from svct.physics.simulate import Simulator

    protocol = load_protocol(request.protocol)
    full = protocol.scan(length_mm=volume.extent_mm[0])
    grid, chosen = _grid(volume, full, request)
    scan, given = _views(full, protocol, request)
    motions, times = _motions(volume, chosen, request, scan, protocol)
    simulator = Simulator(protocol, scan, grid, request.basis, motions=motions, times_s=times)
    if given is None and protocol.relative_load is not None:
        given = simulator.loads().numpy()
    if given is not None and not (given > 0).all():
        # Views that are not exposed measure nothing: they are not in the file.
        kept = np.flatnonzero(given > 0).tolist()
        click.echo(f"note: {len(given) - len(kept)} views of 0 mAs are left out of the file", err=True)
        times = tuple(times[i] for i in kept) if times else ()
        simulator, given = replace(simulator, scan=scan[kept], times_s=times), given[kept]
    objects = _slices(volume, simulator, chosen) if scan.ndim == 2 else _whole(volume, simulator)
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
        if motions:
            meta["motion"] = [repr(motion) for motion in motions]
            meta["times_s"] = list(times)
        file.describe(meta, mas)
    dose = meta["dose"]
    assert isinstance(dose, dict)
    told = ", ".join(f"{name} {value:.4g}" for name, value in dose.items() if isinstance(value, float))
    click.echo(f"{protocol.name}: {len(simulator.scan)} views, {told}", err=True)


def _grid(volume: "VolumePlanes", scan: "Scan", request: Request) -> "tuple[Grid, list[int]]":
    from svct.errors import InputError
    from svct.geometry.grid import Grid

    voxel = volume.spacing_mm[2] if request.voxel_mm is None else request.voxel_mm
    if not 0 < voxel < math.inf:
        raise InputError(f"--voxel-mm: expected a positive length in mm, got {voxel}")
    nz, ny, nx = (max(1, math.ceil(extent / voxel - 1e-6)) for extent in volume.extent_mm)
    count = volume.shape[0]
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


def _motions(
    volume: "VolumePlanes", chosen: list[int], request: Request, scan: "Scan", protocol: "Protocol"
) -> "tuple[tuple[Motion, ...], tuple[float, ...]]":
    """Return what moves, and when each view is taken: as the schedule says, or by a gantry that turns all the time."""
    from svct.data.volume import BODY_HU
    from svct.physics.motion_text import read_motion
    from svct.physics.moving import rotation_times
    from svct.sampling.schedule import Schedule

    if not request.motions:
        return (), ()
    middle = chosen[len(chosen) // 2]
    rows = np.flatnonzero((volume.part(middle, middle + 1).hu[0] > BODY_HU).any(axis=1))
    top, bottom = (rows[0], rows[-1] + 1) if rows.size else (0, volume.shape[1])
    front, back = (volume.extent_mm[1] / 2 - float(row) * volume.spacing_mm[1] for row in (top, bottom))
    motions = tuple(read_motion(text, front_mm=front, back_mm=back) for text in request.motions)
    if request.schedule is not None:
        stated = Schedule.load(request.schedule).t_offset_s
        if stated:
            return motions, stated
    return motions, rotation_times(list(scan.angles), rotation_s=protocol.rotation_s)


def _slices(volume: "VolumePlanes", simulator: "Simulator", chosen: list[int]) -> "Iterator[Scanned]":
    """Give the materials of each slice."""
    for index in chosen:
        yield _materials(volume.part(index, index + 1).slices_on(simulator.grid)[0], simulator)


def _whole(volume: "VolumePlanes", simulator: "Simulator") -> "Iterator[Scanned]":
    """Give the materials of the volume, in slabs where it is large."""
    from svct.data.volume import overlap_weights
    from svct.geometry.grid import Grid as Plane
    from svct.physics.slabs import Slabs

    grid = simulator.grid
    plane = Plane(grid.shape[1:], grid.voxel_mm)
    weights = overlap_weights(volume.shape[0], volume.spacing_mm[0], (grid.shape[0], grid.voxel_mm))

    def read(first: int, last: int) -> "tuple[Tensor, float, float]":
        image = np.zeros((last - first, *plane.shape), np.float32)
        for index in np.flatnonzero(weights[first:last].any(axis=0)).tolist():
            covered = np.flatnonzero(weights[first:last, index])
            one = volume.part(index, index + 1).slices_on(plane)[0, ::-1]
            image[covered] += weights[first:last][covered, index, None, None] * one
        return _materials(image, simulator)

    slabs = Slabs(grid, len(simulator.basis), lambda first, last: read(first, last)[0])
    count, step = grid.shape[0], slabs.step
    if step >= count:
        yield read(0, count)
        return
    size, kilograms = 0.0, 0.0
    for first in range(0, count, step):
        last = min(first + step, count)
        _, one_size, one_mass = read(first, last)
        size, kilograms = size + one_size * (last - first) / count, kilograms + one_mass
    yield slabs, size, kilograms


def _materials(image: NDArray[np.float32], simulator: "Simulator") -> "tuple[Tensor, float, float]":
    """Return the materials, the water-equivalent diameter in mm and the mass in kg of a slice or some planes."""
    import torch

    from svct.physics.dose import mass_kg, water_equivalent_mm
    from svct.physics.tissue import hu_to_materials
    from svct.units import mu_to_hu

    scan, voxel = simulator.scan, simulator.grid.voxel_mm
    hu = mu_to_hu(torch.from_numpy(image))
    x = hu_to_materials(hu, simulator.basis)
    thickness = voxel if scan.ndim == 3 else _slice_thickness(scan, simulator.beam.row_mm)
    size = water_equivalent_mm(hu, voxel_mm=voxel)
    return x, size, mass_kg(x, simulator.basis, voxel_mm3=voxel**2 * thickness)


def _run(
    simulator: "Simulator",
    objects: "Iterator[Scanned]",
    file: "ScanWriter",
    given: NDArray[np.float64] | None,
    *,
    lead: tuple[int, ...],
    seed: int,
) -> tuple[dict[str, object], NDArray[np.float64]]:
    """Simulate each object and write its parts; return the provenance and the loads."""
    import torch

    from svct import __version__
    from svct.physics.dose import scan_dose

    protocol, scan = simulator.protocol, simulator.scan
    loads, sizes, absorbed, kilograms = [], [], 0.0, 0.0
    with progress(max(1, math.prod(lead)) * len(scan), what="simulate") as bar:
        for number, (x, size, mass) in enumerate(objects):
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
            kilograms += mass
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
