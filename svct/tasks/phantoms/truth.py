"""What is known about a drawn patient."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svct.errors import unknown_name

ORGANS = (
    "air", "skin", "fat", "muscle", "bone", "lung", "airway", "vessel", "heart", "oesophagus", "breast",
    "nodule", "liver", "spleen", "kidney", "stomach", "bowel", "pancreas", "gas", "cord", "thyroid",
    "white matter", "grey matter", "fluid", "falx", "gallbladder", "water", "rod", "cartilage", "gland",
    "bladder", "metal", "polymer", "other",
)  # fmt: skip
"""Organ names; an organ's label in `Truth.labels` is its place in this tuple. `"other"` is for packages' anatomies."""


def label_of(organ: str) -> int:
    """Return an organ's label.

    Raises:
        UnknownNameError: No such organ.
    """
    if organ not in ORGANS:
        raise unknown_name("organ", organ, list(ORGANS))
    return ORGANS.index(organ)


@dataclass(frozen=True)
class Structure:
    """One drawn structure.

    Args:
        name: Organ name, one of `ORGANS`.
        hu: Mean CT number it was drawn with, HU.
        centre_mm: Centre ``(x, y)`` in world coordinates, mm.
        size_mm: Full length and width, mm.
    """

    name: str
    hu: float
    centre_mm: tuple[float, float]
    size_mm: tuple[float, float]


@dataclass(frozen=True)
class Nodule:
    """A solid lung nodule.

    Args:
        centre_mm: Centre ``(x, y)`` in world coordinates, mm.
        diameter_mm: Diameter, mm.
        hu: CT number, HU.
    """

    centre_mm: tuple[float, float]
    diameter_mm: float
    hu: float


@dataclass(frozen=True, eq=False)
class Truth:
    """Everything the generator knows about a patient.

    Args:
        anatomy: Name of the anatomy.
        seed: Seed of the cohort.
        half_axes_mm: Half width and half depth of the body, mm, before tilt and rotation.
        level: Position of the slice along the body, 0 at the top of the anatomy's range to 1 at its bottom.
        structures: The drawn structures, in drawing order; later ones lie over earlier ones.
        labels: Organ of each pixel, int16 ``(ny, nx)``, an index into `ORGANS`.
        nodule: The lung nodule, or None.
    """

    anatomy: str
    seed: int
    half_axes_mm: tuple[float, float]
    level: float
    structures: tuple[Structure, ...]
    labels: NDArray[np.int16]
    nodule: Nodule | None
