import os
from pathlib import Path

import pytest

import svct


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to test the source folder where the installed wheel was asked for."""
    if os.environ.get("SVCT_TEST_INSTALLED"):
        source = Path(__file__).parents[1] / "svct"
        assert Path(svct.__file__).parent != source, f"expected the installed svct, got the source folder {source}"
