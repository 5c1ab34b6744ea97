"""A scan by a protocol, part by part: expected photons, readings, log data, dose."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError, unknown_name
from svct.geometry.grid import Grid
from svct.geometry.projector import Projector
from svct.geometry.scan import Scan
from svct.physics.beam import Beam
from svct.physics.chain import Detector, IdealCounter, IdealIntegrator, Scatter
from svct.physics.converter import Converter
from svct.physics.counting import PhotonCounting
from svct.physics.dose import absorbed_energy_mj
from svct.physics.exposure import spread
from svct.physics.integrating import EnergyIntegrating
from svct.physics.lag import Lag
from svct.physics.logarithm import log_data
from svct.physics.materials import Material, material
from svct.physics.modulation import modulated_loads
from svct.physics.motion import Motion
from svct.physics.moving import project_all_moving
from svct.physics.poly import PolychromaticModel, Project, check_loads
from svct.physics.protocol import Protocol
from svct.physics.quanta import Efficiency
from svct.physics.scatter import ForwardScatter
from svct.physics.slabs import LINES, Slabs
from svct.physics.tissue import REFERENCE_KEV, TISSUES
from svct.physics.water import WaterCorrection, water_correction

TOGETHER = 2**23
"""Photon numbers, over energies and rays, that are held together."""

ROWS = 8
"""Detector rows that are calibrated together where the heel effect tells them apart."""

DETECTORS: dict[str, Any] = {
    "ideal-integrating": IdealIntegrator,
    "ideal-counting": IdealCounter,
    "integrating": EnergyIntegrating,
    "counting": PhotonCounting,
}
"""What the `kind` of a protocol's detector names; the other fields are its arguments."""

PARTS: dict[str, Any] = {"converter": Converter, "efficiency": Efficiency, "lag": Lag}
"""Arguments of a detector that a protocol gives as tables."""


def build_detector(values: dict[str, Any]) -> Detector:
    """Build the detector that a protocol describes.

    Args:
        values: Its ``kind``, and what that takes.

    Raises:
        UnknownNameError: No such kind.
        InputError: It does not take these values.

    Example:
        >>> build_detector({"kind": "ideal-counting"})
        IdealCounter()
    """
    kind = str(values.get("kind"))
    if kind not in DETECTORS:
        raise unknown_name("detector", kind, list(DETECTORS))
    given = _without_lists({name: value for name, value in values.items() if name != "kind"})
    try:
        for name, build in PARTS.items():
            if isinstance(given.get(name), dict):
                given[name] = build(**_without_lists(given[name]))
        detector: Detector = DETECTORS[kind](**given)
    except TypeError as error:
        raise InputError(f"detector: expected what a detector of kind {kind!r} takes ({error})") from error
    return detector


def _without_lists(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}


@dataclass(frozen=True, eq=False)
class Part:
    """Some views of a scan.

    Args:
        views: Which, in the order of the scan.
        signal: Readings, ``([row,] view, bin)``, in the detector's unit.
        y: Log data after the water correction, of the same shape: line integrals that are right for water.
        lines: Noise-free line integrals at 70 keV, of the middle of the spot and of the exposure.
        absorbed_mj: Energy that primary photons left in the object, mJ.
    """

    views: range
    signal: Float[Tensor, "*ray"]
    y: Float[Tensor, "*ray"]
    lines: Float[Tensor, "*ray"]
    absorbed_mj: float


