"""The native kernels at every instruction set that this machine has, each in a process of its own."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import svct._kernels as kernels

LEVELS = ("baseline", "avx2", "avx512")


def lower_levels() -> tuple[str, ...]:
    """Return the instruction sets below the one in use."""
    return LEVELS[: LEVELS.index(kernels.instruction_set())]


def project_at(
    level: str,
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    vectors: NDArray[np.float64],
    options: tuple[bool, bool, bool, float, tuple[float, ...], int],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return projections of `x` and the back projection of `y` by the kernels of another instruction set.

    Args:
        level: One of `LEVELS`.
        x: ``(1, [nz,] ny, nx)``.
        y: ``(1, [rows,] views, bins)``.
        vectors: As `Scan.vectors`.
        options: Whether the beam is divergent, the detector curved and the rays as wide as bins; voxel_mm, origin_mm,
            threads.
    """
    *beam, voxel_mm, origin_mm, threads = options
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        numbers = np.array([*beam, voxel_mm, threads, *origin_mm])
        np.savez(path, x=x, y=y, vectors=vectors, numbers=numbers)
        # The choice is made once per process. -P: the installed package, not a folder that happens to be here.
        command = [sys.executable, "-P", "-m", "svct.selfcheck.levels", str(path)]
        subprocess.run(command, check=True, env={**os.environ, "SVCT_ISA": level}, stdin=subprocess.DEVNULL)
        with np.load(path) as result:
            return result["y"], result["x"]


def _main(path: str) -> None:
    with np.load(path) as data:
        x, y, vectors, numbers = (data[name] for name in ("x", "y", "vectors", "numbers"))
    *beam, voxel_mm, threads = numbers[:5].tolist()
    divergent, curved, sharp = (bool(flag) for flag in beam)
    scan = (vectors, divergent, curved, sharp, voxel_mm, tuple(numbers[5:].tolist()), int(threads))
    flat = x.ndim == 3
    projected, backprojected = np.empty_like(y), np.empty_like(x)
    (kernels.project if flat else kernels.project_volume)(x, projected, *scan)
    (kernels.backproject if flat else kernels.backproject_volume)(y, backprojected, *scan)
    np.savez(path, x=backprojected, y=projected)


if __name__ == "__main__":
    _main(sys.argv[1])
