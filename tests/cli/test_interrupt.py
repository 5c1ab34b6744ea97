import contextlib
import signal

import pytest

from svct.cli.interrupt import Interrupts, interrupts
from svct.cli.progress import progress


def test_a_lost_interrupt_stops_the_next_step() -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        interrupts.listen()
        with progress(3, what="work") as bar:
            bar.update()
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                bar.update()
            bar.update()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_process_that_ignores_interrupts_goes_on_ignoring_them() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        Interrupts().listen()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
