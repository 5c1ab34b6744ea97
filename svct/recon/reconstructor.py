"""Reconstruction methods by name: svct's own, and those that packages add."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from svct.errors import InputError, unknown_name
from svct.geometry.projector import Projector
from svct.recon.cgls import cgls
from svct.recon.fbp import fbp
from svct.recon.mlem import mlem
from svct.recon.networks import load_backbone
from svct.recon.polish import polish
from svct.recon.priors import QGGMRF, Huber, Prior, Quadratic
from svct.recon.pwls import pwls
from svct.recon.sirt import sart, sirt
from svct.recon.tgv import tgv
from svct.recon.tv import tv
from svct.recon.uncertainty import load_uncertainty
from svct.recon.weights import count_weights
from svct.registry import entry_points_of, load

GROUP = "svct.reconstructors"
"""Entry-point group: each entry is a `Reconstructor` of the entry's name."""

PRIORS: dict[str, type[Prior]] = {"quadratic": Quadratic, "huber": Huber, "qggmrf": QGGMRF}
"""Penalties of `pwls` by the name that the command line has for them."""


@dataclass(frozen=True)
class Reconstructor(ABC):
    """A method that `svct reconstruct --method` and `svct bench recon --method` take.

    Args:
        name: As it is registered.
        options: Which options of `svct reconstruct` go with it, such as ``"iterations"``; others are refused.
        iterations: How many it does where none are given; 0 for a method that does not iterate.
        gives_image: False for a method that gives something else of an image's shape, such as error bars.
    """

    name: str
    options: tuple[str, ...] = ()
    iterations: int = 0
    gives_image: bool = True

    @abstractmethod
    def reconstruct(
        self,
        y: Float[Tensor, "n ..."],
        A: Projector,
        *,
        settings: Mapping[str, Any],
        each: Callable[[int], Any],
        say: Callable[[str], Any],
    ) -> Float[Tensor, "n ..."]:
        """Reconstruct a batch.

        Args:
            y: Log data, one scan per image or volume.
            A: Their projector.
            settings: Values of `options` that were given, by name.
            each: Called after each iteration with its number.
            say: Takes lines for the user.

        Returns:
            Attenuation, 1/mm.
        """


@dataclass(frozen=True)
class Analytic(Reconstructor):
    """Filtered back projection."""

    def reconstruct(
        self,
        y: Float[Tensor, "n ..."],
        A: Projector,
        *,
        settings: Mapping[str, Any],
        each: Callable[[int], Any],
        say: Callable[[str], Any],
    ) -> Float[Tensor, "n ..."]:
        """Reconstruct a batch; see `Reconstructor.reconstruct`."""
        x: Tensor = fbp(y, A, **settings)
        return x


@dataclass(frozen=True)
class Iterative(Reconstructor):
    """An iterative method, its rays weighted for each scan by that scan's counts if asked.

    Args:
        solve: The method, called ``(y, A, each=..., **settings)``.
        positive: Whether it takes no negative data.
    """

    solve: Callable[..., Tensor] = sirt
    positive: bool = False

    def reconstruct(
        self,
        y: Float[Tensor, "n ..."],
        A: Projector,
        *,
        settings: Mapping[str, Any],
        each: Callable[[int], Any],
        say: Callable[[str], Any],
    ) -> Float[Tensor, "n ..."]:
        """Reconstruct a batch; see `Reconstructor.reconstruct`."""
        given = dict(settings)
        if "prior" in given:
            if given["prior"] not in PRIORS:
                raise unknown_name("prior", given["prior"], list(PRIORS))
            given["prior"] = PRIORS[given["prior"]]()
        if given.pop("weighted", False):
            given["weights"] = torch.stack([count_weights(scan) for scan in y])
        if self.positive and bool((y < 0).any()):
            say("note: negative values of the data are taken as 0")
            y = y.clamp(min=0)
        return self.solve(y, A, each=each, **given)


@dataclass(frozen=True)
class Backbone(Reconstructor):
    """The shared unrolled network; where it gives no image, the standard deviation of its error.

    Args:
        polished: Lead images that do not explain their data towards them, see `svct.recon.polish`.
    """

    polished: bool = False

    def reconstruct(
        self,
        y: Float[Tensor, "n ..."],
        A: Projector,
        *,
        settings: Mapping[str, Any],
        each: Callable[[int], Any],
        say: Callable[[str], Any],
    ) -> Float[Tensor, "n ..."]:
        """Reconstruct a batch; see `Reconstructor.reconstruct`."""
        if not self.gives_image:
            deviation: Tensor = load_uncertainty().to(y.device)(y, A)[1]
            return deviation
        x: Tensor = load_backbone(settings.get("backbone")).to(y.device)(y, A)
        if self.polished:
            x = polish(y, A, x)
        return x


_SHARED = ("iterations", "tolerance")
FBP = Analytic("fbp", ("filter", "coverage"))
SIRT = Iterative("sirt", (*_SHARED, "weighted"), 200, solve=sirt)
SART = Iterative("sart", (*_SHARED, "weighted", "subsets"), 20, solve=sart)
CGLS = Iterative("cgls", (*_SHARED, "weighted"), 20, solve=cgls)
MLEM = Iterative("mlem", (*_SHARED, "subsets"), 50, solve=mlem, positive=True)
PWLS = Iterative("pwls", (*_SHARED, "weighted", "subsets", "strength", "prior"), 100, solve=pwls)
TV = Iterative("tv", (*_SHARED, "weighted", "strength"), 200, solve=tv)
TGV = Iterative("tgv", (*_SHARED, "weighted", "strength"), 300, solve=tgv)
UNROLLED = Backbone("unrolled", ("backbone",))
POLISHED = Backbone("polished", ("backbone",), polished=True)
UNROLLED_STD = Backbone("unrolled-std", gives_image=False)


def reconstructor_names() -> list[str]:
    """Return the names of all registered methods."""
    return sorted(entry_points_of(GROUP))


def find_reconstructor(name: str) -> Reconstructor:
    """Return a method by its name.

    Args:
        name: Such as ``"tv"``.

    Raises:
        UnknownNameError: No such method; the message lists those that there are.
        SvctError: What is registered cannot be imported.
        InputError: It is no `Reconstructor`, or has another name.

    Example:
        >>> find_reconstructor("tv").iterations
        200
    """
    found: Any = load(GROUP, "method", name)
    if not isinstance(found, Reconstructor) or found.name != name:
        raise InputError(f"{GROUP} {name}: expected a Reconstructor of that name, got {found!r}; mend the package")
    return found
