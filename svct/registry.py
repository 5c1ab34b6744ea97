"""Lookup of what installed packages register through entry points."""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from svct.errors import SvctError, unknown_name


def entry_points_of(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of one group by name, without importing what they point to.

    Args:
        group: The group, such as ``"svct.exporters"``.

    Raises:
        SvctError: Two packages register different things under the same name.

    Example:
        >>> "no such name" in entry_points_of("svct.exporters")
        False
    """
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=group):
        known = found.setdefault(entry.name, entry)
        if known.value != entry.value:
            raise SvctError(
                f"{group}: expected one object named {entry.name!r}, got {known.value} and {entry.value}; "
                "uninstall one of the two packages"
            )
    return found


def load(group: str, kind: str, name: str) -> Any:
    """Import and return the object registered under a name.

    Args:
        group: The entry-point group, such as ``"svct.exporters"``.
        kind: What the group holds, for the error message, such as ``"format"``.
        name: The registered name.

    Raises:
        UnknownNameError: Nothing is registered under this name; the message lists what is.
        SvctError: The registered object cannot be imported.

    Example:
        >>> load("svct.exporters", "format", "csv").name
        'csv'
    """
    known = entry_points_of(group)
    if not known:
        raise SvctError(f"no {kind} is registered in {group}: svct is not installed completely; install it with pip")
    if name not in known:
        raise unknown_name(kind, name, list(known))
    try:
        return known[name].load()
    except (ImportError, AttributeError) as error:
        raise SvctError(
            f"{kind} {name!r} is registered as {known[name].value} but cannot be imported ({error}); "
            "reinstall or remove the package that brings it"
        ) from error
