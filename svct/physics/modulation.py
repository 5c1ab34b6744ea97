"""How the load is shared out among the views."""

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError


def modulated_loads(
    lines: Float[Tensor, "*lead view bin"],
    *,
    views_per_rotation: int,
    angular: float = 0.5,
    z: float = 0.0,
    limits: tuple[float, float] = (0.0, float("inf")),
) -> Float[Tensor, " view"]:
    """Return relative loads that follow the patient's attenuation, as tube-current modulation does.

    Args:
        lines: Line integrals of the patient, such as from localiser views, ``(..., view, bin)``.
        views_per_rotation: Views of a rotation.
        angular: Exponent within a rotation, 0 to 1: 0 is constant, 0.5 gives the least noise for the load, 1 the same
            photons behind the patient in every view.
        z: Exponent between rotations, 0 to 1.
        limits: Least and largest load over the mean.

    Returns:
        Loads with mean 1, float64.

    Raises:
        InputError: An exponent outside 0 to 1, or limits that exclude 1.

    Example:
        >>> lines = torch.tensor([[1.0], [3.0]])
        >>> modulated_loads(lines, views_per_rotation=2, angular=0.0).tolist()
        [1.0, 1.0]

    Notes:
        load ~ A^p with A = exp(the largest line integral of the view); p = 1/2 minimises the variance in the middle
        of the image at a given sum of loads (Gies, Kalender, Wolf, Suess and Madsen 1999, Med. Phys. 26:2235). A is
        split into its geometric mean over the rotation around a view (the first or last one near the ends), which `z`
        acts on, and the rest.
    """
    low, high = limits
    if not (0 <= angular <= 1 and 0 <= z <= 1 and 0 <= low <= 1 <= high):
        raise InputError(
            "modulation: expected exponents of 0 to 1 and limits around 1, got "
            f"angular={angular}, z={z}, limits={limits}"
        )
    logs = lines.double().movedim(-2, 0).flatten(1).amax(dim=1)
    width = min(views_per_rotation, len(logs))
    means = logs.unfold(0, width, 1).mean(dim=1)
    slow = means[(torch.arange(len(logs)) - width // 2).clamp(0, len(means) - 1)]
    exponent = angular * (logs - slow) + z * (slow - logs.mean())
    loads = torch.exp(exponent - exponent.max())
    for _ in range(20):  # clipping moves the mean, the next round moves it back
        loads = (loads / loads.mean()).clamp(min=low, max=high)
    return loads / loads.mean()
