"""The beam at the detector: spectrum, bowtie and heel effect per ray, and how many photons a bin catches."""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from svct.errors import InputError
from svct.geometry.scan import Scan
from svct.physics.materials import Material, material
from svct.physics.spectrum import Spectrum, tube_spectrum


@dataclass(frozen=True)
class Bowtie:
    """A filter whose thickness depends on the fan angle.

    Args:
        fan_deg: Fan angles, degrees, rising, 0 at the ray through the rotation axis.
        thickness_mm: Thickness at each, along the ray in the plane of the fan, mm; linear in between.
        of: What it is made of.

    Raises:
        InputError: The two differ in length, the angles do not rise, or a thickness is negative.

    Example:
        >>> Bowtie((-30.0, 0.0, 30.0), (20.0, 1.0, 20.0)).at(np.deg2rad([0.0, 15.0])).round(6).tolist()
        [1.0, 10.5]
    """

    fan_deg: Sequence[float]
    thickness_mm: Sequence[float]
    of: str = "aluminium"

    def __post_init__(self) -> None:
        angles, mm = np.asarray(self.fan_deg, np.float64), np.asarray(self.thickness_mm, np.float64)
        if angles.ndim != 1 or angles.shape != mm.shape or angles.size < 2 or not (np.diff(angles) > 0).all():
            raise InputError(
                "Bowtie: expected two or more rising fan angles and as many thicknesses, got "
                f"{angles.shape} and {mm.shape}"
            )
        if not (np.isfinite(mm).all() and (mm >= 0).all()):
            raise InputError(f"Bowtie thickness_mm: expected 0 mm or more everywhere, got {mm.min()}")
        object.__setattr__(self, "fan_deg", tuple(angles.tolist()))
        object.__setattr__(self, "thickness_mm", tuple(mm.tolist()))

    def at(self, fan_rad: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the thickness at fan angles in radians, mm.

        A bowtie wider than the fan is used as far as the fan goes.

        Raises:
            InputError: The fan is wider than the bowtie.
        """
        angles = np.rad2deg(fan_rad)
        if angles.min() < self.fan_deg[0] - 1e-6 or angles.max() > self.fan_deg[-1] + 1e-6:
            raise InputError(
                f"bowtie: expected one that covers the fan of {angles.min():.2f} to {angles.max():.2f} degrees, got "
                f"{self.fan_deg[0]:g} to {self.fan_deg[-1]:g}; describe it further out"
            )
        return np.interp(angles, self.fan_deg, self.thickness_mm)


def water_bowtie(
    diameter_mm: float, *, source_mm: float, half_fan_deg: float, of: str = "aluminium", base_mm: float = 1.0
) -> Bowtie:
    """Return the bowtie that evens out a centred cylinder of water at 70 keV.

    Args:
        diameter_mm: Of the cylinder, mm.
        source_mm: Source to rotation axis, mm.
        half_fan_deg: How far it reaches to each side, degrees.
        of: What it is made of.
        base_mm: Thickness in the middle, mm.
    """
    angles = np.linspace(-half_fan_deg, half_fan_deg, 201)
    off = source_mm * np.sin(np.deg2rad(angles))
    missing = diameter_mm - 2 * np.sqrt(np.clip((diameter_mm / 2) ** 2 - off**2, 0, None))
    ratio = float(material("water").attenuation(70.0) / material(of).attenuation(70.0))
    return Bowtie(tuple(angles), tuple(base_mm + ratio * missing), of)


@dataclass(frozen=True)
class Beam:
    """What leaves the tube, per ray.

    Args:
        spectrum: On the central ray, behind the flat filters.
        bowtie: Default: none.
        heel: Two or more pairs of an angle from the central ray towards larger z, degrees, and the spectrum there, as
            `heel_beam` computes; between them it is interpolated. Default: the same spectrum in every row.
        row_mm: Height of the rows of a 2D fan or parallel scan on the detector, mm, which the scan does not have.

    Example:
        >>> from svct.geometry import FanBeam
        >>> from svct.physics.spectrum import monochromatic
        >>> scan = FanBeam([0.0], bins=3, bin_mm=1.0, source_mm=500, detector_mm=500)
        >>> round(float(Beam(monochromatic(60.0, 1e6)).photons(scan)[0, 0, 1]))  # per mAs at 1 m, on 1 mm^2
        1000000
    """

    spectrum: Spectrum
    _: KW_ONLY
    bowtie: Bowtie | None = None
    heel: tuple[tuple[float, Spectrum], ...] = ()
    row_mm: float = 1.0

    def __post_init__(self) -> None:
        if self.heel and any(s.energies_kev != self.spectrum.energies_kev for _, s in self.heel):
            raise InputError("heel: expected spectra in the energy bins of the central one, got others")

    @property
    def energies_kev(self) -> Float[Tensor, " energy"]:
        """Middle of each energy bin, keV, float64."""
        return torch.tensor(self.spectrum.energies_kev, dtype=torch.float64)

    def colour(self, scan: Scan) -> Float[Tensor, " energy *ray"]:
        """Return photons per mm^2 and mAs at 1 m, behind all filters, before distance and obliquity.

        Args:
            scan: The scan; its first view stands for all.

        Returns:
            ``(energy, [row or 1,] 1, bin)``, float64.

        Raises:
            InputError: The fan is wider than the bowtie.
        """
        fan, rise = _angles(scan)
        energies = np.asarray(self.spectrum.energies_kev)
        if self.heel:
            angles = np.array([angle for angle, _ in self.heel])
            table = np.array([spectrum.photons for _, spectrum in self.heel])
            rows = np.rad2deg(rise.mean(axis=1))
            flux = np.array([np.interp(rows, angles, table[:, e]) for e in range(len(energies))])[:, :, None]
        else:
            flux = np.asarray(self.spectrum.photons)[:, None, None]
        if self.bowtie is not None:
            mm = self.bowtie.at(fan)[None] / (np.cos(rise) if self.heel else np.cos(rise[len(rise) // 2])[None])
            mu = material(self.bowtie.of).attenuation(energies)
            flux = flux * np.exp(-mu[:, None, None] * mm)
        found = torch.from_numpy(np.broadcast_to(flux, (len(energies), flux.shape[1], len(fan))).copy())
        return found[:, :, None] if scan.ndim == 3 else found

    def area(self, scan: Scan) -> Float[Tensor, "*ray"]:
        """Return the area of each bin seen from the source, carried to 1 m, mm^2; of a parallel beam its own area.

        Args:
            scan: The scan; its first view stands for all.

        Returns:
            ``([row,] 1, bin)``, float64.
        """
        rays, normal, size = _rays(scan, self.row_mm)
        if not scan.divergent:
            area = np.full(rays.shape[:2], size)
        else:
            distance = np.linalg.norm(rays, axis=-1)
            cosine = np.abs((rays * normal).sum(-1)) / distance
            area = size * cosine * (1000 / distance) ** 2
        found = torch.from_numpy(area)
        return found[:, None] if scan.ndim == 3 else found

    def photons(self, scan: Scan) -> Float[Tensor, " energy *ray"]:
        """Return photons per mAs, energy bin and ray without an object, ``(energy, [row,] 1, bin)``, float64."""
        return self.colour(scan) * self.area(scan)


def heel_beam(
    kvp: float,
    *,
    half_cone_deg: float,
    anode_deg: float = 12.0,
    filters: "dict[str, float] | Sequence[tuple[str | Material, float]]" = (),
    bins: int = 40,
    bowtie: Bowtie | None = None,
) -> Beam:
    """Compute a beam with the heel effect along z, the anode towards larger z.

    Args:
        kvp: Tube voltage, kV.
        half_cone_deg: How far rows reach to each side of the central ray, degrees; less than `anode_deg`.
        anode_deg: See `svct.physics.spectrum.tube_spectrum`, as `filters`.
        filters: Filters by material, mm.
        bins: Energy bins.
        bowtie: Default: none.

    Raises:
        InputError: The cone reaches below the anode's surface.
    """
    angles = (-half_cone_deg, 0.0, half_cone_deg)
    fine = [tube_spectrum(kvp, anode_deg=anode_deg, filters=filters, off_axis_deg=angle) for angle in angles]
    centre = fine[1].rebinned(bins)
    # The bins of the central spectrum serve all: its photons in each, times how the others differ there.
    energies = np.asarray(fine[1].energies_kev)
    reference = np.asarray(centre.energies_kev)
    heel = []
    for angle, side in zip(angles, fine, strict=True):
        ratio = np.asarray(side.photons) / np.maximum(np.asarray(fine[1].photons), 1e-300)
        weighted = np.asarray(centre.photons) * np.interp(reference, energies, ratio)
        heel.append((angle, Spectrum(centre.energies_kev, tuple(weighted), side.origin)))
    return Beam(centre, bowtie=bowtie, heel=tuple(heel))


def _rays(scan: Scan, row_mm: float) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Vectors from source to bins ``(row, bin, 3)``, the detector's normal at each, and a bin's area, of view 0."""
    vector = scan.vectors[0]
    if scan.ndim == 2:
        a, centre, step = ((*vector[i : i + 2], 0.0) for i in (0, 2, 4))
        source, middle, along = np.array(a), np.array(centre), np.array(step)
        up, rows = np.array([0.0, 0.0, row_mm]), 1
    else:
        source, middle, along, up = vector[:3], vector[3:6], vector[6:9], vector[9:]
        rows = scan.detector_shape[0]
    bins = scan.detector_shape[-1]
    j, i = np.arange(bins) - (bins - 1) / 2, np.arange(rows) - (rows - 1) / 2
    size = float(np.linalg.norm(np.cross(along, up)))
    if not scan.divergent:
        return np.broadcast_to(source, (rows, bins, 3)), source, size
    reach = middle - source
    if scan.curved:
        axis = up / np.linalg.norm(up)
        level = (reach @ axis) * axis
        flat = reach - level
        radius = float(np.linalg.norm(flat))
        turn = j * np.linalg.norm(along) / radius
        flank = np.linalg.norm(flat) * along / np.linalg.norm(along)
        normals = np.cos(turn)[:, None] * flat + np.sin(turn)[:, None] * flank
        rays = normals[None] + level + i[:, None, None] * up
        return rays, (normals / radius)[None], size
    normal = np.cross(along, up)
    rays = reach + j[None, :, None] * along + i[:, None, None] * up
    return rays, normal / np.linalg.norm(normal), size


def _angles(scan: Scan) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fan angle of each bin, radians, 0 through the axis, and how far each ray rises, ``(row, bin)``, radians."""
    rays, _, _ = _rays(scan, 1.0)
    if not scan.divergent:
        return np.zeros(rays.shape[1]), np.zeros(rays.shape[:2])
    source, along = scan.vectors[0][:2], scan.vectors[0][4:6] if scan.ndim == 2 else scan.vectors[0][6:8]
    inward = -source / np.linalg.norm(source)
    side = np.array([-inward[1], inward[0]])
    side = side if side @ along > 0 else -side
    level = rays[..., :2]
    fan = np.arctan2(level[0] @ side, level[0] @ inward)
    return fan, np.arctan2(rays[..., 2], np.linalg.norm(level, axis=-1))


def half_cone_deg(scan: Scan) -> float:
    """Return how far the rows of a scan reach from the central plane at most, degrees."""
    return math.degrees(float(np.abs(_angles(scan)[1]).max()))
