"""What a check found."""

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The outcome of one check.

    Args:
        code: Which check; see `svct.sampling.audit.CODES`.
        result: ``"pass"``, ``"fail"``, ``"warn"``, or ``"skip"`` where nothing could be checked.
        message: What was found, in words.
        value: The worst value, or None; one that is not finite becomes None.
        limit: What it was compared with, or None; likewise.
        unit: Unit of both.
        views: The frames concerned.
    """

    code: str
    result: str
    message: str
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    views: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("value", "limit"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                object.__setattr__(self, name, None)

    def __str__(self) -> str:
        numbers = ""
        if self.value is not None:
            numbers = f"{self.value:.6g}" + ("" if self.limit is None else f" of {self.limit:.6g}")
            numbers = f"  [{numbers} {self.unit}".rstrip() + "]"
        return f"{self.result:4}  {self.code:<13} {self.message}{numbers}"


def compared(
    code: str,
    value: float,
    limit: float,
    *,
    message: str,
    unit: str = "",
    bad: str = "fail",
    views: tuple[int, ...] = (),
) -> Finding:
    """Return a finding that passes where the value does not exceed its limit, up to rounding.

    Args:
        code: Which check.
        value: The worst value.
        limit: The largest that is allowed.
        message: What was compared, in words.
        unit: Unit of both.
        bad: Result where the limit is exceeded: ``"fail"`` or ``"warn"``.
        views: The frames with the worst value, told where it exceeds the limit.
    """
    good = value <= limit + 1e-9 * max(1.0, abs(limit))
    return Finding(
        code=code,
        result="pass" if good else bad,
        message=message,
        value=float(value),
        limit=float(limit),
        unit=unit,
        views=() if good else views,
    )


def at_least(code: str, value: float, limit: float, *, message: str, unit: str, views: tuple[int, ...] = ()) -> Finding:
    """Return a finding that passes where the value does not fall below its limit, up to rounding; else it fails.

    Args:
        code: Which check.
        value: The worst value.
        limit: The smallest that is allowed.
        message: What was compared, in words.
        unit: Unit of both.
        views: The frames with the worst value, told where it falls short.
    """
    good = value >= limit * (1 - 1e-9)
    return Finding(
        code=code,
        result="pass" if good else "fail",
        message=message,
        value=float(value),
        limit=float(limit),
        unit=unit,
        views=() if good else views,
    )


def skipped(code: str, why: str) -> Finding:
    """Return a finding of a check that could not be made."""
    return Finding(code=code, result="skip", message=f"not checked: {why}")


@dataclass(frozen=True)
class Report:
    """All findings about one schedule.

    Args:
        findings: In the order of the checks.
        device: Id of the device profile, or None where the file alone was checked.
    """

    findings: tuple[Finding, ...]
    device: str | None = None

    @property
    def failed(self) -> tuple[Finding, ...]:
        """Findings that forbid the scan."""
        return tuple(finding for finding in self.findings if finding.result == "fail")

    @property
    def warned(self) -> tuple[Finding, ...]:
        """Findings that a person must look at."""
        return tuple(finding for finding in self.findings if finding.result == "warn")

    def __getitem__(self, code: str) -> Finding:
        return next(finding for finding in self.findings if finding.code == code)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON."""
        return {
            "device": self.device,
            "ok": not self.failed,
            "checks": [{**asdict(finding), "views": list(finding.views)} for finding in self.findings],
        }
