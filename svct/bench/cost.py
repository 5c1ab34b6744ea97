"""Time and memory of a step."""

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Cost:
    """What a step took; filled in when it ends.

    Args:
        seconds: Wall clock.
        peak_memory_mib: Most main memory held above what was held at its beginning, MiB; 0 where it fits into what the
            process had set free before. Memory of a GPU is not in it.
    """

    seconds: float = 0.0
    peak_memory_mib: float = 0.0


@contextmanager
def cost_of_step() -> Iterator[Cost]:
    """Measure the block: its time and its peak memory.

    Yields:
        Holds the figures once the block has ended, well or not.

    Example:
        >>> with cost_of_step() as cost:
        ...     filled = bytearray(b"x") * 64_000_000
        >>> cost.seconds > 0, cost.peak_memory_mib >= 0
        (True, True)

    Notes:
        The high-water mark of the resident set, which Linux sets back on request. Elsewhere it is that of the whole
        process, so that a step shows only where it needs more than any before.
    """
    cost = Cost()
    restart_peak()
    held = peak_mib()
    begin = time.perf_counter()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - begin
        cost.peak_memory_mib = max(0.0, peak_mib() - held)


def restart_peak() -> None:
    """Let the peak begin anew where the system can, which is Linux."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_mib() -> float:
    """Return the most memory held since `restart_peak`, or in the life of the process, MiB."""
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def peak_mb() -> float:
    """Return the most memory held since the last call, MB, and begin anew; over the process's life where it cannot."""
    peak = peak_mib() * 2**20 / 1e6
    restart_peak()
    return peak
