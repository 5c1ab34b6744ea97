"""Choosing views: schedules, fixed sets, designs and learning.

Importing this package imports no torch, so that schedules can be read and exported quickly.
"""

from svct.sampling.dose import Dose
from svct.sampling.fixed import equidistant_sets, golden_set, random_set
from svct.sampling.gain import Gain
from svct.sampling.schedule import Schedule

__all__ = ["Dose", "Gain", "Schedule", "equidistant_sets", "golden_set", "random_set"]
