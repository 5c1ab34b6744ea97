from torch import Tensor

def instruction_set() -> str: ...
def project(
    x: Tensor,
    y: Tensor,
    vectors: Tensor,
    divergent: bool,
    curved: bool,
    sharp: bool,
    voxel_mm: float,
    origin_mm: tuple[float, ...],
    threads: int,
) -> None: ...
def backproject(
    y: Tensor,
    x: Tensor,
    vectors: Tensor,
    divergent: bool,
    curved: bool,
    sharp: bool,
    voxel_mm: float,
    origin_mm: tuple[float, ...],
    threads: int,
) -> None: ...
def project_volume(
    x: Tensor,
    y: Tensor,
    vectors: Tensor,
    divergent: bool,
    curved: bool,
    sharp: bool,
    voxel_mm: float,
    origin_mm: tuple[float, ...],
    threads: int,
) -> None: ...
def backproject_volume(
    y: Tensor,
    x: Tensor,
    vectors: Tensor,
    divergent: bool,
    curved: bool,
    sharp: bool,
    voxel_mm: float,
    origin_mm: tuple[float, ...],
    threads: int,
) -> None: ...
def derive_vectors(
    x: Tensor,
    g: Tensor,
    vectors: Tensor,
    divergent: bool,
    curved: bool,
    voxel_mm: float,
    origin_mm: tuple[float, ...],
    out: Tensor,
    threads: int,
) -> None: ...
