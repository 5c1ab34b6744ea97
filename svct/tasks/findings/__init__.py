"""Findings put into a patient before projection, each with its exact truth."""

from svct.tasks.findings.finding import Finding, Part
from svct.tasks.findings.insert import Insertion, insert
from svct.tasks.findings.kinds import FindingKind, finding_kind, finding_names

__all__ = ["Finding", "FindingKind", "Insertion", "Part", "finding_kind", "finding_names", "insert"]
