"""Reconstruction: analytic, iterative and the shared unrolled network."""

from svct.recon.backbone import load_backbone
from svct.recon.fbp import fbp, fdk
from svct.recon.sirt import sirt
from svct.recon.tv import tv
from svct.recon.unrolled import UnrolledNet
from svct.recon.weights import arc_weights

__all__ = ["UnrolledNet", "arc_weights", "fbp", "fdk", "load_backbone", "sirt", "tv"]
