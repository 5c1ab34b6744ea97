from pathlib import Path

import pytest

from svct.cli.main import run
from tests.bench.report.make_run import make_run


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "small")


@pytest.fixture(scope="session")
def page(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report as the command writes it."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert run(["report", str(folder), "--out", str(path)]) == 0
    return path
