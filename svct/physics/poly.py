"""The polychromatic forward model: exact Beer-Lambert per energy, with projections per material."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError
from svct.physics.materials import Material, material

Project = Callable[[Tensor], Tensor]
"""A linear operator from images ``(..., y, x)`` to line integrals, such as `svct.geometry.Projector`."""


def basis_attenuation(
    basis: Sequence[str | Material], energies_kev: Float[Tensor, " energy"]
) -> Float[Tensor, "energy material"]:
    """Return the attenuation of each material at each energy, 1/mm, float64.

    Args:
        basis: Materials, or their names.
        energies_kev: Energies, keV.
    """
    columns = [torch.from_numpy(material(m).attenuation(energies_kev.double().cpu().numpy())) for m in basis]
    return torch.stack(columns, dim=1)


def attenuate(
    lines: Float[Tensor, " material *ray"],
    mu: Float[Tensor, "energy material"],
    air: Float[Tensor, " energy *air"],
) -> Float[Tensor, " energy *ray"]:
    """Return the expected photons behind the object.

    Args:
        lines: Line integrals of each material's volume fraction, mm.
        mu: Attenuation of each material at each energy, 1/mm.
        air: Expected photons without the object, of a shape that broadcasts to the rays.

    Returns:
        Photons per energy bin and ray, in the dtype of `lines`; differentiable in all three.

    Notes:
        n(E) = n0(E) exp(-sum over materials of mu_m(E) l_m). Only this sum of a few numbers is done per energy: the
        projections, which cost the time, are done once per material.
    """
    # In place where nothing is differentiated: the photons of all energies are the largest array of a scan.
    transmission: Tensor = torch.tensordot(-mu.to(lines), lines, dims=1).exp_()
    air = air.to(lines)
    differentiated = transmission.requires_grad or air.requires_grad
    return transmission * air if differentiated else transmission.mul_(air)


class PolychromaticModel:
    """From images of materials and mAs per view to the expected photons of each energy at the detector.

    Args:
        projectors: The operator; or several with their weights, whose intensities are averaged: the parts of a focal
            spot and of a view's exposure while the gantry turns, see `svct.physics.exposure.spread`.
        basis: The materials, in the order of the images' leading axis.
        air: Photons per mAs, energy and ray without an object, ``(energy, [row,] 1 or view, bin)``.
        energies_kev: Energy of each bin, keV.

    Raises:
        InputError: No material, or weights that do not add up to 1.

    Example:
        >>> from svct.geometry import FanBeam, Grid, Projector
        >>> from svct.physics.beam import Beam
        >>> from svct.physics.spectrum import monochromatic
        >>> scan = FanBeam([0.0, 1.0], bins=8, bin_mm=4.0, source_mm=500, detector_mm=500)
        >>> beam = Beam(monochromatic(60.0, 1e4))
        >>> A = Projector(scan, Grid((8, 8)))
        >>> model = PolychromaticModel(A, ["water"], beam.photons(scan), beam.energies_kev)
        >>> model(torch.zeros(1, 8, 8), torch.tensor([1.0, 2.0])).shape
        torch.Size([1, 2, 8])
    """

    def __init__(
        self,
        projectors: Project | Sequence[tuple[float, Project]],
        basis: Sequence[str | Material],
        air: Float[Tensor, " energy *air"],
        energies_kev: Float[Tensor, " energy"],
    ) -> None:
        self.projectors: list[tuple[float, Project]] = (
            list(projectors) if isinstance(projectors, Sequence) else [(1.0, projectors)]
        )
        if not basis or abs(sum(weight for weight, _ in self.projectors) - 1) > 1e-6:
            raise InputError("PolychromaticModel: expected one material or more, and weights that add up to 1")
        self.basis = tuple(material(m) for m in basis)
        self.air = air
        self.energies_kev = energies_kev
        self.mu = basis_attenuation(self.basis, energies_kev)

    def __repr__(self) -> str:
        names = ", ".join(m.name for m in self.basis)
        return f"PolychromaticModel({len(self.projectors)} projectors of {names}, {len(self.energies_kev)} energies)"

    def __call__(
        self, x: Float[Tensor, " material *image"], mas: Float[Tensor, " view"]
    ) -> Float[Tensor, " energy *ray"]:
        """Return the expected photons per energy and ray.

        Args:
            x: Volume fraction of each material, 1 where a voxel is full of it at its own density.
            mas: Load of each view, mAs; 0 for views that are not exposed, whose rays expect no photons.

        Returns:
            ``(energy, [row,] view, bin)``, differentiable in `x` and `mas`.

        Raises:
            InputError: As many images as materials are missing, or a negative or infinite load.
        """
        if len(x) != len(self.basis):
            raise InputError(f"x: expected one image per material, {len(self.basis)}, got {len(x)}")
        loads = check_loads(mas)
        air = self.air.to(x.device) * loads.to(x.device)[:, None]
        total: Tensor | None = None
        for weight, project in self.projectors:
            part = attenuate(project(x), self.mu.to(x.device), air)
            part = part if weight == 1 else weight * part
            total = part if total is None else total + part
        assert total is not None  # there is at least one projector: the weights add up to 1
        return total


def check_loads(mas: Float[Tensor, " view"]) -> Float[Tensor, " view"]:
    """Return loads that are finite and not negative.

    Raises:
        InputError: They are not; the message names the first view.
    """
    bad = ~(mas.isfinite() & (mas >= 0))
    if bool(bad.any()):
        view = int(bad.nonzero()[0])
        raise InputError(f"mas: expected 0 mAs or more for every view, got {float(mas[view]):g} in view {view}")
    return mas
