"""What a finding is: its shape in mm, what it does to the CT numbers, and what a reader would report."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from svct.errors import InputError
from svct.tasks.findings.outline import Outline, turned

Mode = Literal["mix", "fill", "add"]
Role = Literal["sign", "beside", "setting"]
SIDES = ("right", "left", "middle")
SEVERITIES = ("mild", "moderate", "severe")
CERTAINTIES = ("possible", "probable", "definite")
DERIVED = ("centre_mm", "size_mm", "box_mm")
"""Fields of a finding's JSON that follow from its outlines."""


@dataclass(frozen=True)
class Part:
    """One piece of a finding.

    Args:
        outlines: Closed outlines, mm, world coordinates; one within another is a hole.
        hu: CT number of the tissue that comes in, HU; with mode ``"add"`` what is added.
        opacity: How much of what was there it displaces, above 0 to 1.
        mode: ``"mix"`` replaces what was there; ``"fill"`` does so where it is less dense; ``"add"`` adds.
        soft_mm: Standard deviation of the blur of its edge, mm.
        role: ``"sign"`` is the finding itself; ``"beside"`` comes with it but is not counted to it, such as oedema;
            ``"setting"`` is there in cases without the finding too, such as the contrast medium around an embolus.
        ripple_hu: Standard deviation of its texture, HU.
        ripple_mm: Wavelength of its texture, mm.
        seed: Seed of its texture.

    Raises:
        InputError: No outline, an outline of fewer than three points, or an impossible value.
    """

    outlines: tuple[Outline, ...]
    hu: float
    opacity: float = 1.0
    mode: Mode = "mix"
    soft_mm: float = 0.0
    role: Role = "sign"
    ripple_hu: float = 0.0
    ripple_mm: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.outlines or min(map(len, self.outlines)) < 3:
            raise InputError("Part outlines: expected closed outlines of 3 points or more, got fewer")
        if not all(map(math.isfinite, (self.hu, self.soft_mm, self.ripple_hu, self.ripple_mm))):
            raise InputError("Part: expected finite numbers, got NaN or infinity")
        if not (0 < self.opacity <= 1 and self.soft_mm >= 0 and self.ripple_hu >= 0 and self.ripple_mm > 0):
            raise InputError(
                "Part: expected 0 < opacity <= 1, soft_mm >= 0, ripple_hu >= 0 and ripple_mm > 0, got "
                f"{self.opacity}, {self.soft_mm}, {self.ripple_hu} and {self.ripple_mm}"
            )
        if self.mode not in get_args(Mode) or self.role not in get_args(Role):
            raise InputError(
                f"Part: expected mode {', '.join(get_args(Mode))} and role {', '.join(get_args(Role))}, got "
                f"{self.mode!r} and {self.role!r}"
            )


