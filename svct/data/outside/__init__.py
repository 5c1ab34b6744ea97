"""Published data sets that users bring themselves: where they are to be had, and readers of their files."""

from svct.data.outside.ldct import read_ldct
from svct.data.outside.listing import OUTSIDE, OutsideSet
from svct.data.outside.lodopab import lodopab_patients, read_lodopab
from svct.data.outside.scan import OutsideScan
from svct.data.outside.twodetect import read_twodetect

__all__ = [
    "OUTSIDE",
    "OutsideScan",
    "OutsideSet",
    "lodopab_patients",
    "read_ldct",
    "read_lodopab",
    "read_twodetect",
]
