"""Peak memory of this process."""

import resource
import sys
from contextlib import suppress
from pathlib import Path


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
