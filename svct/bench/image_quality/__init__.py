"""Physical image quality: errors in HU, noise power, transfer of edges, detectability of a stated disc."""

from svct.bench.image_quality.detectability import DiscTask, npw_detectability
from svct.bench.image_quality.noise_power import NoisePower, noise_power
from svct.bench.image_quality.regions import Disc, HuErrors, hu_errors
from svct.bench.image_quality.transfer import Transfer, edge_transfer

__all__ = [
    "Disc",
    "DiscTask",
    "HuErrors",
    "NoisePower",
    "Transfer",
    "edge_transfer",
    "hu_errors",
    "noise_power",
    "npw_detectability",
]
