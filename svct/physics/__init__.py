"""Acquisition physics: from line integrals to measured data."""

from svct.physics.acquisition import Acquisition
from svct.physics.protocol import Protocol, load_protocol
from svct.physics.spectrum import Spectrum, monochromatic, tube_spectrum

__all__ = ["Acquisition", "Protocol", "Spectrum", "load_protocol", "monochromatic", "tube_spectrum"]
