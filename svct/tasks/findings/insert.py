"""Putting a finding into an image of CT numbers, drawn or real."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from svct.errors import InputError
from svct.geometry.grid import Grid
from svct.tasks.findings.finding import Finding, Part
from svct.tasks.findings.outline import Window, coverage, pixel_centres
from svct.tasks.phantoms.texture import random_field

Array = NDArray[np.float64]

WALL_HU = 60.0
"""What is denser by more than this than what fills a space belongs to its wall, HU."""


@dataclass(frozen=True, eq=False)
class Insertion:
    """A finding in an image.

    Args:
        hu: The image with the finding, HU, float64 ``(ny, nx)``; untouched pixels keep their value exactly.
        finding: The finding, its attenuation and contrast as they came out.
        coverage: How much of each pixel the finding covers, 0 to 1, ``(ny, nx)``.
    """

    hu: Array = field(repr=False)
    finding: Finding
    coverage: Array = field(repr=False)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Pixels that the finding covers by more than half, ``(ny, nx)``."""
        return self.coverage > 0.5


def insert(hu: NDArray[np.floating], grid: Grid, finding: Finding, *, strength: float = 1.0) -> Insertion:
    """Put a finding into an image.

    Args:
        hu: CT numbers, ``(ny, nx)``, HU; not changed.
        grid: The image's 2D grid.
        finding: The finding, in the same world coordinates.
        strength: 1 for the finding; 0 for a sham, which runs the same code with no contrast. Parts with role
            ``"setting"`` are put in at full strength either way.

    Raises:
        InputError: The image does not fit the grid, or no pixel of it is covered.

    Notes:
        x' = x + strength * c * change, with c the coverage and change = opacity (t - x) for mode mix,
        opacity max(t - x, 0) for fill and t for add, t being the part's CT number with its texture. So a pixel at the
        edge takes what its share of the new tissue gives it (partial volume). The contrast is the sum of all changes
        over the sum of the coverage, the wall that a part with mode fill reaches into left out.
    """
    if hu.shape != grid.shape or len(grid.shape) != 2:
        raise InputError(f"insert: expected an image of the 2D grid's shape {grid.shape}, got {hu.shape}")
    image = np.array(hu, np.float64)
    before = image
    covered: Array = np.zeros_like(image)
    weight: Array = np.zeros_like(image)
    change: Array = np.zeros_like(image)
    for part in finding.parts:
        window, share = coverage(part.outlines, grid, soft_mm=part.soft_mm)
        if part.role == "sign" and not covered.any():
            before = image.copy()
        counts = part.mode != "fill" or image[window] < part.hu + WALL_HU
        step = share * _change(image[window], part, _texture(part, finding, grid, window))
        image[window] += (1.0 if part.role == "setting" else strength) * step
        if part.role == "sign":
            covered[window] = np.maximum(covered[window], share)
            weight[window] = np.maximum(weight[window], share * counts)
            change[window] += strength * step
    if not covered.any():
        raise InputError(
            f"insert: expected a finding on the grid, got {finding.type} at {finding.centre_mm} mm, outside of it"
        )
    weight = weight if weight.any() else covered
    contrast = float((change * (weight > 0)).sum() / weight.sum())
    background = float((weight * before).sum() / weight.sum())
    measured = replace(finding, attenuation_hu=round(background + contrast, 3), contrast_hu=round(contrast, 3))
    return Insertion(image, measured, covered)


def _change(here: Array, part: Part, texture: Array | float) -> Array:
    if part.mode == "add":
        return np.broadcast_to(part.hu + texture, here.shape)
    change = part.opacity * (part.hu + texture - here)
    return np.maximum(change, 0.0) if part.mode == "fill" else change


def _texture(part: Part, finding: Finding, grid: Grid, window: Window) -> Array | float:
    if not part.ripple_hu:
        return 0.0
    x, y = pixel_centres(grid)
    noise = random_field(np.random.default_rng(part.seed), part.ripple_mm)
    values = noise.on_lattice(x[window[1]], y[window[0]], centre=finding.centre_mm, angle=finding.turn_rad)
    return part.ripple_hu * values.astype(np.float64)
