"""Reconstruct volumes and stacks in parts, each from the data that it needs, so that memory stays bounded."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError
from svct.geometry.grid import Grid
from svct.geometry.helical import Helical
from svct.geometry.projector import Projector
from svct.geometry.scan import Scan
from svct.geometry.vector import VectorBeam
from svct.recon.frames import upright_frames
from svct.recon.rows import keep_rows, rows_seen, slice_scan

ANALYTIC = ("fbp",)
"""Methods that reconstruct any part of a volume alone, from scans that are no helices."""

BACKBONE = ("unrolled", "polished")
PLANAR = (*BACKBONE, "unrolled-std")
"""Methods that go slice by slice where they can; of a volume as a whole those of `BACKBONE`."""

BUDGET_BYTES = 2**30
"""Working memory that slabs of the default size stay below, as far as one slice does."""

MOST_SLICES = 16
"""The most slices that are reconstructed together by default: more are no faster, and fewer resume closer."""


@dataclass(frozen=True)
class Slab:
    """Some slices of a result, and the data they need.

    Args:
        slices: Which slices, counted over the leading axes of the result.
        planes: Which planes ``(view, col)`` of the data, counted over their leading axes.
        A: The projector between them.
        rows_up: Whether the result counts rows upwards where the images of `A` count them downwards.
    """

    slices: range
    planes: range
    A: Projector
    rows_up: bool = False

    def reconstruct(
        self, y: Float[Tensor, "plane view col"], method: Callable[[Tensor, Projector], Tensor]
    ) -> Float[Tensor, "slice y x"]:
        """Reconstruct these slices.

        Args:
            y: The data of `planes`, line integrals.
            method: Takes a batch of data and their projector, and returns the batch of images or volumes.

        Returns:
            Attenuation, 1/mm.
        """
        x = method(y.reshape(-1, *self.A.range_shape), self.A)
        x = x.reshape(-1, *x.shape[-2:])
        return x.flip(-2) if self.rows_up else x


@dataclass(frozen=True)
class Plan:
    """How a result is parted; iterating makes the slabs one by one.

    Args:
        shape: Of the whole result, ``(..., y, x)``.
        size: Slices per slab.
        make: Makes the slab of some slices.
        note: What the user should know of it, in words; empty where there is nothing.
    """

    shape: tuple[int, ...]
    size: int
    make: Callable[[range], Slab]
    note: str = ""

    @property
    def slices(self) -> int:
        """How many slices there are, over all leading axes."""
        return math.prod(self.shape[:-2])

    def __len__(self) -> int:
        return -(-self.slices // self.size)

    def __iter__(self) -> Iterator[Slab]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int) -> Slab:
        first = index * self.size
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.make(range(first, min(first + self.size, self.slices)))


def plan_slabs(scan: Scan, grid: Grid, lead: tuple[int, ...], *, method: str, size: int | None = None) -> Plan:
    """Part a reconstruction into slabs.

    Args:
        scan: The scan of the views that are used.
        grid: The grid of the volume, or of one image of a stack.
        lead: Leading axes of the data: those of the stack, and of 3D scans the rows as the last.
        method: Name of the method.
        size: Slices per slab. Default: all of a volume for iterative methods; else as many as memory allows.

    Raises:
        InputError: A size for a reconstruction that cannot be parted, or a 3D scan for a 2D method.

    Example:
        >>> from svct.geometry import ParallelBeam
        >>> scan = ParallelBeam([0.0, 1.0], rows=6, bins=9)
        >>> [slab.planes for slab in plan_slabs(scan, Grid((6, 8, 8)), (6,), method="fbp", size=3)]
        [range(0, 4), range(2, 6)]

    Notes:
        Images of a stack are independent, and so are the slices of a parallel beam whose rows lie at the slices'
        heights: they go through the methods as 2D images, so that penalties act within slices. Filtered back
        projection takes part of any volume from the detector rows that see it. In the iterative reconstruction of a
        cone beam all slices depend on all data.
    """
    if scan.ndim == 2:
        return _stack(Projector(scan, grid), lead, method, size)
    whole = method in BACKBONE and size is None and slice_scan(scan, grid) is None
    if (method in PLANAR and not whole) or (size is not None and method not in ANALYTIC):
        return _slice_by_slice(scan, grid, lead, method, size)
    if method in ANALYTIC and len(lead) == 1 and not isinstance(scan, Helical):
        return _parts_of_volume(scan, grid, size)
    if size is not None and isinstance(scan, Helical):
        raise InputError("slab: expected a scan on a circle to reconstruct in slabs, got a helix; leave it out")
    if size is not None:
        raise InputError(f"slab: expected one volume to reconstruct in slabs, got {lead[:-1]} of them; leave it out")
    A = Projector(scan, grid)
    shape = (*lead[:-1], *grid.shape)
    return Plan(shape, math.prod(shape[:-2]), lambda slices: Slab(slices, range(math.prod(lead)), A))


def _stack(A: Projector, lead: tuple[int, ...], method: str, size: int | None) -> Plan:
    if method in PLANAR and isinstance(A.scan, VectorBeam):
        raise InputError(
            f"{method}: expected a parallel or fan beam, got one of vectors; take fbp or an iterative method"
        )
    size = size or _default_size(A, method)
    return Plan((*lead, *A.domain_shape), size, lambda slices: Slab(slices, slices, A))


def _slice_by_slice(scan: Scan, grid: Grid, lead: tuple[int, ...], method: str, size: int | None) -> Plan:
    found = slice_scan(scan, grid) if len(lead) == 1 else None
    if found is None:
        why = (
            "error bars are those of images"
            if method == "unrolled-std"
            else "all slices depend on all data; leave the slab out, or take fbp"
        )
        raise InputError(
            f"{method}{'' if size is None else ' in slabs'}: expected a stack of 2D scans, or one parallel beam with a "
            f"row at the height of each slice (row_mm = voxel_mm), got {type(scan).__name__} in 3D"
            f"{f', {lead[:-1]} of them' if lead[:-1] else ''}: {why}"
        )
    flat, flat_grid, first = found
    A = Projector(flat, flat_grid)
    size = size or _default_size(A, method)

    def make(slices: range) -> Slab:
        return Slab(slices, range(first + slices.start, first + slices.stop), A, rows_up=True)

    note = f"{method}: slices are reconstructed one by one, as 2D images"
    return Plan(grid.shape, size, make, note)


def _parts_of_volume(scan: Scan, grid: Grid, size: int | None) -> Plan:
    upright_frames(scan)  # refuses what has no formula before the work begins
    slices = grid.shape[0]

    def make(part: range) -> Slab:
        z = grid.origin_mm[2] + ((part[0] + part[-1]) / 2 - (slices - 1) / 2) * grid.voxel_mm
        some = Grid((len(part), *grid.shape[1:]), grid.voxel_mm, (*grid.origin_mm[:2], z))
        rows = rows_seen(scan, some)
        return Slab(part, rows, Projector(keep_rows(scan, rows), some))

    if size is None:
        size = slices
        pixels, rays = math.prod(grid.shape[1:]), len(scan) * scan.detector_shape[-1]
        while size > 1 and 4 * (4 * len(make(range(size)).planes) * rays + 3 * size * pixels) > BUDGET_BYTES:
            size = -(-size // 2)
    if size >= slices:
        A, rows = Projector(scan, grid), range(scan.detector_shape[0])
        return Plan(grid.shape, slices, lambda part: Slab(part, rows, A))
    return Plan(grid.shape, size, make)


def _default_size(A: Projector, method: str) -> int:
    pixels, rays = math.prod(A.domain_shape), math.prod(A.range_shape)
    per_slice = 4 * (8 * rays + (220 if method in PLANAR else 20) * pixels)
    return min(max(1, BUDGET_BYTES // per_slice), MOST_SLICES)
