"""svct: simulate CT, learn which views each task needs, reconstruct, score, export.

Importing this package imports neither torch nor ASTRA; the functions below load what they need.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from svct.metrics import psnr as psnr
    from svct.metrics import ssim as ssim
    from svct.units import hu_to_mu as hu_to_mu
    from svct.units import mu_to_hu as mu_to_hu

__version__ = "0.1.0"
__all__ = ["hu_to_mu", "mu_to_hu", "psnr", "ssim"]

_HOMES = {"psnr": "svct.metrics", "ssim": "svct.metrics", "hu_to_mu": "svct.units", "mu_to_hu": "svct.units"}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'svct' has no attribute {name!r}")
