import importlib.util
import sys
from pathlib import Path

import pytest

from svct.cli.main import run


def test_a_page_needs_its_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "effects", "--page", str(tmp_path / "page.md")]) == 2
    assert "say where to write it with --plot" in capsys.readouterr().err


def test_a_python_without_xcist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    if importlib.util.find_spec("gecatsim"):
        pytest.skip("gecatsim is installed here")
    assert run(["bench", "xcist", "--python", sys.executable, "--views", "4", "--voxels", "16"]) == 6
    assert "XCIST: expected a scan by" in capsys.readouterr().err


@pytest.mark.slow
def test_the_page_shows_every_effect(tmp_path: Path) -> None:
    pytest.importorskip("spekpy")
    from svct.bench.effects import EFFECTS

    page, plot = tmp_path / "page.md", tmp_path / "images" / "effects.png"
    plot.parent.mkdir()
    assert run(["bench", "effects", "--page", str(page), "--plot", str(plot)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "](images/effects.png)" in text
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| ") and line.count("|") == 5]
    found = {row[1].strip(): float(row[3]) for row in rows if row[1].strip() in {e.name for e in EFFECTS}}
    assert len(found) == len(EFFECTS)
    assert all(1 < spread < 2000 for spread in found.values())
    assert found["dead bins, repaired"] < 0.1 * found["dead bins"]
