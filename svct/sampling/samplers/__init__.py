"""Ways to choose views, one file each, registered in the entry-point group ``svct.samplers``."""

from svct.sampling.samplers.base import Choice, Problem, Sampler, load_sampler, sampler_names

__all__ = ["Choice", "Problem", "Sampler", "load_sampler", "sampler_names"]
