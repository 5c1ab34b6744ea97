"""The shared unrolled reconstruction network."""

import copy
from contextlib import nullcontext
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from svct.errors import InputError, unknown_name
from svct.geometry.arrays import as_tensor
from svct.geometry.projector import Projector
from svct.recon.checks import check_data
from svct.recon.data_step import DIRECTIONS, DataStep, conditions
from svct.recon.metal import interpolate_metal
from svct.recon.regularisers import CONDITIONS, regulariser
from svct.units import MU_WATER

FORMS = ("2d", "2.5d", "3d")
"""What the regulariser sees of a volume: one slice, a slice and its two neighbours, or all of it."""


class UnrolledNet(nn.Module):
    """Image-domain unrolling: data steps, each followed by a small network with memory.

    The convolutions see images only, so that the weights know nothing of which or how many views there are; they are
    told of the noise level and the density of views alone.

    Args:
        unrolls: Number of data steps, each with a network of its own.
        width: Channels of its finest convolutions.
        memory: Channels that one unroll hands to the next.
        network: Name of the regulariser, one of `svct.recon.regularisers.REGULARISERS`.
        depth: Its resolutions, or its residual pairs.
        directions: Images that a data step makes of the residual, of `svct.recon.data_step.DIRECTIONS`.
        form: One of `FORMS`. ``"2d"`` takes images, and volumes slice by slice with data steps of the whole volume.

    Raises:
        UnknownNameError: No such regulariser or form.
        InputError: No such direction.

    Notes:
        x <- x + sum_i a_i d_i + CNN(x, d, memory), from x = 0, with the residual images d of
        `svct.recon.data_step.DataStep` and steps a that depend linearly on the conditions. After ItNet (Genzel et al.
        2022, arXiv 2106.00280) and LEARN (Chen et al. 2018, IEEE Trans. Med. Imaging 37:1333). While it trains, every
        unroll is computed again for its gradient if `checkpointing` is set (Chen et al. 2016, arXiv 1604.06174): what
        is kept then is the image and the memory of each unroll.
    """

    def __init__(
        self,
        *,
        unrolls: int = 5,
        width: int = 24,
        memory: int = 6,
        network: str = "unet",
        depth: int = 3,
        directions: tuple[str, ...] | list[str] = DIRECTIONS,
        form: str = "2d",
    ) -> None:
        super().__init__()
        if form not in FORMS:
            raise unknown_name("form", form, list(FORMS))
        if not directions or set(directions) - set(DIRECTIONS):
            raise InputError(f"directions: expected some of {', '.join(DIRECTIONS)}, got {', '.join(directions)}")
        self.config = {
            "unrolls": unrolls,
            "width": width,
            "memory": memory,
            "network": network,
            "depth": depth,
            "directions": list(directions),
            "form": form,
        }
        self.form, self.memory, self.directions = form, memory, tuple(directions)
        self.checkpointing = self.reduced = self.metal_free = False
        count = len(self.directions)
        seen = (1 + count + memory) * (3 if form == "2.5d" else 1)
        self.nets = nn.ModuleList(
            regulariser(network, seen, 1 + memory, width=width, depth=depth, solid=form == "3d") for _ in range(unrolls)
        )
        start = torch.full((unrolls, count), 0.8 / count)
        start[0] = torch.tensor([0.9 if name == self.directions[0] else 0.0 for name in self.directions])
        self.steps = nn.Parameter(start)
        self.slopes = nn.Parameter(torch.zeros(unrolls, count, CONDITIONS))

    def forward(
        self,
        y: Any,
        A: Projector,
        *,
        view_weights: Float[Tensor, " view"] | None = None,
        view_loads: Float[Tensor, " view"] | None = None,
    ) -> Any:
        """Reconstruct.

        Args:
            y: Log data, float32 ``(..., [rows,] views, bins)``; torch, NumPy or CuPy.
            A: The projector of these views.
            view_weights: Radians that each view stands for, ``(views,)``; 0 leaves a view out. Default: its arc length.
            view_loads: Tube load of each view over the mean, ``(views,)``. Default: 1.

        Returns:
            Attenuation ``(..., [nz,] ny, nx)``, 1/mm, of the same kind as `y`; differentiable in `y` and
            `view_weights`.

        Raises:
            InputError: Wrong shape, NaN or infinity, or an image for a network of volumes.

        Example:
            >>> from svct.geometry import Grid, ParallelBeam
            >>> A = Projector(ParallelBeam([0.0, 0.8, 1.6, 2.4], bins=16), Grid(shape=(16, 16)))
            >>> UnrolledNet(unrolls=2, width=4)(torch.rand(1, 4, 16), A).shape
            torch.Size([1, 16, 16])
        """
        data, back = as_tensor(y, "y")
        x, _, _, _ = self._run(data, A, view_weights, view_loads)
        return back((x * MU_WATER).reshape(*data.shape[: -A.scan.ndim], *A.domain_shape))

    def halved(self) -> "UnrolledNet":
        """Return the same network, weights shared, whose convolutions compute in bfloat16.

        Its images differ by about 0.01 dB. On processors and GPUs that have the format it is nearly twice as fast, on
        others slower.
        """
        other = copy.copy(self)
        other.reduced = True
        return other

    def without_metal(self) -> "UnrolledNet":
        """Return the same network, weights shared, that interpolates rays through metal first.

        Its images do not show the metal; see `svct.recon.metal.interpolate_metal`.
        """
        other = copy.copy(self)
        other.metal_free = True
        return other

    def features(self, y: Float[Tensor, "..."], A: Projector) -> Float[Tensor, "batch channel ..."]:
        """Reconstruct, and return what a head on top of the network may read.

        Args:
            y: Log data, float32 ``(..., [rows,] views, bins)``.
            A: The projector of these views.

        Returns:
            ``(batch, 1 + directions + memory, [nz,] ny, nx)``: the image in units of water's attenuation, the residual
            images that are left, and the memory of the last unroll.

        Raises:
            InputError: As `forward`.
        """
        x, memory, batch, step = self._run(y, A, None)
        return torch.cat([x[:, None], step(batch - A(x)).transpose(0, 1), memory], dim=1)

    def _run(
        self,
        data: Float[Tensor, "..."],
        A: Projector,
        view_weights: Float[Tensor, " view"] | None,
        view_loads: Float[Tensor, " view"] | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, DataStep]:
        """Return the image and the memory of the last unroll, the data, all in units of water, and the data step."""
        check_data(data, A, volumes=True)
        if self.form != "2d" and A.scan.ndim == 2:
            raise InputError(f"A: expected a volume for a network of the form {self.form}, got images; use a 2d one")
        weights = None if view_weights is None else view_weights.to(data.device)
        batch = data.reshape(-1, *A.range_shape)
        if self.metal_free:
            batch, _ = interpolate_metal(batch, A, view_weights=weights)
        told = conditions(batch, A, weights)
        loads = None if view_loads is None else view_loads.to(data.device)
        step = DataStep(batch, A, weights, self.directions, loads)
        batch = batch / MU_WATER
        x = batch.new_zeros((len(batch), *A.domain_shape))
        memory = batch.new_zeros((len(batch), self.memory, *A.domain_shape))
        for unroll in range(len(self.nets)):
            args = (unroll, x, memory, batch, step, told, A)
            if self.checkpointing and torch.is_grad_enabled():
                x, memory = checkpoint(self._unroll, *args, use_reentrant=False)
            else:
                x, memory = self._unroll(*args)
        return x, memory, batch, step

    def _unroll(
        self,
        unroll: int,
        x: Float[Tensor, "batch ..."],
        memory: Float[Tensor, "batch memory *space"],
        batch: Float[Tensor, "batch ..."],
        step: DataStep,
        told: Float[Tensor, "batch condition"],
        A: Projector,
    ) -> tuple[Float[Tensor, "batch ..."], Float[Tensor, "batch memory *space"]]:
        d = step(batch - A(x), first=unroll == 0).transpose(0, 1)
        sizes = self.steps[unroll] + told @ self.slopes[unroll].T
        out = self._regularise(unroll, torch.cat([x[:, None], d, memory], dim=1), told)
        x = x + torch.einsum("bi,bi...->b...", sizes, d) + out[:, 0]
        return x, memory + out[:, 1:]

    def _regularise(
        self, unroll: int, seen: Float[Tensor, "batch channel *space"], told: Float[Tensor, "batch condition"]
    ) -> Float[Tensor, "batch out *space"]:
        """Apply the network of an unroll, to the slices of volumes where it is one of images."""
        net = self.nets[unroll]
        if self.form == "3d":
            volume: Tensor = net(seen, told).float()
            return volume
        solid = seen.ndim == 5
        slices = seen.shape[2] if solid else 1
        if self.form == "2.5d":
            padded = torch.cat([seen[:, :, :1], seen, seen[:, :, -1:]], dim=2)
            seen = torch.cat([padded[:, :, :-2], seen, padded[:, :, 2:]], dim=1)
        if solid:
            seen = seen.transpose(1, 2).flatten(0, 1)
        precision = torch.autocast(seen.device.type, dtype=torch.bfloat16) if self.reduced else nullcontext()
        with precision:
            images: Tensor = net(
                seen.contiguous(memory_format=torch.channels_last), told.repeat_interleave(slices, dim=0)
            ).float()
        return torch.stack(torch.split(images, slices)).transpose(1, 2) if solid else images
