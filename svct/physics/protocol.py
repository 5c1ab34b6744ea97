"""A protocol: all that a user sets on a scanner, in one TOML file."""

import json
import math
import os
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np

from svct.errors import DataFileError, InputError, SvctError, unknown_name
from svct.geometry.cone import ConeBeam
from svct.geometry.fan import FanBeam
from svct.geometry.helical import Helical
from svct.geometry.parallel import ParallelBeam
from svct.geometry.scan import Scan
from svct.physics.beam import Beam, Bowtie, half_cone_deg, heel_beam, water_bowtie
from svct.physics.dose import DoseCoefficient
from svct.physics.exposure import window_of
from svct.physics.spectrum import monochromatic, tube_spectrum

SCHEMA_NAME = "svct.protocol/1"
"""What a protocol file names in its `schema` field."""

ENERGY_BINS = 32
"""Energy bins of a tube's spectrum where the protocol names none."""


@dataclass(frozen=True)
class Protocol:
    """Scanner geometry, spectrum, exposure and dose coefficient.

    Args:
        values: The content of the file, which follows `json_schema`.

    Raises:
        InputError: It does not follow the schema; the message says where.

    Example:
        >>> load_protocol("clinical-chest").scan().detector_shape
        (900,)
    """

    values: dict[str, Any] = field(hash=False, repr=False)

    def __post_init__(self) -> None:
        from jsonschema import Draft202012Validator  # slow to import, and needed only where a protocol is made
        from jsonschema.exceptions import best_match

        error = best_match(Draft202012Validator(json_schema()).iter_errors(self.values))
        if error is not None:
            where = "/".join(str(part) for part in error.absolute_path) or "top level"
            raise InputError(f"does not follow the schema {SCHEMA_NAME} at {where}: {error.message}")

    def __repr__(self) -> str:
        return f"Protocol({self.name!r})"

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.values["name"])

    @property
    def pitch(self) -> float:
        """Feed per turn over the collimated width at the axis; 1 for scans on a circle."""
        return float(self.values["scan"].get("pitch", 1.0))

    @property
    def views_per_rotation(self) -> int:
        """Views of a whole turn."""
        return int(self.values["scan"]["views_per_rotation"])

    @property
    def rotation_s(self) -> float:
        """Seconds of a turn; 1 where the protocol does not say."""
        return float(self._exposure.get("rotation_s", 1.0))

    @property
    def mas_per_view(self) -> float:
        """Mean load of a view, mAs."""
        return float(self._exposure["mas_per_rotation"]) / self.views_per_rotation

    @property
    def modulation(self) -> dict[str, Any]:
        """Exponents and limits for `svct.physics.modulation.modulated_loads`; empty for a constant load."""
        chosen = {name: self._exposure[name] for name in ("angular", "z") if self._exposure.get(name)}
        limits = self._exposure.get("range")
        return {"angular": 0.0, **chosen, **({"limits": tuple(limits)} if limits else {})} if chosen else {}

    @property
    def relative_load(self) -> tuple[float, ...] | None:
        """Arbitrary loads, one per view, or none."""
        given = self._exposure.get("relative_load")
        return None if given is None else tuple(float(load) for load in given)

    @property
    def window_rad(self) -> float:
        """Angle that the gantry turns during the exposure of a view, radians."""
        return window_of(self.views_per_rotation, self._exposure.get("duty", 0.0))

    @property
    def focal_mm(self) -> tuple[float, float]:
        """Width and length of the focal spot as seen from the axis, mm."""
        width, length = (*self.values["source"].get("focal_mm", [0.0]), 0.0)[:2]
        return width, length if self.values["scan"]["kind"] in ("cone", "helical") else 0.0

    @property
    def dose_coefficient(self) -> DoseCoefficient | None:
        """The published dose per load, or none."""
        return DoseCoefficient(**self.values["dose"]) if "dose" in self.values else None

    @property
    def detector(self) -> dict[str, Any]:
        """Kind of the detector and what that takes; an integrating one without faults by default."""
        return dict(self.values.get("detector", {"kind": "integrating"}))

    @property
    def _exposure(self) -> dict[str, Any]:
        return dict(self.values["exposure"])

    @property
    def scatter(self) -> dict[str, Any] | None:
        """What `svct.physics.scatter.ForwardScatter` takes beside the detector's pitch; None for no scatter."""
        return dict(self.values["scatter"]) if "scatter" in self.values else None

    def scan(self, *, length_mm: float = 0.0) -> Scan:
        """Build the scan with all its views.

        Args:
            length_mm: Length of the volume along z, which a helix covers with half a turn beyond each end; scans on a
                circle take none.

        Raises:
            InputError: A size that the geometry needs is missing or impossible.
        """
        given = self.values["scan"]
        kind, count = given["kind"], self.views_per_rotation
        shared = {name: given[name] for name in ("bins", "bin_mm", "offset_mm") if name in given}
        try:
            if kind == "parallel":
                extra = {name: given[name] for name in ("rows", "row_mm") if name in given and "rows" in given}
                return ParallelBeam(self._circle(180.0), **shared, **extra)
            shared |= {name: given[name] for name in ("source_mm", "detector_mm")}
            shared |= {"curved": given.get("curved", False)}
            if kind == "fan":
                return FanBeam(self._circle(360.0), **shared)
            shared |= {name: given[name] for name in ("rows", "row_mm")}
            if kind == "cone":
                return ConeBeam(self._circle(360.0), **shared)
            width = given["rows"] * given["row_mm"] * given["source_mm"] / (given["source_mm"] + given["detector_mm"])
            feed = self.pitch * width
            turns = length_mm / feed + 1
            angles = (np.arange(math.ceil(turns * count)) - (math.ceil(turns * count) - 1) / 2) * 2 * math.pi / count
            return Helical(angles, **shared, pitch_mm=feed)
        except KeyError as error:
            raise InputError(f"{self.name}: expected scan/{error.args[0]} for a {kind} scan, got none") from error

    def beam(self, scan: Scan) -> Beam:
        """Build the beam of a scan of this protocol.

        Raises:
            InputError: A voltage outside the tube's model, or a fan wider than the bowtie.
            BackendUnavailable: A tube's spectrum without the package that computes it.
        """
        source, row_mm = self.values["source"], float(self.values["scan"].get("row_mm", 1.0))
        bowtie = self._bowtie()
        if "kev" in source:
            beam = Beam(monochromatic(source["kev"], source["photons_per_mm2"]), bowtie=bowtie, row_mm=row_mm)
        else:
            tube = {"anode_deg": source.get("anode_deg", 12.0), "filters": source.get("filters_mm", {})}
            count = source.get("bins", ENERGY_BINS)
            if source.get("heel") and scan.ndim == 3:
                beam = heel_beam(source["kvp"], half_cone_deg=half_cone_deg(scan), bins=count, bowtie=bowtie, **tube)
            else:
                spectrum = tube_spectrum(source["kvp"], **tube).rebinned(count)
                beam = Beam(spectrum, bowtie=bowtie, row_mm=row_mm)
        return beam

    def _circle(self, default_deg: float) -> tuple[float, ...]:
        arc = math.radians(self.values["scan"].get("arc_deg", default_deg))
        step = 2 * math.pi / self.views_per_rotation
        return tuple((np.arange(max(1, round(arc / step))) * step).tolist())

    def _bowtie(self) -> Bowtie | None:
        given = self.values["source"].get("bowtie")
        if given is None:
            return None
        of = given.get("material", "aluminium")
        if "fan_deg" in given:
            return Bowtie(given["fan_deg"], given.get("thickness_mm", ()), of)
        missing = [name for name in ("water_mm", "half_fan_deg") if name not in given]
        if missing:
            raise InputError(f"{self.name}: expected source/bowtie/{missing[0]} or a table of fan_deg, got neither")
        return water_bowtie(
            given["water_mm"],
            source_mm=self.values["scan"]["source_mm"],
            half_fan_deg=given["half_fan_deg"],
            of=of,
            base_mm=given.get("base_mm", 1.0),
        )


