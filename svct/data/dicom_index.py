"""Find the CT images below a folder and choose one series among them."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from svct.errors import DataFileError

_TAGS = [
    "SOPClassUID",
    "Modality",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDescription",
    "NumberOfFrames",
]
_ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"


@dataclass(frozen=True)
class Series:
    """The files of one CT series.

    Args:
        uid: SeriesInstanceUID.
        number: SeriesNumber as written, empty where absent.
        description: SeriesDescription, empty where absent.
        paths: Its files, in no particular order.
    """

    uid: str
    number: str
    description: str
    paths: tuple[Path, ...]

    def __str__(self) -> str:
        """Return one phrase for a list of series."""
        title = f" {self.description!r}" if self.description else ""
        return f"{self.uid} (number {self.number or 'none'},{title} {len(self.paths)} images)"


def find_series(paths: Iterable[Path], *, name: str) -> list[Series]:
    """Sort CT images into series; files of other kinds are passed over.

    Args:
        paths: Candidate files.
        name: What to call the place in an error.

    Raises:
        DataFileError: None of them is a CT image, one is damaged, or one is multi-frame.
    """
    import pydicom

    found: dict[str, list[Path]] = {}
    titles: dict[str, tuple[str, str]] = {}
    others: dict[str, int] = {}
    for path in paths:
        if not is_dicom(path):
            others[path.suffix or "no suffix"] = others.get(path.suffix or "no suffix", 0) + 1
            continue
        try:
            head = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
            modality, sop_class = str(head.get("Modality", "")), str(head.get("SOPClassUID", ""))
            frames = int(head.get("NumberOfFrames", None) or 1)
        except Exception as error:  # pydicom raises many kinds on damaged headers
            raise DataFileError(
                f"{path}: expected a whole DICOM file, got a damaged one ({error}); copy it again"
            ) from error
        if modality != "CT":
            others[f"DICOM {modality or 'without modality'}"] = (
                others.get(f"DICOM {modality or 'without modality'}", 0) + 1
            )
            continue
        if sop_class == _ENHANCED_CT or frames > 1:
            raise DataFileError(
                f"{path}: expected single-frame CT images, got a multi-frame (enhanced) one of {frames} "
                "frames; "
                "convert it to NIfTI or to single frames first"
            )
        uid = str(head.get("SeriesInstanceUID", ""))
        found.setdefault(uid, []).append(path)
        number = head.get("SeriesNumber", None)
        titles.setdefault(uid, ("" if number is None else str(number), str(head.get("SeriesDescription", ""))))
    if not found:
        seen = ", ".join(f"{count} {kind}" for kind, count in sorted(others.items())) or "no files"
        raise DataFileError(f"{name}: expected DICOM CT images, got {seen}; name the folder or file that holds them")
    return [Series(uid, *titles[uid], tuple(files)) for uid, files in sorted(found.items())]


def choose_series(series: list[Series], wanted: str | None, *, name: str) -> Series:
    """Return the one series, or the one that was asked for.

    Args:
        series: At least one.
        wanted: SeriesInstanceUID or SeriesNumber. Default: there must be only one.
        name: What to call the place in an error.

    Raises:
        DataFileError: Several series and none or no single one was asked for; the message lists them.
    """
    fitting = series if wanted is None else [s for s in series if wanted in (s.uid, s.number)]
    if len(fitting) == 1:
        return fitting[0]
    listed = "; ".join(str(s) for s in series[:10]) + (f"; and {len(series) - 10} more" if len(series) > 10 else "")
    asked = "" if wanted is None else f" that {wanted!r} names (UID or number)"
    raise DataFileError(
        f"{name}: expected one CT series{asked}, got {len(fitting)} of {len(series)}: {listed}; "
        "choose one by its UID with series=... (command line: --series)"
    )


def is_dicom(path: Path) -> bool:
    """Say whether a file carries the DICOM mark after its 128 byte preamble.

    Args:
        path: The file.

    Raises:
        DataFileError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError as error:
        raise DataFileError(f"{path}: could not be read ({error.strerror}); check its permissions") from error
