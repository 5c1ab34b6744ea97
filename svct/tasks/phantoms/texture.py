"""Random fields defined in millimetres, the same on every grid."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Field:
    """A sum of plane cosines with random directions and phases: an isotropic field of unit variance.

    Args:
        waves: Wave vectors, shape ``(n, 2)``, radians per mm.
        phases: Phases, shape ``(n,)``, radians.

    Notes:
        f(p) = sqrt(2 / n) sum_j cos(k_j . p + phi_j), the spectral method (Shinozuka and Deodatis, 1991).
        On a regular grid each cosine is separable, so that the whole sum is one matrix product.
    """

    waves: NDArray[np.float64]
    phases: NDArray[np.float64]

    def at(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the field at `points`, shape ``(n, 2)`` in mm, as ``(n,)``."""
        result: NDArray[np.float64] = np.cos(points @ self.waves.T + self.phases).sum(1) * math.sqrt(
            2 / len(self.phases)
        )
        return result

    def on_lattice(
        self, x: NDArray[np.float64], y: NDArray[np.float64], *, centre: tuple[float, float], angle: float
    ) -> NDArray[np.float32]:
        """Return the field on the lattice ``y`` by ``x`` of a patient who lies at `centre`, turned by `angle`.

        Args:
            x: World coordinates of the columns, shape ``(nx,)``, mm.
            y: World coordinates of the rows, shape ``(ny,)``, mm.
            centre: World position of the patient's origin, mm.
            angle: Patient's rotation, radians.
        """
        cos, sin = math.cos(angle), math.sin(angle)
        kx = self.waves[:, 0] * cos - self.waves[:, 1] * sin
        ky = self.waves[:, 0] * sin + self.waves[:, 1] * cos
        along_x = np.outer(kx, x - centre[0]) + self.phases[:, None]
        along_y = np.outer(y - centre[1], ky)
        rows = np.concatenate([np.cos(along_y), -np.sin(along_y)], axis=1).astype(np.float32)
        columns = np.concatenate([np.cos(along_x), np.sin(along_x)], axis=0).astype(np.float32)
        result: NDArray[np.float32] = (rows @ columns) * np.float32(math.sqrt(2 / len(self.phases)))
        return result


def random_field(rng: np.random.Generator, wavelength_mm: float, *, waves: int = 48) -> Field:
    """Draw an isotropic random field.

    Args:
        rng: The patient's generator.
        wavelength_mm: Typical wavelength, mm; the wave numbers spread by about a third around it.
        waves: Number of cosines.

    Example:
        >>> field = random_field(np.random.default_rng(0), 20.0)
        >>> field.at(np.zeros((3, 2))).shape
        (3,)
    """
    numbers = 2 * np.pi / wavelength_mm * np.exp(0.35 * rng.standard_normal(waves))
    directions = np.pi * (np.arange(waves) + rng.random(waves)) / waves
    vectors = numbers[:, None] * np.stack([np.cos(directions), np.sin(directions)], axis=1)
    return Field(vectors, rng.uniform(0, 2 * np.pi, waves))
