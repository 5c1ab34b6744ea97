"""What the HDF5 formats share: text, units, images that take no space, and the whole schedule within."""

from typing import Any

import h5py
import numpy as np

from svct.sampling.schedule import Schedule

DEGREES = {"deg": 1.0, "degree": 1.0, "degrees": 1.0, "rad": 180 / np.pi, "radian": 180 / np.pi, "radians": 180 / np.pi}
MILLISECONDS = {"ms": 1.0, "s": 1000.0, "sec": 1000.0, "second": 1000.0, "seconds": 1000.0, "us": 1e-3}
MILLIMETRES = {"mm": 1.0, "m": 1000.0, "um": 1e-3, "cm": 10.0}

NO_IMAGES = "SIMULATION_ONLY: a planned scan; the images are empty and not stored"


def text_of(value: Any) -> str:
    """Return a text of an HDF5 file as str, however it is stored."""
    value = value[()] if isinstance(value, h5py.Dataset) else value
    value = value.flat[0] if isinstance(value, np.ndarray) else value
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def values_of(dataset: h5py.Dataset, units: dict[str, float]) -> tuple[float, ...]:
    """Return a one-dimensional dataset in the unit whose factor is 1.

    Args:
        dataset: Numbers with an attribute ``units``.
        units: Factors of the units that make sense.

    Raises:
        ValueError: The unit is missing or another, or there is another number of dimensions.
    """
    unit = text_of(dataset.attrs.get("units", "none")).lower()
    if unit not in units or dataset.ndim != 1:
        raise ValueError(f"{dataset.name} with {dataset.ndim} dimensions in {unit}, not 1 in {next(iter(units))}")
    return tuple((np.asarray(dataset, dtype=np.float64) * units[unit]).tolist())


def add_values(group: h5py.Group, name: str, values: Any, unit: str) -> h5py.Dataset:
    """Write a dataset with its unit."""
    dataset = group.create_dataset(name, data=np.asarray(values, dtype=np.float64))
    dataset.attrs["units"] = unit
    return dataset


def empty_images(group: h5py.Group, name: str, schedule: Schedule, frames: int) -> None:
    """Make a stack of images ``(frame, row, bin)`` of which nothing is stored."""
    rows, bins = (int(schedule.geometry.get(key) or 1) for key in ("rows", "bins"))
    images = group.create_dataset(name, (frames, rows, bins), "u2", chunks=(1, rows, bins), fillvalue=0)
    images.attrs["units"] = "counts"
    images.attrs["description"] = NO_IMAGES
