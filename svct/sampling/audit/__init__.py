"""Checks of a schedule before a device takes it: each with a code, the value found and its limit."""

from svct.sampling.audit.finding import Finding, Report
from svct.sampling.audit.run import CODES, check_file, check_schedule

__all__ = ["CODES", "Finding", "Report", "check_file", "check_schedule"]
