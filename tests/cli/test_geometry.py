import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svct.cli.main import run
from svct.geometry import load_geometry
from svct.geometry.convert.astra import from_astra
from svct.geometry.convert.rtk import from_rtk

EXAMPLE = str(Path(__file__).parents[2] / "docs" / "scan.toml")


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["geometry", "show", EXAMPLE]) == 0
    text = capsys.readouterr().out
    assert "scan kind: cone\n" in text
    assert "scan views: 360\nscan angle_deg: 0 to 359, from 0 up to 359\n" in text
    assert "grid shape: [32, 256, 256]\n" in text
    assert run(["geometry", "show", EXAMPLE, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["scan"]["source_mm"] == 595
    assert np.allclose(facts["scan"]["angle_deg"], np.arange(360))
    assert facts["grid"]["extent_mm"] == [51.2, 409.6, 409.6]


def test_plot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "scan.png"
    assert run(["geometry", "plot", EXAMPLE, "--out", str(picture)]) == 0
    assert capsys.readouterr().out == f"{picture}\n"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert run(["geometry", "plot", EXAMPLE, "--out", str(picture)]) == 7
    assert run(["geometry", "plot", EXAMPLE, "--out", str(picture), "--overwrite"]) == 0
    assert run(["geometry", "plot", EXAMPLE, "--out", "scan.bmpp"]) == 5
    assert "unknown picture format 'bmpp': expected one of pdf, png, svg" in capsys.readouterr().err


def test_convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan, grid = load_geometry(EXAMPLE)
    out = tmp_path / "geometry.xml"
    assert run(["geometry", "convert", EXAMPLE, "--to", "rtk", "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{out}\n"
    assert "note: rtk carries neither the grid nor the detector's 64 x 736 bins" in captured.err
    detector: Any = {"rows": 64, "bins": 736, "row_mm": 1.1, "bin_mm": 1.3}
    assert np.allclose(from_rtk(out.read_text(), **detector).vectors, scan.vectors, rtol=0, atol=1e-6)
    assert run(["geometry", "convert", EXAMPLE, "--to", "astra"]) == 0
    both = json.loads(capsys.readouterr().out)
    back, same_grid = from_astra(both["projections"], both["volume"])
    assert np.allclose(back.vectors, scan.vectors)
    assert back.curved
    assert same_grid is not None
    assert same_grid.shape == grid.shape


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (None, 4, "expected a readable geometry file"),
        ("", 4, "got an empty file"),
        ('[scan]\nkind = "con"\n[grid]\n', 5, "Did you mean 'cone'"),
        ('[scan]\nkind = "fan"\nbinmm = 1\n[grid]\n', 5, "unknown key in [scan] 'binmm': expected one of angle_deg,"),
        ('[scan]\nkind = "fan"\nbins = 1\n[grid]\n', 3, "expected angle_deg = [...], or start_deg"),
    ],
)
def test_errors_are_one_line_and_a_code(
    text: str | None, code: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "scan.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    for arguments in (["show"], ["plot", "--out", str(tmp_path / "a.png")], ["convert", "--to", "rtk"]):
        assert run(["geometry", arguments[0], str(path), *arguments[1:]]) == code
        error = capsys.readouterr().err.strip()
        assert error.startswith(f"svct: error: {path}: ")
        assert message in error
        assert "\n" not in error