@cache
def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) that every protocol follows."""
    schema: dict[str, Any] = json.loads((files("svct.physics") / "protocol.schema.json").read_text(encoding="utf-8"))
    return schema


def protocol_names() -> list[str]:
    """Return the names of the protocols that come with svct."""
    folder = files("svct.physics") / "protocols"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_protocol(name: str | os.PathLike[str]) -> Protocol:
    """Load a protocol from a TOML file, or one that comes with svct by its name, with ``.toml`` or without.

    Args:
        name: A path, or a name; a file of that name in the working folder comes first.

    Raises:
        UnknownNameError: No such protocol; the message lists those that exist.
        DataFileError: The file cannot be read or is not TOML.
        InputError: It does not follow the schema.
    """
    text = os.fspath(name)
    path: Path | Traversable = Path(text)
    if not path.is_file():
        known, stem = protocol_names(), text.removesuffix(".toml")
        if stem not in known:
            if text.endswith(".toml") and Path(text).parent != Path():
                raise DataFileError(f"{text}: expected a protocol in TOML, found no file; check the path")
            raise unknown_name("protocol", stem, known)
        path = files("svct.physics") / "protocols" / f"{stem}.toml"
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataFileError(f"{text}: expected a protocol in TOML, cannot be read ({error})") from error
    try:
        return Protocol(values)
    except SvctError as error:
        raise type(error)(f"{text}: {error}") from error
