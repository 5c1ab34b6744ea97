"""Sharing a fixed dose among views."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float64
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint, minimize
from torch import Tensor

from svct.errors import InputError
from svct.sampling.fixed import ViewSet
from svct.sampling.linear import LinearModel
from svct.sampling.tube_limits import Ramp


def share_load(
    model: LinearModel,
    views: ViewSet,
    *,
    least: float = 0.05,
    most: float = 4.0,
    steps: int = 60,
    ramps: Sequence[Ramp] = (),
) -> tuple[float, ...]:
    """Share a fixed total dose among views so that the expected error is smallest.

    Args:
        model: The model; its noise is that of the mean load.
        views: The chosen views.
        least: Smallest load over the mean, above 0 and at most 1.
        most: Largest load over the mean, 1 or more.
        steps: Steps of the search.
        ramps: Pairs of places in `views` whose loads may differ by so much only.

    Returns:
        Loads over their mean, in the order of `views`.

    Raises:
        InputError: Bounds that no loads of mean 1 can hold.

    Notes:
        Multiplicative steps (Silvey, Titterington and Torsney 1978, Commun. Stat. A 7:1379): each load is multiplied
        by the square root of what its last unit saves, -dE/dm, over the mean; at the optimum that is the same for all
        views which are not at a bound. With ramps, which such steps do not keep to, sequential quadratic programming
        (Kraft 1988, DFVLR-FB 88-28); the error is convex in the loads.
    """
    if not 0 < least <= 1 <= most:
        raise InputError(f"loads: expected 0 < least <= 1 <= most, got {least:g} and {most:g}")
    if ramps:
        return _on_ramps(model, views, least, most, steps, ramps)
    loads = torch.ones(len(views), dtype=torch.float64)
    for _ in range(steps):
        (slope,) = torch.autograd.grad(model.expected_error(views, loads.requires_grad_(True)), loads)
        loads = loads.detach()
        saved = (-slope).clamp(min=0)
        loads = bounded(loads * (saved / (saved * loads).mean()).sqrt(), least, most)
    return tuple(loads.tolist())


def _on_ramps(
    model: LinearModel, views: ViewSet, least: float, most: float, steps: int, ramps: Sequence[Ramp]
) -> tuple[float, ...]:
    even = float(model.expected_error(views))

    def error(loads: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        at = torch.tensor(loads, requires_grad=True)
        value = model.expected_error(views, at) / even
        (slope,) = torch.autograd.grad(value, at)
        return float(value.detach()), slope.numpy()

    differences = np.zeros((len(ramps), len(views)))
    for i, (a, b, _) in enumerate(ramps):
        differences[i, a], differences[i, b] = -1, 1
    limit = np.array([change for *_, change in ramps])
    keep = [LinearConstraint(np.ones((1, len(views))), len(views), len(views))]
    keep.append(LinearConstraint(differences, -limit, limit))
    found = minimize(
        error,
        np.ones(len(views)),
        jac=True,
        method="SLSQP",
        bounds=[(least, most)] * len(views),
        constraints=keep,
        options={"maxiter": steps},
    )
    # Rounding leaves a limit by parts in 1e9; a step towards even loads, which keep to every limit, mends that.
    loads = 1 + (found.x / found.x.mean() - 1) * (1 - 1e-9)
    return tuple(loads.tolist())


def bounded(loads: Float64[Tensor, " view"], least: float, most: float) -> Float64[Tensor, " view"]:
    """Return loads scaled, then clamped to bounds, so that their mean is 1.

    Args:
        loads: Not negative, at least one above 0.
        least: Smallest load, at most 1.
        most: Largest load, 1 or more.
    """
    low, high = 0.0, most / float(loads[loads > 0].min())
    for _ in range(100):
        middle = (low + high) / 2
        over = float((loads * middle).clamp(least, most).mean()) > 1
        low, high = (low, middle) if over else (middle, high)
    held = (loads * low).clamp(least, most)
    return held / held.mean()
