"""Checks that svct's own tests and those of plugins share."""

from typing import TYPE_CHECKING, Any

import torch

from svct.geometry import ConeBeam, FanBeam, Grid, Helical, ParallelBeam, Projector

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from svct.selfcheck.report import Report


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
    return abs(left - right) / abs(left) if left or right else 0.0


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


def check(A: Projector) -> "Report":
    """Check a projector on its own scan and grid: what `svct doctor --geometry scan.toml` prints.

    Adjoint, linearity, an ellipse or ellipsoid against exact lengths, units, agreement of all backends that can take
    the geometry and of the native kernels at every instruction set of this machine. Where the scan is large, some of
    its views and rows stand for all; the report says which.

    Args:
        A: The projector.

    Returns:
        The report: `rows` with `name`, `backend`, `value`, `limit` and `ok`, what was `left_out` and why; it prints as
        a table.

    Raises:
        AssertionError: A value is not below its limit; the message names the rows and holds the table.

    Example:
        >>> from svct.geometry import Grid, ParallelBeam, Projector
        >>> report = check(Projector(ParallelBeam([0.3, 1.1], bins=31), Grid(shape=(20, 20))))
        >>> [row.name for row in report.rows][1:4]
        ['adjoint', 'linearity', 'ellipse, against exact lengths']
    """
    from svct.selfcheck.run import run_checks

    report = run_checks(A)
    if report.failed:
        names = "; ".join(f"{row.name} ({row.backend})" for row in report.failed)
        raise AssertionError(
            f"{A.scan.kind} geometry: expected values below their limits, got others: {names}\n{report}"
        )
    return report


def projectors(backend: str = "native") -> "SearchStrategy[Projector]":
    """Return a hypothesis strategy for projectors of every geometry, at odd shapes.

    Sizes go down to one view, one bin, one row and one voxel; the source may stand within the grid.

    Args:
        backend: The backend of the projectors.
    """
    from hypothesis import assume
    from hypothesis import strategies as st

    lengths, counts = st.floats(0.3, 4.0), st.integers(1, 19)

    @st.composite
    def draw_one(draw: st.DrawFn) -> Projector:
        angles = draw(st.lists(st.floats(-7, 7), min_size=1, max_size=4))
        kind = draw(st.sampled_from(["parallel", "fan", "parallel 3D", "cone", "tilted cone", "helix"]))
        options: dict[str, Any] = {"bins": draw(counts), "bin_mm": draw(lengths)}
        if kind not in ("parallel", "fan"):
            options |= {"rows": draw(counts), "row_mm": draw(lengths)}
        if "parallel" not in kind:
            options |= {"source_mm": draw(st.floats(1, 60)), "detector_mm": draw(st.floats(0, 60))}
            options["curved"] = draw(st.booleans())
        if kind == "tilted cone":
            options["tilt"] = (draw(st.floats(-1, 1)), draw(st.floats(-1, 1)), 0.0)
        if kind == "helix":
            options["pitch_mm"] = draw(st.floats(0, 20))
        beams = {"parallel": ParallelBeam, "fan": FanBeam, "helix": Helical, "parallel 3D": ParallelBeam}
        scan = beams.get(kind, ConeBeam)(angles, **options)
        shape = tuple(draw(st.integers(1, 23)) for _ in range(scan.ndim))
        if scan.curved:
            # A tilt of up to a radian brings the detector nearer to the source.
            assume(scan.detector_shape[-1] * options["bin_mm"] < 1.5 * (scan.source_mm + scan.detector_mm))
        return Projector(scan, Grid(shape=shape, voxel_mm=draw(lengths)), backend)

    return draw_one()
