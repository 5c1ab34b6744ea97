from typing import Any

from numpy.typing import NDArray

def instruction_set() -> str: ...
def project(
    x: NDArray[Any],
    y: NDArray[Any],
    vectors: NDArray[Any],
    divergent: bool,
    curved: bool,
    sharp: bool,
    voxel_mm: float,
    origin_mm: tuple[float, ...],
    threads: int,
) -> None: ...
def backproject(
    y: NDArray[Any],
    x: NDArray[Any],
    vectors: NDArray[Any],
    divergent: bool,
    curved: bool,
    sharp: bool,
    voxel_mm: float,
    origin_mm: tuple[float, ...],
    threads: int,
) -> None: ...
def project_volume(
    x: NDArray[Any],
    y: NDArray[Any],
    vectors: NDArray[Any],
    divergent: bool,
    curved: bool,
    sharp: bool,
    voxel_mm: float,
    origin_mm: tuple[float, ...],
    threads: int,
) -> None: ...
def backproject_volume(
    y: NDArray[Any],
    x: NDArray[Any],
    vectors: NDArray[Any],
    divergent: bool,
    curved: bool,
    sharp: bool,
    voxel_mm: float,
    origin_mm: tuple[float, ...],
    threads: int,
) -> None: ...
def derive_vectors(
    x: NDArray[Any],
    g: NDArray[Any],
    vectors: NDArray[Any],
    divergent: bool,
    curved: bool,
    voxel_mm: float,
    origin_mm: tuple[float, ...],
    out: NDArray[Any],
    threads: int,
) -> None: ...
