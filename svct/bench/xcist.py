"""The same scan by svct and by XCIST: transmission, noise, time and memory."""

import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from svct.errors import BackendUnavailable
from svct.geometry import FanBeam, Grid, Projector
from svct.physics.integrating import EnergyIntegrating
from svct.physics.poly import PolychromaticModel
from svct.physics.quanta import Efficiency

WORKER = Path(__file__).with_name("xcist_worker.py")
_SCAN_HERE = (
    "import sys; from pathlib import Path; from svct.bench.xcist import scan_here; scan_here(Path(sys.argv[1]))"
)


@dataclass(frozen=True)
class Request:
    """The scan: a curved detector, a point source, one energy-integrating reading per bin.

    Args:
        views: Over a full turn.
        bins: Detector bins.
        bin_mm: Their pitch, mm; their height is 1 mm.
        voxels: Edge of the phantom, voxels.
        voxel_mm: Edge of a voxel, mm.
        energies: Energy bins of the 120 kVp spectrum.
        ma: Tube current, mA, for one turn in a second.
        electrons_per_kev: Of the detector.
        electronic_noise: Of the detector, electrons.
        threads: Of both.
        repeats: Noisy scans.
        source_mm: Source to axis, mm.
        detector_mm: Axis to detector, mm.
        materials: Of the phantom, known to both.
    """

    views: int = 200
    bins: int = 400
    bin_mm: float = 1.0
    voxels: int = 256
    voxel_mm: float = 1.0
    energies: int = 20
    ma: float = 200.0
    electrons_per_kev: float = 17.0
    electronic_noise: float = 3500.0
    threads: int = 1
    repeats: int = 3
    source_mm: float = 540.0
    detector_mm: float = 410.0
    materials: tuple[str, ...] = ("water", "bone")


@dataclass(frozen=True)
class Comparison:
    """What svct gives over what XCIST gives.

    Args:
        transmission_error: Largest difference over the views of the mean transmission, relative.
        ray_error: Root mean square over the rays of the difference in ``-ln(transmission)``, relative to its greatest.
        variance_ratio: Variance of XCIST's noise over that of svct's, all rays, each relative to the model's.
        seconds: Median time of one noisy scan, svct and XCIST.
        cpu_seconds: Median time that its threads spent at work; on a busy machine the one to compare.
        peak_mb: Peak memory of the whole process, svct and XCIST.
    """

    transmission_error: float
    ray_error: float
    variance_ratio: float
    seconds: tuple[float, float]
    cpu_seconds: tuple[float, float]
    peak_mb: tuple[float, float]


def draw_phantom(request: Request) -> NDArray[np.float32]:
    """Draw volume fractions of water and bone: a cylinder with an insert of bone and one of air, ``(2, y, x)``."""
    n, fine = request.voxels, 4
    axis = (np.arange(n * fine) + 0.5) * (request.voxel_mm / fine) - n * request.voxel_mm / 2
    radius = 0.4 * n * request.voxel_mm

    def disc(x: float, y: float, r: float) -> NDArray[np.float64]:
        inside = (axis - x * radius) ** 2 + (-axis[:, None] - y * radius) ** 2 < (r * radius) ** 2
        return np.asarray(inside.reshape(n, fine, n, fine).mean(axis=(1, 3)))

    bone, air = disc(0.5, 0.2, 0.12), disc(-0.4, -0.3, 0.15)
    return np.stack([disc(0.0, 0.0, 1.0) - bone - air, bone]).astype(np.float32)


