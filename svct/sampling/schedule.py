"""The schedule: which views a task takes, in which order, and what that gains."""

import json
import math
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
    finite_number,
    plain_dict,
    positive_count,
    require_text,
)
from svct.sampling.columns import COLUMNS, MODES, bounded_number, check_column, read_columns
from svct.sampling.document import SCHEMA_NAME, canonical_bytes, content_hash, parse_document
from svct.sampling.dose import Dose, settle_loads
from svct.sampling.gain import Gain

__all__ = ["INTENT", "Dose", "Gain", "HasAngles", "Schedule"]

INTENT = "SIMULATION_ONLY"
"""What a schedule is for: research and simulation, not clinical use."""

OPTIONAL = (
    "mode", "repeat", "device_profile", "schedule_id", "parent_sha256", "reviewed_by", "checks", "signature"
)  # fmt: skip
"""Fields of a file that are left out where they state nothing, so that older files keep their hash."""


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

    Darks and flats are frames like the projections, in their place in the order. What is optional per frame
    is a tuple of one value per frame, empty where nothing is stated. Of mAs, mA and ms two give the third;
    relative loads and a `dose` give the mAs; mAs alone give the relative loads.

    Args:
        angles_deg: Angles of all frames in acquisition order, degrees; no two projections alike modulo 360 at
            the same `secondary_deg` and `z_mm`.
        geometry: The scan without its angles as plain JSON, at least its ``"kind"``; lengths in mm.
        task: Name of the task that the views were chosen for.
        budget: Number of projections; the length of `angles_deg` where there are no darks and flats.
        candidates: Number of views there were to choose from.
        method: How the views were chosen, such as ``"learned"`` or ``"equidistant"``.
        relative_load: Tube load per frame over the mean load of the projections: positive with mean 1 over
            these, 0 in darks. Default: what the mAs say, or else 1 in all but darks.
        provenance: Version, seeds, hashes of data, weights and configuration, ``created_utc``; plain JSON.
        gain: The measured gain, or None where it was not measured.
        mode: How the axis moves: ``"step"``, ``"fly"``, ``"rotating"``, or None where it is left open.
        exposure_mAs: Tube load per frame, mAs.
        tube_current_mA: Tube current per frame, mA.
        exposure_ms: Exposure time per frame, ms.
        kvp: Tube voltage per frame, kV.
        slot: Trigger slot within its rotation per frame, from 0.
        rotation: Which rotation per frame, from 0.
        frame: ``"projection"``, ``"dark"`` or ``"flat"`` per frame. Default: projections.
        secondary_deg: Second angle per frame of a C-arm, degrees.
        z_mm: Table position per frame, mm.
        t_offset_s: Start per frame after the first one's start, s.
        repeat: Whether two projections may share an angle.
        dose: Tube load and dose of all projections, or None.
        device_profile: ``{"id": ..., "sha256": ...}`` of the device that the schedule was fitted to, or None.
        schedule_id: A name of its own, such as a UUID, or None.
        parent_sha256: Hash of the schedule that this one was made from, or None.
        reviewed_by: Who released it for a device, or None.
        checks: Results of checks that were made, plain JSON.
        signature: What `svct.sampling.sign` made of the content; no part of the content itself.

    Raises:
        InputError: A value is not finite, the counts or loads disagree, or a view occurs twice.

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
    mode: str | None = None
    exposure_mAs: tuple[float, ...] = ()  # noqa: N815  (mAs is the unit)
    tube_current_mA: tuple[float, ...] = ()  # noqa: N815
    exposure_ms: tuple[float, ...] = ()
    kvp: tuple[float, ...] = ()
    slot: tuple[int, ...] = ()
    rotation: tuple[int, ...] = ()
    frame: tuple[str, ...] = ()
    secondary_deg: tuple[float, ...] = ()
    z_mm: tuple[float, ...] = ()
    t_offset_s: tuple[float, ...] = ()
    repeat: bool = False
    dose: Dose | None = None
    device_profile: dict[str, str] | None = field(default=None, hash=False)
    schedule_id: str | None = None
    parent_sha256: str | None = None
    reviewed_by: str | None = None
    checks: tuple[dict[str, Any], ...] = field(default=(), hash=False)
    signature: dict[str, str] | None = field(default=None, hash=False, compare=False)

    def __post_init__(self) -> None:
        angles = tuple(bounded_number(angle, f"angle of view {i}") for i, angle in enumerate(self.angles_deg))
        object.__setattr__(self, "angles_deg", angles)
        object.__setattr__(self, "budget", positive_count(self.budget, "budget"))
        object.__setattr__(self, "candidates", positive_count(self.candidates, "candidates"))
        object.__setattr__(self, "geometry", plain_dict(self.geometry, "geometry"))
        object.__setattr__(self, "provenance", plain_dict(self.provenance, "provenance"))
        object.__setattr__(self, "checks", tuple(plain_dict(check, "checks") for check in self.checks))
        if not self.frame:
            object.__setattr__(self, "frame", ("projection",) * len(angles))
        for name in COLUMNS:
            object.__setattr__(self, name, check_column(name, getattr(self, name), len(angles)))
        require_text(self.task, "task")
        require_text(self.method, "method")
        require_text(self.geometry.get("kind"), "geometry kind")
        for name in ("schedule_id", "parent_sha256", "reviewed_by"):
            if getattr(self, name) is not None:
                require_text(getattr(self, name), name)
        if self.device_profile is not None:
            profile = plain_dict(self.device_profile, "device_profile")
            object.__setattr__(self, "device_profile", profile)
            if set(profile) != {"id", "sha256"}:
                raise InputError(f"device_profile: expected the fields id and sha256, got {sorted(profile)}")
        if self.mode is not None and self.mode not in MODES:
            raise InputError(f"mode: expected one of {', '.join(MODES)} or None, got {self.mode!r}")
        projections = self.projections
        check_counts(len(projections), self.budget, self.candidates)
        loads = settle_loads(
            tuple(finite_number(load, f"relative_load of view {i}") for i, load in enumerate(self.relative_load)),
            (self.exposure_mAs, self.tube_current_mA, self.exposure_ms),
            frame=self.frame,
            total_mAs=None if self.dose is None else self.dose.total_mAs,
        )
        for name, values in zip(
            ("relative_load", "exposure_mAs", "tube_current_mA", "exposure_ms"), loads, strict=True
        ):
            object.__setattr__(self, name, values)
        if not self.repeat:
            places = [(self._at("secondary_deg", i), self._at("z_mm", i)) for i in projections]
            check_distinct([angles[i] for i in projections], places, projections)
        listed = [name for name in ("angles", "angles_deg") if name in self.geometry]
        if listed:
            raise InputError(f"geometry: expected the scan without its angles, got a field {listed[0]!r}; leave it out")

    @property
    def projections(self) -> tuple[int, ...]:
        """Places of the projections among all frames, in acquisition order."""
        return tuple(i for i, kind in enumerate(self.frame) if kind == "projection")

    @property
    def total_mAs(self) -> float | None:  # noqa: N802  (mAs is the unit)
        """Sum of the projections' tube loads, mAs, or None where no load is stated."""
        return math.fsum(self.exposure_mAs[i] for i in self.projections) if self.exposure_mAs else None

    @property
    def views(self) -> tuple[dict[str, Any], ...]:
        """One dictionary per frame in acquisition order, with what is stated of it, as the file has it."""
        stated = [name for name in COLUMNS if getattr(self, name)]
        if len(self.projections) == len(self.frame):
            stated.remove("frame")
        return tuple(
            {"i": i, "angle_deg": angle, "relative_load": load, **{name: getattr(self, name)[i] for name in stated}}
            for i, (angle, load) in enumerate(zip(self.angles_deg, self.relative_load, strict=True))
        )

    def _at(self, name: str, frame: int) -> Any:
        """Return one frame's value of an optional column, or None."""
        column = getattr(self, name)
        return column[frame] if column else None

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
        document = {**content, "sha256": content_hash(content)}
        if self.signature is not None:
            document["signature"] = self.signature
        return json.dumps(document, indent=2, allow_nan=False) + "\n"

    @property
    def canonical_bytes(self) -> bytes:
        """The bytes that hash and signature are taken over."""
        return canonical_bytes(self._content())

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
            dose=Dose(**document["dose"]) if "dose" in document else None,
            **read_columns(views),
            checks=tuple(document.get("checks", ())),
            **{name: document[name] for name in OPTIONAL if name in document and name != "checks"},
        )
        if document["angle"] != schedule.angle_convention:
            raise InputError(
                f"angle: expected {schedule.angle_convention} for a {schedule.geometry['kind']} geometry, "
                f"got {document['angle']}; convert the angles to this convention"
            )
        if document["sha256"] == content_hash(document) != schedule.sha256:
            raise InputError(
                "content is not in canonical form: expected angles and amounts as floats such as 90.0, whole numbers "
                "without a point, and nothing that states nothing (frame where all are projections, false, empty lists)"
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
        """Find the schedule's projections among a scan's candidate angles.

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
        angles = [self.angles_deg[i] for i in self.projections]
        distances = angular_distance_deg(np.array(angles)[:, None], candidates[None, :])
        indices: list[int] = distances.argmin(axis=1).tolist()
        for i, (angle, index) in enumerate(zip(angles, indices, strict=True)):
            if distances[i, index] > tolerance_deg:
                raise InputError(
                    f"view {i} at {angle:g} deg: expected a candidate of the scan within {tolerance_deg:g} deg, got "
                    f"{candidates[index]:g} deg as the nearest, {distances[i, index]:.3g} deg away; "
                    "use the scan that the schedule was made for"
                )
            if index in indices[:i] and not self.repeat:
                raise InputError(
                    f"views {indices.index(index)} and {i}: expected different candidates, got {candidates[index]:g} "
                    "deg for both; the scan is too coarse for this schedule"
                )
        return indices

    def _content(self) -> dict[str, Any]:
        content = {
            "schema": SCHEMA_NAME,
            "intent": INTENT,
            "task": self.task,
            "method": self.method,
            "budget": self.budget,
            "candidates": self.candidates,
            "geometry": self.geometry,
            "angle": self.angle_convention,
            "views": list(self.views),
            "gain": None if self.gain is None else asdict(self.gain),
            "provenance": self.provenance,
        }
        if self.dose is not None:
            content["dose"] = {name: value for name, value in asdict(self.dose).items() if value is not None}
        for name in OPTIONAL:
            value = getattr(self, name)
            if name != "signature" and value not in (None, False, ()):
                content[name] = list(value) if isinstance(value, tuple) else value
        return content
