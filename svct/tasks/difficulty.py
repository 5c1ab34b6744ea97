"""How hard the findings of a detection task are: which of a kind are drawn, and how much of the slice they fill."""

import math
from dataclasses import dataclass, fields, replace
from typing import Any

from svct.errors import InputError
from svct.tasks.findings.finding import Finding
from svct.tasks.findings.kinds import FindingKind


@dataclass(frozen=True)
class Difficulty:
    """A setting of a task, so that the kinds of findings keep the ranges that the literature gives them.

    Args:
        diameter_mm: Least and greatest diameter to draw instead of the kind's own, mm. Default: the kind's own.
        share: Least and greatest part of the slice's thickness that a finding fills, above 0 to 1, drawn evenly. What
            is left is what was there before: a faint finding is one that the slice only grazes.
        lookalikes: Whether some cases without the finding hold a benign lookalike.

    Raises:
        InputError: A range that is not ascending or leaves its bounds.

    Example:
        >>> Difficulty(diameter_mm=(4.0, 8.0), share=(0.1, 0.3)).lookalikes
        False
    """

    diameter_mm: tuple[float, float] | None = None
    share: tuple[float, float] = (1.0, 1.0)
    lookalikes: bool = False

    def __post_init__(self) -> None:
        low, high = self.share
        if not 0 < low <= high <= 1:
            raise InputError(f"Difficulty share: expected 0 < least <= greatest <= 1, got {self.share}")
        if self.diameter_mm is not None:
            low, high = self.diameter_mm
            if not (0 < low <= high and math.isfinite(high)):
                raise InputError(f"Difficulty diameter_mm: expected 0 < least <= greatest, got {self.diameter_mm}")

    def kind(self, kind: FindingKind) -> FindingKind:
        """Return a kind of finding that draws these diameters.

        Raises:
            InputError: The kind has no diameter to set.
        """
        if self.diameter_mm is None:
            return kind
        if "diameter_mm" not in {field.name for field in fields(kind)}:
            raise InputError(
                f"Difficulty diameter_mm: expected a kind of finding with a diameter, {kind.name!r} has none; leave it "
                "out"
            )
        changes: dict[str, Any] = {"diameter_mm": self.diameter_mm}
        return replace(kind, **changes)

    def graze(self, finding: Finding, part: float) -> Finding:
        """Return the finding filling less of the slice's thickness.

        Args:
            finding: One that fills it.
            part: Where in the range of `share`, 0 to 1.
        """
        low, high = self.share
        share = low + part * (high - low)
        if share == 1:
            return finding
        parts = tuple(
            replace(p, hu=p.hu * share, ripple_hu=p.ripple_hu * share)
            if p.mode == "add"
            else replace(p, opacity=p.opacity * share)
            for p in finding.parts
        )
        contrast = finding.contrast_hu * share
        attenuation = finding.attenuation_hu - finding.contrast_hu + contrast
        return replace(finding, parts=parts, attenuation_hu=attenuation, contrast_hu=contrast)


AS_THE_KIND = Difficulty(lookalikes=True)
"""Findings as their kind has them, and lookalikes among the cases without."""

DETECTION = {
    "solid nodule": Difficulty(diameter_mm=(4.0, 8.0), share=(0.15, 0.45)),
    "part-solid nodule": Difficulty(diameter_mm=(8.0, 14.0), share=(0.1, 0.35)),
    "ground-glass nodule": Difficulty(diameter_mm=(6.0, 12.0), share=(0.4, 0.8)),
    "hypodense liver lesion": Difficulty(diameter_mm=(20.0, 35.0)),
    "hyperdense liver lesion": Difficulty(diameter_mm=(20.0, 35.0)),
    "intraparenchymal haemorrhage": Difficulty(diameter_mm=(8.0, 16.0), share=(0.35, 0.75)),
    "kidney stone": Difficulty(diameter_mm=(2.0, 5.0), share=(0.6, 1.0)),
}
"""By finding: what keeps a channelised Hotelling observer, told the place, between an AUC of 0.80 and 0.97 where it
reads FBP of all views at the task's own flux."""


def detection_difficulty(finding: str) -> Difficulty:
    """Return the difficulty of a finding as a detection task has it; of other findings the plain one."""
    return DETECTION.get(finding, Difficulty())