def compare(request: Request, *, python: str) -> Comparison:
    """Run both, each in a process of its own, and compare.

    Args:
        request: The scan.
        python: The interpreter that has `gecatsim`.

    Raises:
        BackendUnavailable: One of them does not run.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "request.json").write_text(json.dumps(asdict(request)), encoding="utf-8")
        for material, fractions in zip(request.materials, draw_phantom(request), strict=True):
            fractions.tofile(folder / f"{material}.raw")
        _run([python, "-P", str(WORKER)], folder, request.threads, "XCIST")
        _run([sys.executable, "-P", "-c", _SCAN_HERE, str(folder)], folder, request.threads, "svct")
        with np.load(folder / "result.npz") as theirs, np.load(folder / "svct.npz") as ours:
            lines = [-np.log(scan["clean"] / scan["air"]) for scan in (ours, theirs)]
            transmission = [(scan["clean"] / scan["air"]).mean(axis=1, dtype=np.float64) for scan in (ours, theirs)]
            variances = [
                float((((scan["noisy"] - scan["clean"]) ** 2) / ours["variance"]).mean(dtype=np.float64))
                for scan in (ours, theirs)
            ]
            return Comparison(
                transmission_error=float(np.abs(transmission[0] / transmission[1] - 1).max()),
                ray_error=float(np.sqrt(((lines[0] - lines[1]) ** 2).mean()) / lines[1].max()),
                variance_ratio=variances[1] / variances[0],
                seconds=_medians(ours["seconds"], theirs["seconds"], 0),
                cpu_seconds=_medians(ours["seconds"], theirs["seconds"], 1),
                peak_mb=(float(ours["peak_mb"]), float(theirs["peak_mb"])),
            )


def scan_here(folder: Path) -> None:
    """Do svct's scan of ``request.json`` with XCIST's beam, and write ``svct.npz``."""
    request = Request(**json.loads((folder / "request.json").read_text(encoding="utf-8")))
    torch.set_num_threads(request.threads)
    with np.load(folder / "result.npz") as theirs:
        energies = torch.from_numpy(theirs["energies_kev"])
        air = torch.from_numpy(theirs["photons"].T[:, None, ::-1].copy())
        middle = theirs["efficiency"][request.bins // 2].clip(0, 1)
    detector = EnergyIntegrating(
        efficiency=Efficiency(tuple(energies.tolist()), tuple(middle.tolist())),
        electrons_per_kev=request.electrons_per_kev,
        electronic_noise=request.electronic_noise,
    )
    generator = torch.Generator().manual_seed(0)
    seconds, noisy = [], []
    for _ in range(request.repeats):
        start, cpu = time.perf_counter(), time.process_time()
        x = torch.stack(
            [
                torch.from_numpy(np.fromfile(folder / f"{name}.raw", np.float32)).reshape(
                    request.voxels, request.voxels
                )
                for name in request.materials
            ]
        )
        # XCIST's first view has its source above the patient, svct's below; its bins run the other way.
        angles = [math.pi + 2 * math.pi * view / request.views for view in range(request.views)]
        scan = FanBeam(
            angles,
            bins=request.bins,
            bin_mm=request.bin_mm,
            source_mm=request.source_mm,
            detector_mm=request.detector_mm,
            curved=True,
        )
        A = Projector(scan, Grid((request.voxels, request.voxels), request.voxel_mm), backend="native")
        photons = PolychromaticModel(A, request.materials, air, energies)(x, torch.ones(request.views))
        noisy.append(detector.signal(photons, energies, generator))
        seconds.append((time.perf_counter() - start, time.process_time() - cpu))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pulses = torch.tensor(middle) * (request.electrons_per_kev * energies) ** 2
    variance = torch.tensordot(pulses, photons, dims=1) + request.electronic_noise**2
    np.savez(
        folder / "svct.npz",
        air=detector.mean(air, energies)[0].flip(-1).numpy(),
        clean=detector.mean(photons, energies).flip(-1).numpy(),
        noisy=torch.stack(noisy).flip(-1).numpy(),
        variance=variance.flip(-1).numpy(),
        seconds=np.array(seconds),
        peak_mb=peak_mb,
    )


def _medians(ours: NDArray[np.float64], theirs: NDArray[np.float64], clock: int) -> tuple[float, float]:
    return float(np.median(ours[:, clock])), float(np.median(theirs[:, clock]))


def _run(command: list[str], folder: Path, threads: int, what: str) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise BackendUnavailable(f"{what}: expected a scan by {command[0]}, it ended with {last}")
