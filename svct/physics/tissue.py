"""From CT numbers to what is in each voxel."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError
from svct.physics.materials import Material, material

REFERENCE_KEV = 70.0
"""Energy at which a CT number is taken to have been measured; svct's water value is that of 70 keV."""

TISSUES = ("adipose", "water", "muscle", "bone")
"""Materials that a patient is made of where nothing else is asked for."""


def hu_to_materials(
    hu: Float[Tensor, "*image"], basis: Sequence[str | Material] = TISSUES
) -> Float[Tensor, " material *image"]:
    """Return the volume fraction of each material in every voxel.

    Args:
        hu: CT numbers, HU.
        basis: Materials in the order of their attenuation at 70 keV. Two of them make a dual-material volume; append
            ``"titanium"`` or ``"cobalt-chrome"`` for patients with implants.

    Returns:
        Fractions, 0 or more, of the dtype of `hu`. Their attenuation at 70 keV is exactly that of the CT number.
        Below the lightest material a voxel is that at less density (lung, air); above the densest, that at more.

    Raises:
        InputError: No material, or their attenuation does not rise.

    Example:
        >>> hu_to_materials(torch.tensor([-1000.0, 0.0]), ("water", "bone")).tolist()
        [[0.0, 1.0], [0.0, 0.0]]

    Notes:
        The two-component mixtures of Schneider, Bortfeld and Schlegel 2000, Phys. Med. Biol. 45:459, section 2.2: a CT
        number between those of two tissues is a mixture of these two, in proportion; here by volume, with the tissues
        of ICRU-44.
    """
    mu = [float(material(m).attenuation(REFERENCE_KEV)) for m in basis]
    if not mu or any(b <= a for a, b in pairwise(mu)):
        names = ", ".join(material(m).name for m in basis) or "none"
        raise InputError(f"basis: expected materials in the order of their attenuation at 70 keV, got {names}")
    water = float(material("water").attenuation(REFERENCE_KEV))
    value = (1 + hu / 1000).clamp(min=0) * water
    fractions = torch.zeros((len(mu), *hu.shape), dtype=hu.dtype, device=hu.device)
    for i, here in enumerate(mu):
        before = mu[i - 1] if i else 0.0
        rising = (value - before) / (here - before)
        falling = (mu[i + 1] - value) / (mu[i + 1] - here) if i + 1 < len(mu) else torch.ones_like(value)
        part = torch.where(value <= here, rising, falling)
        if i + 1 == len(mu):
            part = torch.where(value > here, value / here, part)
        fractions[i] = part.clamp(min=0)
    return fractions
