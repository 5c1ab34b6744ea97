"""The measured gain of a schedule."""

from dataclasses import dataclass

from svct.errors import InputError
from svct.sampling.checks import finite_number, positive_count, require_text


@dataclass(frozen=True, kw_only=True)
class Gain:
    """The measured gain of a schedule over a baseline, paired over patients, with its interval.

    Args:
        mean_db: Mean gain in PSNR, dB.
        low_db: Lower end of the confidence interval, dB.
        high_db: Upper end of the confidence interval, dB.
        patients: How many patients the interval is over.
        baseline: What the schedule was compared with, in words.
        confidence: Coverage of the interval.

    Raises:
        InputError: A number is not finite, the interval does not hold the mean, or there is no baseline.

    Example:
        >>> Gain(mean_db=0.4, low_db=0.3, high_db=0.5, patients=40, baseline="best equidistant offset").significant
        True
    """

    mean_db: float
    low_db: float
    high_db: float
    patients: int
    baseline: str
    confidence: float = 0.95

    def __post_init__(self) -> None:
        for name in ("mean_db", "low_db", "high_db", "confidence"):
            object.__setattr__(self, name, finite_number(getattr(self, name), f"gain {name}"))
        object.__setattr__(self, "patients", positive_count(self.patients, "gain patients"))
        if not self.low_db <= self.mean_db <= self.high_db:
            raise InputError(
                f"gain: expected low_db <= mean_db <= high_db, got {self.low_db}, {self.mean_db}, {self.high_db}"
            )
        if not 0 < self.confidence < 1:
            raise InputError(f"gain confidence: expected a value between 0 and 1, got {self.confidence}")
        require_text(self.baseline, "gain baseline")

    @property
    def significant(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.low_db > 0

    @property
    def told(self) -> str:
        """Mean and interval in words, dB."""
        return f"{self.mean_db:+.2f} ({self.low_db:+.2f} to {self.high_db:+.2f})"

    @property
    def marked(self) -> str:
        """The same for a table in Markdown: bold where the interval lies above zero."""
        return f"**{self.told}**" if self.significant else self.told
