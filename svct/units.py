"""Hounsfield units at the edges: svct computes in attenuation, 1/mm."""

from typing import TypeVar

MU_WATER = 0.0193
"""Attenuation of water in 1/mm at 70 keV (NIST XCOM: 0.193 cm^2/g), the value svct states everywhere."""

Array = TypeVar("Array")  # a torch tensor, a NumPy or CuPy array, or a float


def hu_to_mu(hu: Array, *, mu_water: float = MU_WATER) -> Array:
    """Convert Hounsfield units to linear attenuation.

    Args:
        hu: CT numbers, any shape, HU.
        mu_water: Attenuation of water, 1/mm.

    Returns:
        Attenuation in 1/mm, the same kind and shape as `hu`; below -1000 HU it is negative, so clip first.

    Example:
        >>> hu_to_mu(0.0)
        0.0193

    Notes:
        mu = mu_water (1 + HU / 1000), the definition of the Hounsfield unit with air at zero.
    """
    return (hu / 1000 + 1) * mu_water  # type: ignore[operator,return-value,no-any-return,unused-ignore]


def mu_to_hu(mu: Array, *, mu_water: float = MU_WATER) -> Array:
    """Convert linear attenuation to Hounsfield units, the inverse of `hu_to_mu`.

    Args:
        mu: Attenuation, any shape, 1/mm.
        mu_water: Attenuation of water, 1/mm.

    Example:
        >>> mu_to_hu(0.0)
        -1000.0
    """
    return (mu / mu_water - 1) * 1000  # type: ignore[operator,return-value,no-any-return,unused-ignore]
