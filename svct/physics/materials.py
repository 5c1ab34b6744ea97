"""What things are made of, and how they attenuate."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svct.errors import BackendUnavailable, InputError, unknown_name

ENERGIES_KEV = (1.0, 800.0)
"""Energies that the tables cover, keV."""

ELECTRON_REST_KEV = 510.99895

_PARTS = {"total": "total", "photoelectric": "photo", "coherent": "coh", "incoherent": "incoh"}


@dataclass(frozen=True)
class Material:
    """A mixture of elements.

    Args:
        name: Its name.
        density: g/cm^3.
        fractions: Mass fraction of each element by its symbol; they add up to 1.

    Raises:
        InputError: The density is not positive, or the fractions do not add up to 1 within 0.2 %.

    Example:
        >>> water = material("water")
        >>> round(float(water.attenuation(70.0)), 4)  # 1/mm
        0.0193

    Notes:
        Elemental cross sections of Elam, Ravel and Sieber 2002, Radiat. Phys. Chem. 63:121, from xraydb.
    """

    name: str
    density: float
    fractions: Mapping[str, float] = field(hash=False)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.density) and self.density > 0):
            raise InputError(f"{self.name}: expected a positive density in g/cm^3, got {self.density!r}")
        total = sum(self.fractions.values())
        if abs(total - 1) > 2e-3 or min(self.fractions.values()) < 0:
            raise InputError(f"{self.name}: expected mass fractions that add up to 1, got {total:g}")

    def mass_attenuation(
        self, energies_kev: float | NDArray[np.float64], *, part: str = "total"
    ) -> NDArray[np.float64]:
        """Return the mass attenuation coefficient, cm^2/g, of the shape of the energies.

        Args:
            energies_kev: Photon energies, keV, 1 to 800.
            part: ``"total"``, ``"photoelectric"``, ``"coherent"`` or ``"incoherent"``.

        Raises:
            InputError: An energy outside the tables.
            UnknownNameError: No such part, or no such element.
        """
        if part not in _PARTS:
            raise unknown_name("part of the attenuation", part, list(_PARTS))
        energies = _energies(energies_kev)
        total = np.zeros_like(energies)
        for element, fraction in self.fractions.items():
            total += fraction * _elemental(element, energies, _PARTS[part])
        return total

    def attenuation(self, energies_kev: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the linear attenuation coefficient, 1/mm, of the shape of the energies; see `mass_attenuation`."""
        return np.asarray(self.mass_attenuation(energies_kev) * self.density / 10)

    def mass_energy_transfer(self, energies_kev: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mass energy-transfer coefficient, cm^2/g, of the shape of the energies.

        Notes:
            Photoelectric part plus the incoherent part times the mean fraction of energy that a free electron takes
            (Klein and Nishina 1929, Z. Phys. 52:853). Fluorescence that escapes is left out: within 3 % of NIST's
            mu_en / rho for air and water from 20 to 150 keV, too high for heavy elements above their K edge.
        """
        energies = _energies(energies_kev)
        scattered = self.mass_attenuation(energies, part="incoherent") * _recoil_fraction(energies)
        return np.asarray(self.mass_attenuation(energies, part="photoelectric") + scattered)

    def scaled(self, density: float, name: str = "") -> "Material":
        """Return the same mixture at another density, g/cm^3."""
        return Material(name or self.name, density, self.fractions)


@cache
def _library() -> dict[str, Material]:
    values = tomllib.loads((files("svct.physics") / "materials.toml").read_text(encoding="utf-8"))
    return {name: Material(name, entry["density"], entry["fractions"]) for name, entry in values.items()}


def material_names() -> list[str]:
    """Return the names that `material` knows."""
    return sorted(_library())


def material(name: "str | Material") -> Material:
    """Return a material by its name; a material is returned as it is.

    Raises:
        UnknownNameError: No such material; the message lists those that exist.

    Example:
        >>> material("titanium").density
        4.54
    """
    if isinstance(name, Material):
        return name
    if name not in _library():
        raise unknown_name("material", name, material_names())
    return _library()[name]


def mixture(parts: "Mapping[str | Material, float]", *, name: str) -> Material:
    """Mix materials whose volumes add up.

    Args:
        parts: Partial density of each, g/cm^3: its mass in one cm^3 of the mixture.
        name: Of the mixture.

    Example:
        >>> round(iodine_in_water(10.0).density, 4)
        1.008
    """
    total = sum(parts.values())
    fractions: dict[str, float] = {}
    for part, partial in parts.items():
        for element, fraction in material(part).fractions.items():
            fractions[element] = fractions.get(element, 0.0) + fraction * partial / total
    return Material(name, total, fractions)


def iodine_in_water(mg_per_ml: float) -> Material:
    """Return iodinated contrast agent in water, by its iodine concentration, mg/ml."""
    return _dissolved("iodine", mg_per_ml, "water")


def calcium_in_water(mg_per_ml: float) -> Material:
    """Return a calcium insert, hydroxyapatite in water, by its mass of hydroxyapatite, mg/ml."""
    return _dissolved("hydroxyapatite", mg_per_ml, "water")


def _dissolved(solute: str, mg_per_ml: float, solvent: str) -> Material:
    partial = mg_per_ml / 1000
    rest = 1 - partial / material(solute).density
    if not (partial >= 0 and rest >= 0):
        raise InputError(
            f"{solute}: expected 0 to {1000 * material(solute).density:g} mg/ml, the density of pure {solute}, got "
            f"{mg_per_ml!r}"
        )
    return mixture({solute: partial, solvent: rest * material(solvent).density}, name=f"{solute} {mg_per_ml:g} mg/ml")


def _energies(values: float | NDArray[np.float64]) -> NDArray[np.float64]:
    energies = np.asarray(values, np.float64)
    low, high = ENERGIES_KEV
    if not ((energies >= low) & (energies <= high)).all():
        raise InputError(
            f"energies: expected {low:g} to {high:g} keV, which the tables cover, got {energies.min():g} to "
            f"{energies.max():g}"
        )
    return energies


def load_xraydb() -> Any:
    """Import xraydb.

    Raises:
        BackendUnavailable: It is not installed.
    """
    try:
        import xraydb
    except ImportError as error:
        raise BackendUnavailable(
            "attenuation of materials needs the package xraydb, which is not installed; pip install 'svct[physics]'"
        ) from error
    return xraydb


def _elemental(element: str, energies: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    flat = tuple(np.atleast_1d(energies).ravel().tolist())
    return np.asarray(_table(element, flat, kind)).reshape(energies.shape)


@cache
def _table(element: str, energies_kev: tuple[float, ...], kind: str) -> NDArray[np.float64]:
    xraydb = load_xraydb()
    try:
        return np.asarray(xraydb.mu_elam(element, np.asarray(energies_kev) * 1000, kind=kind), np.float64)
    except ValueError as error:
        raise InputError(f"element: expected a chemical symbol up to Cf, got {element!r} ({error})") from error


def _recoil_fraction(energies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean fraction of a photon's energy that a free electron takes."""
    cosine, weight = np.polynomial.legendre.leggauss(64)
    kept = 1 / (1 + energies[..., None] / ELECTRON_REST_KEV * (1 - cosine))
    section = weight * kept**2 * (kept + 1 / kept - 1 + cosine**2)
    return np.asarray((section * (1 - kept)).sum(-1) / section.sum(-1))
