"""Reconstruction: analytic, iterative and the shared unrolled network."""

from svct.recon.cgls import cgls
from svct.recon.fbp import fbp, fdk
from svct.recon.mlem import mlem
from svct.recon.networks import load_backbone, load_network
from svct.recon.polish import polish
from svct.recon.priors import QGGMRF, Huber, Prior, Quadratic
from svct.recon.pwls import pwls
from svct.recon.sirt import sart, sirt
from svct.recon.tgv import tgv
from svct.recon.tv import tv
from svct.recon.unrolled import UnrolledNet
from svct.recon.weights import arc_weights, count_weights

__all__ = [
    "QGGMRF",
    "Huber",
    "Prior",
    "Quadratic",
    "UnrolledNet",
    "arc_weights",
    "cgls",
    "count_weights",
    "fbp",
    "fdk",
    "load_backbone",
    "load_network",
    "mlem",
    "polish",
    "pwls",
    "sart",
    "sirt",
    "tgv",
    "tv",
]
