"""Packages that svct does not bring along."""

from importlib import import_module
from typing import Any

from svct.errors import BackendUnavailable


def require(package: str, install: str) -> Any:
    """Return an optional package.

    Args:
        package: Its name, such as ``"pylops"``.
        install: The command that installs it.

    Raises:
        BackendUnavailable: It is not installed, or does not fit what is: torchvision, which deepinv imports, raises a
            RuntimeError beside a torch of another build.
    """
    try:
        return import_module(package)
    except (ImportError, RuntimeError) as error:
        raise BackendUnavailable(
            f"{package}: expected the package to be installed, got {type(error).__name__}: {error}; "
            f"install it with {install}"
        ) from error
