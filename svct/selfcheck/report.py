"""What the checks of a projector found."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One check.

    Args:
        name: What was looked at.
        backend: The backend that was.
        value: What was found; good where it is below the limit.
        limit: The limit.
    """

    name: str
    backend: str
    value: float
    limit: float

    @property
    def ok(self) -> bool:
        """Whether the value is below the limit; NaN is not."""
        return self.value < self.limit


@dataclass(frozen=True)
class Report:
    """All checks of a projector.

    Args:
        rows: The checks that were made.
        left_out: Those that were not, or backends that cannot take the geometry, with the reason.
        extent: What the checks ran on.
    """

    rows: tuple[Row, ...]
    left_out: dict[str, str] = field(default_factory=dict)
    extent: str = ""

    @property
    def failed(self) -> tuple[Row, ...]:
        """The rows that are not good."""
        return tuple(row for row in self.rows if not row.ok)

    def __str__(self) -> str:
        lines = [f"{'check':<34}{'backend':<12}{'value':>10}{'limit':>10}"]
        lines += [
            f"{row.name:<34}{row.backend:<12}{row.value:>10.1e}{row.limit:>10.1e}  {'ok' if row.ok else 'FAILED'}"
            for row in self.rows
        ]
        lines += [f"not checked: {name}: {reason}" for name, reason in self.left_out.items()]
        return "\n".join([*lines, f"checked on {self.extent}"])
