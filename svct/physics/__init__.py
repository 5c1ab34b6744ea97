"""Acquisition physics: from line integrals to measured data."""

from svct.physics.acquisition import Acquisition

__all__ = ["Acquisition"]
