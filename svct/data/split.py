"""Divide the slices of one patient so that neighbours never stand on both sides."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from svct.errors import InputError


@dataclass(frozen=True)
class SliceSplit:
    """Slice indices by use; slices in the gaps and those without body are in none.

    Args:
        train: For fitting.
        validation: For every choice that is made.
        test: Looked at once, at the end.
    """

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


def split_slices(
    n: int,
    *,
    spacing_mm: float,
    gap_mm: float = 10.0,
    validation: float = 0.2,
    test: float = 0.2,
    blocks: int = 2,
    usable: Sequence[bool] | None = None,
) -> SliceSplit:
    """Split a patient's slices into contiguous blocks with gaps between blocks of different use.

    From inferior to superior the blocks are train, validation, train, test, and so again, and a last
    train block; so validation and test both meet several levels of the body. One patient stays one
    patient: the result supports a case study, not a claim about a population.

    Args:
        n: Number of slices.
        spacing_mm: Distance of neighbouring slices, mm.
        gap_mm: Least thickness of the slices left out between two blocks, mm.
        validation: Part of the slices outside the gaps that goes to validation.
        test: Part that goes to test.
        blocks: Blocks of each of the two.
        usable: One truth value per slice, such as ``volume.body_fraction() > 0.02``. Slices beyond the
            first and last usable one are cut off before the layout, others dropped after it.

    Raises:
        InputError: A value is out of range, or there are too few slices for the layout.

    Example:
        >>> split = split_slices(40, spacing_mm=5.0, blocks=1)
        >>> split.validation, split.test
        ((9, 10, 11, 12, 13, 14), (26, 27, 28, 29, 30, 31))
    """
    if n < 1 or blocks < 1 or not (spacing_mm > 0 and gap_mm >= 0 and math.isfinite(gap_mm / spacing_mm)):
        raise InputError(
            "split_slices: expected n >= 1, blocks >= 1, spacing_mm > 0 and gap_mm >= 0, got "
            f"n={n}, blocks={blocks}, spacing_mm={spacing_mm}, gap_mm={gap_mm}"
        )
    if not (0 < validation < 1 and 0 < test < 1 and validation + test < 1):
        raise InputError(
            f"split_slices: expected validation and test between 0 and 1, together below 1, got {validation} and {test}"
        )
    keep = np.ones(n, bool) if usable is None else np.asarray(usable, bool)
    if keep.shape != (n,) or not keep.any():
        raise InputError(f"split_slices usable: expected {n} values, at least one true, got shape {keep.shape}")
    first, last = np.flatnonzero(keep)[[0, -1]]

    gap = math.ceil(gap_mm / spacing_mm - 1e-9)
    room = int(last - first) + 1 - 4 * blocks * gap
    counts = {"validation": round(validation * room), "test": round(test * room)}
    counts["train"] = room - counts["validation"] - counts["test"]
    if min(counts["validation"], counts["test"]) < blocks or counts["train"] < 2 * blocks + 1:
        raise InputError(
            f"split_slices: expected enough slices for {4 * blocks + 1} blocks with {4 * blocks} gaps of "
            f"{gap} slices, "
            f"got {int(last - first) + 1} usable ones; use fewer blocks or a smaller gap"
        )
    shares = {
        "train": _shares(counts["train"], 2 * blocks + 1),
        "validation": _shares(counts["validation"], blocks),
        "test": _shares(counts["test"], blocks),
    }
    chosen: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    start = int(first)
    for use in ["train", "validation", "train", "test"] * blocks + ["train"]:
        size = shares[use].pop(0)
        chosen[use] += [i for i in range(start, start + size) if keep[i]]
        start += size + gap
    if not all(chosen.values()):
        raise InputError(
            "split_slices usable: expected usable slices in every part, got a part without; use fewer blocks"
        )
    return SliceSplit(tuple(chosen["train"]), tuple(chosen["validation"]), tuple(chosen["test"]))


def _shares(count: int, parts: int) -> list[int]:
    return [count // parts + (i < count % parts) for i in range(parts)]
