"""Diagnostic heads: readers of reconstructions, fitted on top of frozen parts."""

from svct.tasks.heads.base import DifferentiableHead, Head, head_names, make_head
from svct.tasks.heads.controls import blank, shuffled
from svct.tasks.heads.file import about_head, load_head, save_head
from svct.tasks.heads.scores import Figure, Scores, difference

__all__ = [
    "DifferentiableHead",
    "Figure",
    "Head",
    "Scores",
    "about_head",
    "blank",
    "difference",
    "head_names",
    "load_head",
    "make_head",
    "save_head",
    "shuffled",
]
