"""Progress on standard error."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from svct.cli.interrupt import interrupts


class Bar(Protocol):
    """What a command does with a progress bar."""

    def update(self, n: float = 1) -> object:
        """Add finished work."""

    def set_description_str(self, desc: str) -> None:
        """Say what is being done."""


@contextmanager
def progress(total: float, *, what: str, finished: float = 0) -> Iterator[Bar]:
    """Show a bar with the time left on standard error; silent where that is not a terminal.

    Args:
        total: All the work, in any unit.
        what: What is being done at first.
        finished: Work that was done before and tells nothing of the time left.
    """
    from tqdm import tqdm

    layout = "{desc:<28} {percentage:3.0f}% |{bar}| {elapsed} elapsed, {remaining} left"
    with tqdm(
        total=total, initial=finished, desc=what, bar_format=layout, dynamic_ncols=True, disable=None, leave=False
    ) as bar:
        yield _Checked(bar)


class _Checked:
    """A bar that stops the work where a Ctrl-C before its step was lost."""

    def __init__(self, bar: Bar) -> None:
        self.bar = bar

    def update(self, n: float = 1) -> object:
        interrupts.check()
        return self.bar.update(n)

    def set_description_str(self, desc: str) -> None:
        self.bar.set_description_str(desc)
