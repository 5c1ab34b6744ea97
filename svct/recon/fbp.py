"""Filtered back projection for views at any angles, in every geometry that has a formula."""

from typing import Any

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from svct.errors import InputError
from svct.geometry.arrays import as_tensor
from svct.geometry.helical import Helical
from svct.geometry.projector import Projector
from svct.recon.backproject import backproject_pixels
from svct.recon.checks import check_data
from svct.recon.frames import upright_frames
from svct.recon.helical import helical_fbp
from svct.recon.offset import displaced_detector
from svct.recon.preparation import filter_views
from svct.recon.short_scan import redundancy_weights, view_coverage


def fbp(
    y: Any,
    A: Projector,
    *,
    filter: str = "ramp",
    view_weights: Float[Tensor, " view"] | None = None,
    coverage: str = "auto",
) -> Any:
    """Reconstruct by filtered back projection; a cone beam by that of Feldkamp, Davis and Kress, a helix by WFBP.

    Args:
        y: Log data, float32 ``(..., [rows,] views, bins)``; torch, NumPy or CuPy.
        A: The projector of these views: parallel, fan or cone beam or a helix, flat or curved, 2D or 3D, its detector
            offset or not; views of a `VectorBeam` where their sources stand on a circle around the z axis and their
            detectors upright.
        filter: Name of the ramp filter: ramp, shepp-logan, cosine, hamming or hann.
        view_weights: Radians that each view stands for, ``(views,)``. Default: its arc length.
        coverage: Of a fan or cone beam's views: ``"full"`` circle, ``"short"`` scan, or ``"auto"``, which looks for a
            gap that stands out, see `svct.recon.short_scan.view_coverage`. Over a full turn, in parallel beam too, a
            detector that sees the grid on one side of the axis only is taken for a displaced one, see
            `svct.recon.offset`; ``"short"`` turns that off. A helix takes ``"auto"`` alone, and no `view_weights`.

    Returns:
        Attenuation ``(..., [nz,] ny, nx)``, 1/mm, of the same kind as `y`; differentiable in `y` and `view_weights`.
        Where some views do not see a pixel, they add nothing and it comes out too low. Slices that a helix does not
        cover are zero, and a warning names those that it does.

    Raises:
        InputError: Wrong shape, NaN or infinity, a geometry without a formula (a leaning detector, sources off the
            circle), a detector that does not see the axis, a half fan that does not reach the edge of the grid, or for
            a helix what `svct.recon.helical.helical_fbp` names.
        UnknownNameError: No such filter or coverage.

    Example:
        >>> import torch
        >>> from svct.geometry import Grid, ParallelBeam
        >>> A = Projector(ParallelBeam(torch.arange(60) * torch.pi / 60, bins=32), Grid(shape=(32, 32)))
        >>> x = torch.zeros(32, 32)
        >>> x[10:22, 10:22] = 0.02
        >>> round(float(fbp(A(x), A)[16, 16]), 2)
        0.02

    Notes:
        Kak and Slaney 1988, chapter 3: ramp along the detector, then for every pixel the sum over views of the value on
        its ray times the view's arc. With S the source, r the way from it to a bin and w the redundancy weight (a half
        on a full circle, Wang's where the detector is displaced, Parker's on a short scan), ::

            q = h * (w (-S . r)_xy / |r| y),    x = sum over views of arc L / d^2 q        (flat)
            q = h' * (w (-S . r)_xy / |r| y),   x = sum over views of arc 1 / d^2 q        (curved)

        where h is the ramp kernel and h' that of equal angles, (g / sin g)^2 h(g). L and d are the distances from the
        source to detector and pixel, along the detector's normal where it is flat (section 3.4.2; -S . r instead of the
        cosine lets the normal miss the axis) and in the plane of the turn where it is curved (section 3.4.1). In cone
        beam rows are filtered one by one and |r| counts the height (Feldkamp, Davis and Kress 1984, J. Opt. Soc. Am. A
        1:612), exact in the plane of the source. In 3D parallel beam every slice is exact. For a helix see
        `svct.recon.helical.helical_fbp`.
    """
    data, back = as_tensor(y, "y")
    check_data(data, A, volumes=True)
    scan = A.scan
    if isinstance(scan, Helical):
        _require_plain(view_weights, coverage)
        image = helical_fbp(data.reshape(-1, *A.range_shape), scan, A.grid, filter=filter)
        return back(image.reshape(*data.shape[:-3], *A.domain_shape))
    frames = upright_frames(scan)
    covered = view_coverage(scan, coverage)
    batch = data.reshape(-1, *A.range_shape) if scan.ndim == 3 else data.reshape(-1, 1, *A.range_shape)
    arcs, redundancy = covered.arcs, redundancy_weights(scan, covered)
    displaced = displaced_detector(scan, frames, covered, grid=A.grid, coverage=coverage)
    if displaced is not None:
        arcs, frames = displaced.arcs, displaced.frames
        redundancy, batch = pad(displaced.weights, displaced.pad), pad(batch, displaced.pad)
    weights = arcs if view_weights is None else view_weights
    filtered = filter_views(batch, frames, redundancy.to(data.device), weights.to(data.device), filter)
    image = backproject_pixels(filtered, frames, A.grid)
    return back(image.reshape(*data.shape[: -scan.ndim], *A.domain_shape))


def fdk(
    y: Any,
    A: Projector,
    *,
    filter: str = "ramp",
    view_weights: Float[Tensor, " view"] | None = None,
    coverage: str = "auto",
) -> Any:
    """Reconstruct a cone beam on a circle (Feldkamp, Davis and Kress) or a helix (WFBP); the same as `fbp` of it.

    Args:
        y: Log data, float32 ``(..., rows, views, bins)``; torch, NumPy or CuPy.
        A: The projector of these views, of a `ConeBeam`, a `Helical` or a cone's `VectorBeam`.
        filter: As in `fbp`, like all that follow.
        view_weights: Radians that each view stands for, ``(views,)``. Default: its arc length.
        coverage: ``"full"`` circle, ``"short"`` scan, or ``"auto"``.

    Returns:
        Attenuation ``(..., nz, ny, nx)``, 1/mm, of the same kind as `y`.

    Raises:
        InputError: Not a cone beam, or as `fbp`.

    Example:
        >>> import torch
        >>> from svct.geometry import ConeBeam, Grid
        >>> sizes = {"rows": 16, "bins": 32, "row_mm": 2, "bin_mm": 2, "source_mm": 200, "detector_mm": 200}
        >>> A = Projector(ConeBeam(torch.arange(90) * torch.pi / 45, **sizes), Grid(shape=(12, 24, 24)))
        >>> x = torch.zeros(12, 24, 24)
        >>> x[2:10, 6:18, 6:18] = 0.02
        >>> round(float(fdk(A(x), A)[6, 12, 12]), 2)
        0.02
    """
    if not (A.scan.divergent and A.scan.ndim == 3):
        raise InputError(f"fdk: expected a cone beam, got {type(A.scan).__name__} in {A.scan.ndim}D; use fbp")
    return fbp(y, A, filter=filter, view_weights=view_weights, coverage=coverage)


def _require_plain(view_weights: Tensor | None, coverage: str) -> None:
    """Refuse what the views of a helix cannot be told, which are resampled to even ones."""
    if view_weights is not None:
        raise InputError("view_weights: expected none for a helix, whose views are resampled to even steps, got some")
    if coverage != "auto":
        raise InputError(
            f"coverage: expected 'auto' for a helix, which covers slices and not the circle, got {coverage!r}"
        )
