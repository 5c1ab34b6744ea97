"""Model observers: how well a lesion at a known place can be told from none."""

from svct.tasks.observers.channels import gabor_channels, laguerre_gauss_channels
from svct.tasks.observers.figures import Figures, assess
from svct.tasks.observers.linear import ChannelisedHotelling, Hotelling, LinearObserver, NonPrewhitening

__all__ = [
    "ChannelisedHotelling",
    "Figures",
    "Hotelling",
    "LinearObserver",
    "NonPrewhitening",
    "assess",
    "gabor_channels",
    "laguerre_gauss_channels",
]
