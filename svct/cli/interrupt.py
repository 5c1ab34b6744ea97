"""Ctrl-C that is not lost where Python drops exceptions."""

import signal
from types import FrameType


class Interrupts:
    """Remembers that Ctrl-C was pressed.

    Notes:
        Python raises KeyboardInterrupt wherever it happens to be. In a finaliser or in a callback from C++ it is
        printed or dropped, and the work goes on. `check`, called between steps, raises it again.
    """

    def __init__(self) -> None:
        self.pressed = False

    def listen(self) -> None:
        """Take over the signal of this process, unless it was started to ignore it, as background jobs are."""
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._press)

    def check(self) -> None:
        """Raise what was pressed before.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed, and the work went on all the same.
        """
        if self.pressed:
            self.pressed = False
            raise KeyboardInterrupt

    def _press(self, number: int, frame: FrameType | None) -> None:
        self.pressed = True
        raise KeyboardInterrupt


interrupts = Interrupts()
"""Those of this process; `svct.cli.main.main` listens."""
