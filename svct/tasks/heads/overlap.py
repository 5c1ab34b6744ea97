"""How well two masks agree."""

import numpy as np
from numpy.typing import NDArray


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return twice the pixels in both masks over those in each, 1 where both are empty.

    Args:
        first: A mask, any shape.
        second: Another of the same shape.

    Example:
        >>> dice(np.array([True, True, False]), np.array([True, False, False]))
        0.6666666666666666

    Notes:
        Dice 1945, Ecology 26:297.
    """
    both = int(first.sum() + second.sum())
    return 2 * int((first & second).sum()) / both if both else 1.0


def surface_distance_mm(first: NDArray[np.bool_], second: NDArray[np.bool_], *, voxel_mm: float) -> float:
    """Return the mean distance of the edge pixels of each mask from the other's edge, NaN where a mask is empty.

    Args:
        first: A mask ``(ny, nx)``.
        second: Another of the same shape.
        voxel_mm: Pixel size, mm.

    Notes:
        Average symmetric surface distance (Heimann et al. 2009, IEEE Trans. Med. Imaging 28:1251), over all edge pixels
        of both masks together; edge pixels touch one outside by a side. What MONAI's `compute_average_surface_distance`
        gives with ``symmetric=True``.
    """
    from scipy import ndimage

    if not first.any() or not second.any():
        return float("nan")
    # Padded, so that a mask that reaches the image's border has an edge there.
    masks = [np.pad(mask, 1) for mask in (first, second)]
    edges = [mask & ~ndimage.binary_erosion(mask) for mask in masks]
    away = [ndimage.distance_transform_edt(~edge) for edge in edges]
    distances = np.concatenate([away[1][edges[0]], away[0][edges[1]]])
    return float(distances.mean()) * voxel_mm
