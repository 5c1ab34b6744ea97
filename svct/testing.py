"""Checks that svct's own tests and those of plugins share."""

from typing import Any

import torch


def adjoint_error(A: Any, *, seed: int = 0, batch: tuple[int, ...] = ()) -> float:
    """Return how far <A x, A x> lies from <x, A.T A x>, relative.

    Args:
        A: An operator with `T` and `domain_shape`.
        seed: Seed of the noise.
        batch: Leading axes of x.

    Notes:
        x is white noise of mean zero and y = A x: positive images hide a mismatched interpolation, since both sides
        then only count mass. Inner products are summed in float64.

    Example:
        >>> from svct.geometry import Grid, ParallelBeam, Projector
        >>> adjoint_error(Projector(ParallelBeam([0.3], bins=7), Grid(shape=(5, 6)))) < 1e-5
        True
    """
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn((*batch, *A.domain_shape), generator=generator)
    y = A(x)
    left = float((y.double() * y.double()).sum())
    right = float((x.double() * A.T(y).double()).sum())
    return abs(left - right) / abs(left)


def assert_adjoint(A: Any, *, seeds: tuple[int, ...] = (0, 1, 2), tolerance: float = 1e-5) -> None:
    """Fail unless ``A.T`` is the adjoint of ``A``, for one image and for a batch.

    Args:
        A: An operator with `T`, `domain_shape` and `range_shape`.
        seeds: Seeds to try.
        tolerance: Largest relative error allowed.

    Raises:
        AssertionError: The error is larger, or the shapes do not fit.
    """
    for seed in seeds:
        for batch in ((), (3,), (2, 4)):
            error = adjoint_error(A, seed=seed, batch=batch)
            assert error < tolerance, (
                f"{A!r}: expected an adjoint error below {tolerance:g}, got {error:.3g} (seed {seed}, batch {batch})"
            )
    assert A.T.domain_shape == A.range_shape
    assert A.T.range_shape == A.domain_shape
