from torch import Tensor

def instruction_set() -> str: ...
def project(
    x: Tensor,
    y: Tensor,
    vectors: Tensor,
    divergent: bool,
    voxel_mm: float,
    origin_x_mm: float,
    origin_y_mm: float,
    threads: int,
) -> None: ...
def backproject(
    y: Tensor,
    x: Tensor,
    vectors: Tensor,
    divergent: bool,
    voxel_mm: float,
    origin_x_mm: float,
    origin_y_mm: float,
    threads: int,
) -> None: ...
