"""Readers and writers of volumes and projections, and real volumes to fetch."""

from svct.data.catalogue import CATALOGUE, Dataset, dataset, locate
from svct.data.fetch import fetch
from svct.data.open import read_volume
from svct.data.projections import (
    ImageFile,
    ProjectionFile,
    read_image,
    read_projections,
    write_image,
    write_projections,
)
from svct.data.split import SliceSplit, split_slices
from svct.data.volume import Volume

__all__ = [
    "CATALOGUE",
    "Dataset",
    "ImageFile",
    "ProjectionFile",
    "SliceSplit",
    "Volume",
    "dataset",
    "fetch",
    "locate",
    "read_image",
    "read_projections",
    "read_volume",
    "split_slices",
    "write_image",
    "write_projections",
]