@dataclass(frozen=True, eq=False)
class Simulator:
    """A protocol on one scan and grid; what does not depend on the object is computed once.

    Args:
        protocol: The protocol.
        scan: The views, those of ``protocol.scan(...)`` or others of the same kind.
        grid: The image grid.
        basis: Materials of the object.
        scatter: What adds scattered photons. Default: what the protocol says, else none.
        samples: Points per direction over which focal spot and rotation blur are spread, each a projection more; two
            have the width of the even spot.
        motions: What moves in the patient during the scan.
        times_s: When each view is taken, s; needed with `motions`, see `svct.physics.moving.rotation_times`.

    Raises:
        InputError: The detector has several energy channels, which one file of line integrals cannot hold; or motion
            without one time per view.

    Example:
        >>> from svct.physics.protocol import load_protocol
        >>> protocol = load_protocol("synchrotron")
        >>> protocol.beam(protocol.scan()).energies_kev.tolist()
        [25.0]
    """

    protocol: Protocol
    scan: Scan
    grid: Grid
    basis: Sequence[str | Material] = TISSUES
    scatter: Scatter | None = None
    samples: int = 2
    motions: Sequence[Motion] = ()
    times_s: Sequence[float] = ()
    detector: Detector = field(init=False)

    def __post_init__(self) -> None:
        if self.motions and len(self.times_s) != len(self.scan):
            raise InputError(f"times_s: expected one time per view, {len(self.scan)}, got {len(self.times_s)}")
        object.__setattr__(self, "detector", build_detector(self.protocol.detector))
        given = self.protocol.scatter
        if self.scatter is None and given is not None:
            sizes = self.protocol.values["scan"]
            row_mm = sizes.get("row_mm", sizes["bin_mm"]) if self.scan.ndim == 3 else None
            object.__setattr__(self, "scatter", ForwardScatter(bin_mm=sizes["bin_mm"], row_mm=row_mm, **given))

    @cached_property
    def beam(self) -> Beam:
        """Spectrum, bowtie and heel effect."""
        return self.protocol.beam(self.scan)

    @cached_property
    def air(self) -> Float[Tensor, " energy *ray"]:
        """Photons per mAs without an object, ``(energy, [row,] 1, bin)``, float32."""
        return self.beam.photons(self.scan).float()

    @cached_property
    def correction(self) -> WaterCorrection:
        """The water correction at the mean load of a view."""
        # One row stands for all unless the heel effect tells rows apart.
        colour = self.beam.colour(self.scan)
        level = float(self.air.double().sum(dim=0).mean() / colour.sum(dim=0).mean())
        # The views of a water table are thicknesses: they leave nothing in each other.
        calibrated = replace(self.detector, lag=None) if isinstance(self.detector, EnergyIntegrating) else self.detector
        empty = colour * level * self.protocol.mas_per_view
        longest = 1.1 * math.hypot(*self.grid.extent_mm[-2:])
        found = []
        groups = [empty]
        if self.scan.ndim == 3:
            groups = [empty[:, row : row + ROWS] for row in range(0, empty.shape[1], ROWS)]
        for rows in groups:
            found.append(water_correction(rows, self.beam.energies_kev, calibrated, longest_mm=longest))
            if found[-1].highest.ndim > colour.ndim - 1:
                raise InputError(
                    "detector: expected one energy channel for a file of line integrals, got several; take one "
                    "threshold"
                )
        if len(found) == 1:
            return found[0]
        coefficients = torch.cat([part.coefficients for part in found], dim=1)
        return WaterCorrection(coefficients, torch.cat([part.highest for part in found]), found[0].mu_water)

    def loads(self, x: Float[Tensor, " material *image"] | Slabs | None = None) -> Float[Tensor, " view"]:
        """Return the load of each view by the protocol, mAs, float64.

        Args:
            x: The object at rest, which modulation follows; not needed without modulation.

        Raises:
            InputError: As many loads as views are missing, all are 0, or modulation is asked for without an object.
        """
        mean, given, chosen = self.protocol.mas_per_view, self.protocol.relative_load, self.protocol.modulation
        if given is not None:
            if len(given) != len(self.scan) or sum(given) <= 0:
                raise InputError(
                    f"relative_load: expected one load per view, {len(self.scan)}, not all 0, got {len(given)}"
                )
            loads = torch.tensor(given, dtype=torch.float64)
            return mean * loads / loads.mean()
        if not chosen:
            return torch.full((len(self.scan),), mean, dtype=torch.float64)
        if x is None:
            raise InputError("loads: expected the object, which the protocol's modulation follows, got none")
        largest = []
        step = len(self.scan) if isinstance(x, Tensor) else max(1, LINES // math.prod(self.scan.detector_shape))
        for first in range(0, len(self.scan), step):
            scan = self.scan[list(range(first, min(first + step, len(self.scan))))]
            lines = sum(Projector(scan, grid)(self._at_reference(slab)) for grid, slab in self._pieces(x))
            assert isinstance(lines, Tensor)  # an object has at least one slab
            largest.append(lines.movedim(-2, 0).flatten(1).amax(dim=1))
        return mean * modulated_loads(
            torch.cat(largest)[:, None], views_per_rotation=self.protocol.views_per_rotation, **chosen
        )

    def parts(
        self, x: Float[Tensor, " material *image"] | Slabs, mas: Float[Tensor, " view"], *, seed: Sequence[int]
    ) -> Iterator[Part]:
        """Simulate the scan some views at a time.

        Args:
            x: Volume fraction of each material, float32; or slabs of it, which are read once for every so many views.
            mas: Load of each view, mAs; views of 0 mAs read nothing but electronic noise, their log data are 0.
            seed: Of the noise; the same seed, protocol, scan and grid give the same data.

        Yields:
            The views in their order.

        Raises:
            InputError: A load is negative, or as many loads as views are missing.
        """
        if len(mas) != len(self.scan):
            raise InputError(f"mas: expected one load per view, {len(self.scan)}, got {len(mas)}")
        check_loads(mas)
        bins = self.scan.detector_shape
        step = max(1, TOGETHER // (self.air.shape[0] * math.prod(bins)))
        if isinstance(self.detector, EnergyIntegrating) and self.detector.lag:
            step = len(self.scan)  # every view is in the later ones
        chunks = [range(first, min(first + step, len(self.scan))) for first in range(0, len(self.scan), step)]
        together = 1
        if isinstance(x, Slabs):
            count = len(self._blurred(self.scan[[0]])) * len(self.basis) * math.prod(bins)
            together = max(1, LINES // (count * step))
        for number in range(0, len(chunks), together):
            group = chunks[number : number + together]
            start = group[0].start
            scans = self._blurred(self.scan[list(range(start, group[-1].stop))])
            lines = self._lines(x, [scan for _, scan in scans], range(start, group[-1].stop))
            for offset, views in enumerate(group):
                here = slice(views.start - start, views.stop - start)
                seen = [(w, some[..., here, :]) for (w, _), some in zip(scans, lines, strict=True)]
                yield self._part(views, seen, mas[views.start : views.stop], [*seed, number + offset])

    def _part(
        self, views: range, seen: list[tuple[float, Tensor]], load: Float[Tensor, " view"], seed: list[int]
    ) -> Part:
        """Simulate some views from line integrals of the materials: the sharp ones first, then those of a blur."""
        sharp = PolychromaticModel(_already(seen[0][1]), self.basis, self.air, self.beam.energies_kev)
        model = sharp
        if len(seen) > 1:
            blur = [(weight, _already(lines)) for weight, lines in seen[1:]]
            model = PolychromaticModel(blur, self.basis, self.air, self.beam.energies_kev)
        x = seen[0][1]  # the models know the lines: of the object they take the number of materials alone
        expected, air = model(x, load.float()), self.air * load.float()[:, None]
        if self.scatter is not None:
            expected = expected + self.scatter.scattered(expected, air, self.beam.energies_kev)
        empty = self.detector.mean(air, self.beam.energies_kev)
        state = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> 1)
        generator = torch.Generator().manual_seed(state)
        signal = self.detector.signal(expected, self.beam.energies_kev, generator)
        return Part(
            views,
            signal,
            self.correction(log_data(signal, empty)),
            self._at_reference(x),
            absorbed_energy_mj(sharp, x, load),
        )

    def _blurred(self, scan: Scan) -> list[tuple[float, Scan]]:
        """Return the scan without blur, and, where there is any, the parts of focal spot and rotation with weights."""
        blur = spread(scan, focal_mm=self.protocol.focal_mm, window_rad=self.protocol.window_rad, samples=self.samples)
        return [(1.0, scan)] if len(blur) == 1 else [(1.0, scan), *blur]

    def _lines(self, x: Tensor | Slabs, scans: list[Scan], views: range) -> list[Tensor]:
        """Return the line integrals of the materials for scans of the same views, in one pass over the slabs."""
        found: list[Tensor] = []
        for grid, slab in self._pieces(x):
            operators = [Projector(scan, grid) for scan in scans]
            if self.motions:
                times = [self.times_s[view] for view in views]
                lines = project_all_moving(operators, slab, self.motions, times_s=times)
            else:
                lines = [A(slab) for A in operators]
            found = [a + b for a, b in zip(found, lines, strict=True)] if found else lines
        return found

    def _pieces(self, x: Tensor | Slabs) -> Iterable[tuple[Grid, Tensor]]:
        return x if isinstance(x, Slabs) else [(self.grid, x)]

    def _at_reference(self, x: Tensor) -> Tensor:
        """Return images or line integrals of the materials as those of attenuation at the reference energy."""
        mu = [float(material(m).attenuation(REFERENCE_KEV)) for m in self.basis]
        found: Tensor = torch.tensordot(torch.tensor(mu, dtype=x.dtype), x, dims=1)
        return found


def _already(lines: Tensor) -> Project:
    """Return an operator that gives line integrals which are known."""
    return lambda _: lines