@dataclass(frozen=True)
class Finding:
    """A finding, free of any grid.

    Args:
        type: Registered name, such as ``"solid nodule"``.
        organ: Where it lies, in words.
        side: ``"right"``, ``"left"`` or ``"middle"``, the patient's own.
        parts: Its pieces in the order they are put in; the first ``"sign"`` encloses all others of that role.
        attenuation_hu: Mean CT number of its signs, HU: as proposed, against the organ's usual tissue; once inserted,
            as it came out.
        contrast_hu: The same less what was there before, HU.
        texture: In a word, such as ``"ground-glass"``.
        severity: ``"mild"``, ``"moderate"`` or ``"severe"``: by size among those of its type.
        certainty: ``"possible"``, ``"probable"`` or ``"definite"``: how clearly it would show without noise, by size
            and contrast among those of its type. The truth itself is certain.
        turn_rad: How far it was turned with its patient, radians.

    Raises:
        InputError: No part is a sign, a number is not finite, or a word is not one of those above.
    """

    type: str
    organ: str
    side: str
    parts: tuple[Part, ...]
    attenuation_hu: float
    contrast_hu: float
    texture: str
    severity: str
    certainty: str
    turn_rad: float = 0.0

    def __post_init__(self) -> None:
        if not any(part.role == "sign" for part in self.parts):
            raise InputError(f"Finding {self.type!r}: expected at least one part with role 'sign', got none")
        if not all(map(math.isfinite, (self.attenuation_hu, self.contrast_hu, self.turn_rad))):
            raise InputError(f"Finding {self.type!r}: expected finite numbers, got NaN or infinity")
        for name, words in (("side", SIDES), ("severity", SEVERITIES), ("certainty", CERTAINTIES)):
            if getattr(self, name) not in words:
                raise InputError(
                    f"Finding {self.type!r} {name}: expected {', '.join(words)}, got {getattr(self, name)!r}"
                )

    @property
    def outlines(self) -> tuple[Outline, ...]:
        """The outlines of the finding itself, mm."""
        return next(part.outlines for part in self.parts if part.role == "sign")

    @property
    def centre_mm(self) -> tuple[float, float]:
        """Centroid ``(x, y)`` of the area that the outlines enclose, mm."""
        area, moment = 0.0, np.zeros(2)
        for outline in self.outlines:
            p = np.array(outline) - self.outlines[0][0]
            q = np.roll(p, -1, axis=0)
            cross = p[:, 0] * q[:, 1] - q[:, 0] * p[:, 1]
            area += cross.sum() / 2
            moment += ((p + q) * cross[:, None]).sum(0) / 6
        x, y = moment / area + self.outlines[0][0]
        return round(float(x), 3), round(float(y), 3)

    @property
    def size_mm(self) -> tuple[float, float]:
        """Longest diameter and the extent across it, mm."""
        points = np.concatenate([np.array(o) for o in self.outlines])
        step = points[np.unique(np.argmax(points @ _FAN, axis=0))]
        between = step[:, None] - step[None]
        i, j = np.unravel_index(int(np.argmax(np.hypot(*between.T).T)), (len(step), len(step)))
        long = math.hypot(*between[i, j])
        across = points @ (np.array([-between[i, j][1], between[i, j][0]]) / max(long, 1e-9))
        return round(long, 3), round(float(across.max() - across.min()), 3)

    @property
    def box_mm(self) -> tuple[float, float, float, float]:
        """Smallest x, smallest y, largest x and largest y, mm."""
        points = np.concatenate([np.array(o) for o in self.outlines])
        (x0, y0), (x1, y1) = points.min(0), points.max(0)
        return float(x0), float(y0), float(x1), float(y1)

    def turned(self, rotation_deg: float, *, about: tuple[float, float] = (0.0, 0.0)) -> "Finding":
        """Return the finding in a patient who is turned about a point, anticlockwise with y up.

        Args:
            rotation_deg: Degrees.
            about: The point, mm: the grid's centre, as `Cohort.patient` has it.
        """
        angle = math.radians(rotation_deg)
        parts = tuple(replace(p, outlines=tuple(turned(o, angle, about) for o in p.outlines)) for p in self.parts)
        return replace(self, parts=parts, turn_rad=self.turn_rad + angle)

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as plain data."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "parts"}
        values |= {name: list(getattr(self, name)) for name in DERIVED}
        parts = [
            {
                **{name: getattr(p, name) for name in p.__dataclass_fields__},
                "outlines": [list(map(list, o)) for o in p.outlines],
            }
            for p in self.parts
        ]
        return {**values, "parts": parts}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Finding":
        """Build a finding from what `to_dict` gave.

        Raises:
            InputError: A field is missing, unknown or impossible, or centre, size and box do not fit the outlines.
        """
        given = {name: value for name, value in values.items() if name not in DERIVED}
        try:
            parts = tuple(
                Part(**{**part, "outlines": tuple(tuple((x, y) for x, y in o) for o in part["outlines"])})
                for part in given.pop("parts")
            )
            finding = cls(parts=parts, **given)
        except (TypeError, KeyError, ValueError) as error:
            raise InputError(f"finding: expected the fields of svct.case/1, got others ({error})") from error
        for name in DERIVED:
            if list(values.get(name, ())) != list(getattr(finding, name)):
                raise InputError(
                    f"finding {name}: expected {list(getattr(finding, name))}, which the outlines give, got "
                    f"{values.get(name)}; the file was edited"
                )
        return finding


_FAN = np.stack([np.cos(np.arange(128) * np.pi / 64), np.sin(np.arange(128) * np.pi / 64)])
"""Directions in which the outermost points are looked for, to find the longest diameter quickly."""
