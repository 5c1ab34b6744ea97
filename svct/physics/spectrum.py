"""X-ray spectra: how many photons of which energy a tube gives, in absolute numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svct.errors import BackendUnavailable, InputError
from svct.physics.materials import Material, material

KVP = (20.0, 300.0)
"""Tube voltages that the model of the tube covers, kV."""

KEV_TO_MGY_CM2_PER_G = 1.602176634e-10
"""1 keV/g in mGy (J/kg times 1000)."""


@dataclass(frozen=True)
class Spectrum:
    """Photons per energy bin, per mm^2 and mAs at 1 m from the focal spot.

    Args:
        energies_kev: Energy of each bin, keV, rising.
        photons: Photons in each bin, 1/(mm^2 mAs) at 1 m; of a parallel beam 1/(mm^2 mAs) anywhere.
        origin: Where it comes from, in words.

    Raises:
        InputError: The two differ in length, an energy is out of order, or a number is negative or not finite.

    Example:
        >>> beam = tube_spectrum(120, filters={"aluminium": 5.5})
        >>> round(beam.mean_kev), round(beam.half_value_layer(), 1)
        (59, 6.1)
    """

    energies_kev: tuple[float, ...] = field(repr=False)
    photons: tuple[float, ...] = field(repr=False)
    origin: str = "stated by the caller"

    def __post_init__(self) -> None:
        energies, photons = np.asarray(self.energies_kev, np.float64), np.asarray(self.photons, np.float64)
        if energies.ndim != 1 or energies.shape != photons.shape or not energies.size:
            raise InputError(
                f"Spectrum: expected as many energies as photon numbers, got {energies.shape} and {photons.shape}"
            )
        if not (np.isfinite(energies).all() and (np.diff(energies) > 0).all() and energies[0] > 0):
            raise InputError("Spectrum energies_kev: expected positive energies in rising order")
        if not (np.isfinite(photons).all() and (photons >= 0).all() and photons.sum() > 0):
            raise InputError("Spectrum photons: expected 0 or more in every bin, and some photons in all")
        object.__setattr__(self, "energies_kev", tuple(energies.tolist()))
        object.__setattr__(self, "photons", tuple(photons.tolist()))

    @property
    def total(self) -> float:
        """Photons of all energies, 1/(mm^2 mAs) at 1 m."""
        return math.fsum(self.photons)

    @property
    def mean_kev(self) -> float:
        """Mean energy of the photons, keV."""
        return float(np.dot(self.energies_kev, self.photons) / self.total)

    @property
    def air_kerma_mgy(self) -> float:
        """Air kerma at 1 m, mGy per mAs."""
        return float(self._kerma_weights().sum())

    def filtered(self, by: str | Material, mm: float) -> "Spectrum":
        """Return the spectrum behind a sheet of a material.

        Args:
            by: The material, or its name.
            mm: Thickness, mm, 0 or more.

        Raises:
            InputError: A negative thickness.
            UnknownNameError: No such material.
        """
        if not (math.isfinite(mm) and mm >= 0):
            raise InputError(f"filter of {material(by).name}: expected 0 mm or more, got {mm!r}")
        kept = np.asarray(self.photons) * np.exp(-mm * material(by).attenuation(np.asarray(self.energies_kev)))
        return Spectrum(self.energies_kev, tuple(kept), f"{self.origin}, {mm:g} mm {material(by).name}")

    def half_value_layer(self, of: str | Material = "aluminium", *, order: int = 1) -> float:
        """Return the thickness that halves the air kerma in narrow-beam geometry, mm.

        Args:
            of: The absorber.
            order: 1, or 2 for the thickness that halves it once more.
        """
        from scipy.optimize import brentq  # slow to import, and needed here alone

        kerma, mu = self._kerma_weights(), material(of).attenuation(np.asarray(self.energies_kev))

        def reach(part: float) -> float:
            def excess(mm: float) -> float:
                return float((kerma * np.exp(-mu * mm)).sum() / kerma.sum() - part)

            return float(brentq(excess, 0.0, math.log(1 / part) / float(mu[kerma > 0].min()) + 1.0, xtol=1e-9))

        return reach(0.5) if order == 1 else reach(0.25) - reach(0.5)

    def rebinned(self, count: int) -> "Spectrum":
        """Return the spectrum in fewer bins of equal width, with the photons and the mean energy of each kept.

        Args:
            count: Bins, at most those there are; bins without photons are dropped.
        """
        if count < 1:
            raise InputError(f"rebinned: expected 1 bin or more, got {count}")
        if count >= len(self.energies_kev):
            return self
        energies, photons = np.asarray(self.energies_kev), np.asarray(self.photons)
        present = energies[photons > 1e-9 * photons.max()]
        edges = np.linspace(present[0], present[-1], count + 1)
        index = np.clip(np.searchsorted(edges, energies, side="right") - 1, 0, count - 1)
        sums = np.bincount(index, photons, count)
        means = np.bincount(index, photons * energies, count) / np.maximum(sums, 1e-300)
        return Spectrum(tuple(means[sums > 0]), tuple(sums[sums > 0]), self.origin)

    def _kerma_weights(self) -> NDArray[np.float64]:
        transfer = material("air").mass_energy_transfer(np.asarray(self.energies_kev))  # cm^2/g
        energies, photons = np.asarray(self.energies_kev), np.asarray(self.photons)
        return np.asarray(100 * photons * energies * transfer * KEV_TO_MGY_CM2_PER_G)  # 100 mm^2 are 1 cm^2


def monochromatic(kev: float, photons: float = 1e6) -> Spectrum:
    """Return a spectrum of one energy, such as a synchrotron's behind its monochromator.

    Args:
        kev: The energy, keV.
        photons: Photons per mm^2 and mAs at 1 m; of a parallel beam per mm^2 and unit of load.
    """
    return Spectrum((float(kev),), (float(photons),), f"monochromatic {kev:g} keV")


def tube_spectrum(
    kvp: float,
    *,
    anode_deg: float = 12.0,
    filters: "dict[str, float] | Sequence[tuple[str | Material, float]]" = (),
    off_axis_deg: float = 0.0,
) -> Spectrum:
    """Compute the spectrum of a tungsten tube.

    Args:
        kvp: Tube voltage, constant potential, kV, 20 to 300.
        anode_deg: Angle between anode surface and central ray, degrees.
        filters: Thickness of each filter, mm, inherent ones included, by material. Default: none but the anode.
        off_axis_deg: Angle from the central ray towards the anode, degrees: there the beam is weaker and harder, the
            heel effect. Negative: towards the cathode.

    Raises:
        InputError: A voltage outside the model, or a ray below the anode's surface.
        BackendUnavailable: spekpy is not installed.

    Notes:
        SpekPy's model casim (Poludniowski, Omar, Bujila and Andreo 2021, Med. Phys. 48:3630; Omar, Andreo and
        Poludniowski 2020, Med. Phys. 47:4763) in bins of 1 keV, self-filtration of the anode included; filters
        are applied with the attenuation of `svct.physics.materials`.
    """
    low, high = KVP
    if not (isinstance(kvp, (int, float)) and low <= kvp <= high):
        raise InputError(f"kvp: expected {low:g} to {high:g} kV, which the tube model covers, got {kvp!r}")
    if not 1 <= anode_deg <= 80 or not -60 <= off_axis_deg < anode_deg - 0.5:
        raise InputError(
            "anode_deg, off_axis_deg: expected an anode of 1 to 80 degrees and a ray at least 0.5 degrees above its "
            f"surface, got {anode_deg!r} and {off_axis_deg!r}"
        )
    energies, photons = _unfiltered(float(kvp), float(anode_deg), float(off_axis_deg))
    beam = Spectrum(energies, photons, f"spekpy casim {kvp:g} kV, anode {anode_deg:g} degrees")
    for by, mm in filters.items() if isinstance(filters, dict) else filters:
        beam = beam.filtered(by, mm)
    return beam


def load_spekpy() -> Any:
    """Import spekpy.

    Raises:
        BackendUnavailable: It is not installed.
    """
    try:
        import spekpy
    except ImportError as error:
        raise BackendUnavailable(
            "tube spectra need the package spekpy, which is not installed; pip install 'svct[physics]'"
        ) from error
    return spekpy


@cache
def _unfiltered(kvp: float, anode_deg: float, off_axis_deg: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    spekpy = load_spekpy()
    offset_cm = -100 * math.tan(math.radians(off_axis_deg))  # SpekPy's x grows towards the cathode
    tube = spekpy.Spek(kvp=kvp, th=anode_deg, x=offset_cm, z=100, dk=1.0, physics="casim", mas=1)
    energies, per_cm2 = tube.get_spectrum(edges=False, flu=True, diff=False)
    # At 1 m from the spot along the ray, not on the plane at 1 m: svct applies distance and obliquity per ray.
    slant = 1 / math.cos(math.radians(off_axis_deg)) ** 2
    kept = energies >= 5
    return tuple(energies[kept].tolist()), tuple((per_cm2[kept] * slant / 100).tolist())
