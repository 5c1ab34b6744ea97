"""The schedule: which views a task takes, in which order, and what that gains."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from svct.errors import DataFileError, InputError, SvctError
from svct.files import atomic_path, system_reason
from svct.sampling.checks import (
    angular_distance_deg,
    check_counts,
    check_distinct,
    check_loads,
    finite_number,
    plain_dict,
    positive_count,
    require_text,
)
from svct.sampling.document import SCHEMA_NAME, content_hash, parse_document
from svct.sampling.gain import Gain

__all__ = ["INTENT", "Gain", "HasAngles", "Schedule"]

INTENT = "SIMULATION_ONLY"
"""What a schedule is for: research and simulation, not clinical use."""


@runtime_checkable
class HasAngles(Protocol):
    """Anything with candidate `angles` in radians: a scan geometry, for one."""

    @property
    def angles(self) -> Any:
        """Angles in radians, any sequence or array."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Views in acquisition order, with their loads, geometry, origin and measured gain.

    Angles follow ASTRA: seen with x to the right and y up they grow counter-clockwise, and at angle t the
    detector's bin axis is (cos t, sin t). In parallel beam the rays travel along (sin t, -cos t); in fan
    and cone beam the source stands at ``source_mm * (sin t, -cos t)``.

    Args:
        angles_deg: Angles in acquisition order, degrees; no two alike modulo 360.
        geometry: The scan without its angles as plain JSON, at least its ``"kind"``; lengths in mm.
        task: Name of the task that the views were chosen for.
        budget: Number of views; the length of `angles_deg`.
        candidates: Number of views there were to choose from.
        method: How the views were chosen, such as ``"learned"`` or ``"equidistant"``.
        relative_load: Tube load per view over the mean load, positive, mean 1. Default: 1 for every view.
        provenance: Version, seeds, hashes of data, weights and configuration, ``created_utc``; plain JSON.
        gain: The measured gain, or None where it was not measured.

    Raises:
        InputError: A value is not finite, the counts disagree, or a view occurs twice.

    Example:
        >>> schedule = Schedule(angles_deg=(0.0, 90.0), geometry={"kind": "parallel"}, task="chest",
        ...                     budget=2, candidates=180, method="equidistant")
        >>> schedule.relative_load
        (1.0, 1.0)
        >>> Schedule.from_json(schedule.to_json()) == schedule
        True
    """

    angles_deg: tuple[float, ...]
    geometry: dict[str, Any] = field(hash=False)
    task: str
    budget: int
    candidates: int
    method: str
    relative_load: tuple[float, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict, hash=False)
    gain: Gain | None = None

    def __post_init__(self) -> None:
        angles = tuple(finite_number(angle, f"angle of view {i}") for i, angle in enumerate(self.angles_deg))
        loads = tuple(finite_number(load, f"relative_load of view {i}") for i, load in enumerate(self.relative_load))
        loads = loads or (1.0,) * len(angles)
        object.__setattr__(self, "angles_deg", angles)
        object.__setattr__(self, "relative_load", loads)
        object.__setattr__(self, "budget", positive_count(self.budget, "budget"))
        object.__setattr__(self, "candidates", positive_count(self.candidates, "candidates"))
        object.__setattr__(self, "geometry", plain_dict(self.geometry, "geometry"))
        object.__setattr__(self, "provenance", plain_dict(self.provenance, "provenance"))
        require_text(self.task, "task")
        require_text(self.method, "method")
        require_text(self.geometry.get("kind"), "geometry kind")
        check_counts(len(angles), self.budget, self.candidates)
        check_loads(loads, len(angles))
        check_distinct(angles)
        listed = [name for name in ("angles", "angles_deg") if name in self.geometry]
        if listed:
            raise InputError(f"geometry: expected the scan without its angles, got a field {listed[0]!r}; leave it out")

    @property
    def sha256(self) -> str:
        """SHA-256 of the canonical content, 64 hexadecimal digits; the same for equal schedules."""
        return content_hash(self._content())

    @property
    def angle_convention(self) -> dict[str, str]:
        """What the angles mean, as the file states it.

        `zero` is the side of the axis on which the source stands at angle 0: +y in parallel beam, whose
        rays then travel along -y, and -y in every geometry with a point source.
        """
        zero = "+y" if self.geometry["kind"] == "parallel" else "-y"
        return {"unit": "deg", "reference": "source", "zero": zero, "sense": "CCW_from_+z", "bin_axis": "+x"}

    def to_json(self) -> str:
        """Return the schedule as the text of a schedule file, with its hash."""
        content = self._content()
        return json.dumps({**content, "sha256": content_hash(content)}, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Schedule":
        """Read a schedule from the text of a schedule file.

        Args:
            text: JSON that follows the published schema.

        Raises:
            DataFileError: The text is empty, truncated or not JSON.
            InputError: It is not a schedule, holds impossible values, or does not match its hash.
        """
        document = parse_document(text)
        views = document["views"]
        if [view["i"] for view in views] != list(range(len(views))):
            raise InputError("views: expected i to count 0, 1, 2, ... in acquisition order; write the schedule again")
        schedule = cls(
            angles_deg=tuple(view["angle_deg"] for view in views),
            relative_load=tuple(view["relative_load"] for view in views),
            geometry=document["geometry"],
            task=document["task"],
            budget=document["budget"],
            candidates=document["candidates"],
            method=document["method"],
            provenance=document["provenance"],
            gain=None if document["gain"] is None else Gain(**document["gain"]),
        )
        if document["angle"] != schedule.angle_convention:
            raise InputError(
                f"angle: expected {schedule.angle_convention} for a {schedule.geometry['kind']} geometry, "
                f"got {document['angle']}; convert the angles to this convention"
            )
        if document["sha256"] != schedule.sha256:
            raise InputError(
                f"content does not match its hash: expected sha256 {document['sha256'][:12]}..., got "
                f"{schedule.sha256[:12]}...; the file was changed after it was written: take the original again, or "
                "build a new Schedule from the changed values and save it"
            )
        return schedule

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> Path:
        """Write the schedule file; it appears complete or not at all.

        Args:
            path: Where to write.
            overwrite: Replace a file that is already there.

        Returns:
            The path written.

        Raises:
            OutputExistsError: The file exists and `overwrite` is false.
            DataFileError: The file cannot be written.
        """
        with atomic_path(path, overwrite=overwrite) as partial:
            partial.write_text(self.to_json(), encoding="ascii")
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Schedule":
        """Read and check a schedule file.

        Args:
            path: A file that `save` wrote.

        Raises:
            DataFileError: The file is missing, unreadable, empty or truncated.
            InputError: It is not a schedule, holds impossible values, or does not match its hash.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise DataFileError(
                f"{path}: expected a schedule file, found none; svct learn-sampling writes one"
            ) from error
        except UnicodeDecodeError as error:
            raise DataFileError(
                f"{path}: expected a schedule file in JSON, got one that is not text; name the schedule.json of a run"
            ) from error
        except OSError as error:
            raise DataFileError(
                f"{path}: expected a schedule file in JSON, could not be read ({system_reason(error)}); name the "
                "schedule.json of a run"
            ) from error
        try:
            return cls.from_json(text)
        except SvctError as error:
            raise type(error)(f"{path}: {error}") from error

    def view_indices(self, scan: HasAngles, tolerance_deg: float = 0.01) -> list[int]:
        """Find the schedule's views among a scan's candidate angles.

        Args:
            scan: The scan with all candidates: anything with `angles` in radians.
            tolerance_deg: How far, modulo 360, a candidate may lie from its view, degrees.

        Returns:
            Indices into ``scan.angles`` in acquisition order.

        Raises:
            InputError: A view is not among the candidates, or two views fall on the same candidate.
        """
        candidates = np.rad2deg(np.asarray(scan.angles, dtype=np.float64).reshape(-1))
        if candidates.size == 0 or not np.isfinite(candidates).all():
            raise InputError("scan angles: expected at least one, all finite, in radians")
        distances = angular_distance_deg(np.array(self.angles_deg)[:, None], candidates[None, :])
        indices: list[int] = distances.argmin(axis=1).tolist()
        for i, (angle, index) in enumerate(zip(self.angles_deg, indices, strict=True)):
            if distances[i, index] > tolerance_deg:
                raise InputError(
                    f"view {i} at {angle:g} deg: expected a candidate of the scan within {tolerance_deg:g} deg, got "
                    f"{candidates[index]:g} deg as the nearest, {distances[i, index]:.3g} deg away; "
                    "use the scan that the schedule was made for"
                )
            if index in indices[:i]:
                raise InputError(
                    f"views {indices.index(index)} and {i}: expected different candidates, got {candidates[index]:g} "
                    "deg for both; the scan is too coarse for this schedule"
                )
        return indices

    def _content(self) -> dict[str, Any]:
        views = [
            {"i": i, "angle_deg": angle, "relative_load": load}
            for i, (angle, load) in enumerate(zip(self.angles_deg, self.relative_load, strict=True))
        ]
        return {
            "schema": SCHEMA_NAME,
            "intent": INTENT,
            "task": self.task,
            "method": self.method,
            "budget": self.budget,
            "candidates": self.candidates,
            "geometry": self.geometry,
            "angle": self.angle_convention,
            "views": views,
            "gain": None if self.gain is None else asdict(self.gain),
            "provenance": self.provenance,
        }
