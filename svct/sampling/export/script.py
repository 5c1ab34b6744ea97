"""Formats that are Python scripts: constants that are read back, and a few lines that use them."""

import ast
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from svct.sampling.export.base import Exporter, ReadBack
from svct.sampling.export.header import checked_angles, commented, expecting, header, read_lines, read_text
from svct.sampling.schedule import Schedule


class ScriptExporter(Exporter):
    """A script with the angles in ``ANGLES_DEG``; read without running it."""

    suffix = ".py"
    lost = ("loads and exposure times", "time and mode", "provenance", "gain")
    hashed = True
    meaning: ClassVar[str] = "source angles, deg, counter-clockwise seen from +z"

    @abstractmethod
    def body(self, schedule: Schedule) -> str:
        """Return the lines that use the constants."""

    def constants(self, schedule: Schedule) -> dict[str, Any]:
        """Return the constants, plain Python values."""
        return {"SCHEDULE_SHA256": schedule.sha256, "ANGLES_DEG": tuple(self.angles(schedule).tolist())}

    def text(self, schedule: Schedule) -> str:
        """Return the file's content."""
        comment = commented(header(self, schedule, meaning=self.meaning), "# ")
        return f"{comment}\n{constants_text(self.constants(schedule))}\n{self.body(schedule).strip()}\n{self._end}"

    def read(self, path: Path) -> ReadBack:
        """Read a script of this format.

        Raises:
            DataFileError: The file is missing, truncated or of another format.
        """
        stated, _ = read_lines(self, path, "# ")
        with expecting(self, path):
            if stated.get("values") != self.meaning:
                raise ValueError(f"values in {stated.get('values')}, not {self.meaning}")
            text = read_text(self, path)
            if not text.endswith(self._end):
                raise ValueError("no last line")
            found = read_constants(text)
            angles = checked_angles(self, path, found["ANGLES_DEG"], stated.get("views"))
            if found["SCHEDULE_SHA256"] != stated["sha256"]:
                raise ValueError("two hashes that differ")
            return ReadBack(angles, found["SCHEDULE_SHA256"])

    @property
    def _end(self) -> str:
        return f"# end of svct {self.name}\n"


def constants_text(constants: dict[str, Any]) -> str:
    """Return lines that assign constants, one entry of a tuple per line."""
    return "".join(f"{name} = {_literal(value)}\n" for name, value in constants.items())


def read_constants(text: str) -> dict[str, Any]:
    """Return the constants that a script assigns at its top level, without running it.

    Raises:
        SyntaxError: The text is not Python.
        ValueError: A name is assigned twice.

    Example:
        >>> read_constants("A = (1.0, 2.0)")
        {'A': (1.0, 2.0)}
    """
    found: dict[str, Any] = {}
    for node in ast.parse(text).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name.isupper():
                if name in found:
                    raise ValueError(f"{name} is assigned twice")
                found[name] = ast.literal_eval(value)
    return found


def _literal(value: Any) -> str:
    if isinstance(value, tuple):
        return "(\n" + "".join(f"    {part!r},\n" for part in value) + ")"
    return repr(value)
