"""Every error that svct raises on purpose, one tree, each with the exit code of the command line."""


class SvctError(Exception):
    """Base of all errors that svct raises on purpose.

    The message says what was expected, what was got and what to do. `exit_code` is what the command
    line ends with.
    """

    exit_code = 1


class InputError(SvctError, ValueError):
    """A value, shape, unit or range that cannot be used."""

    exit_code = 3


class DataFileError(SvctError, OSError):
    """A file that is missing, truncated, unreadable, of the wrong kind, or cannot be written."""

    exit_code = 4

    def __str__(self) -> str:
        """Return the message alone, without the errno that OSError would print."""
        return str(self.args[0]) if self.args else ""


class UnknownNameError(SvctError, LookupError):
    """A task, format, method or sampler that nobody registered; the message lists the known ones."""

    exit_code = 5


class BackendUnavailable(SvctError, RuntimeError):  # noqa: N818  (the name is part of the published interface)
    """A projector backend that this machine cannot run."""

    exit_code = 6


class OutputExistsError(SvctError, FileExistsError):
    """A result is already there and would be overwritten."""

    exit_code = 7

    def __str__(self) -> str:
        """Return the message alone, without the errno that OSError would print."""
        return str(self.args[0]) if self.args else ""


def unknown_name(kind: str, name: str, known: list[str]) -> UnknownNameError:
    """Build the error for an unknown name: it lists the known ones and guesses what was meant.

    Args:
        kind: What was looked up, such as ``"task"``.
        name: What was given.
        known: The names that exist.
    """
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    guess = f" Did you mean {close[0]!r}?" if close else ""
    return UnknownNameError(f"unknown {kind} {name!r}: expected one of {', '.join(sorted(known))}.{guess}")
