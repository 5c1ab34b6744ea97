"""Acquisition physics: from line integrals to measured data."""

from svct.physics.acquisition import Acquisition
from svct.physics.counting import PhotonCounting
from svct.physics.integrating import EnergyIntegrating
from svct.physics.lag import Lag
from svct.physics.logarithm import log_data
from svct.physics.protocol import Protocol, load_protocol
from svct.physics.scatter import AntiScatterGrid, ForwardScatter
from svct.physics.spectrum import Spectrum, monochromatic, tube_spectrum

__all__ = [
    "Acquisition",
    "AntiScatterGrid",
    "EnergyIntegrating",
    "ForwardScatter",
    "Lag",
    "PhotonCounting",
    "Protocol",
    "Spectrum",
    "load_protocol",
    "log_data",
    "monochromatic",
    "tube_spectrum",
]
