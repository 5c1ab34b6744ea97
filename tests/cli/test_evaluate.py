import json
from pathlib import Path

import pytest

from svct.cli.main import run

SMALL = ["evaluate", "--method", "fbp", "--pixels", "48", "--train", "16", "--cases", "16"]


def test_a_finding_is_read_in_few_views(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = [*SMALL, "--task", "chest", "--views", "40", "--heads", "cho,npw", "--out", str(tmp_path / "a")]
    assert run([*wanted, "--fit-on", "full"]) == 0
    told = capsys.readouterr().out
    assert "solid nodule, 40 views, fbp, PSNR" in told
    assert "cho                 auc, ceiling" in told
    document = json.loads((tmp_path / "a" / "evaluation.json").read_text(encoding="utf-8"))
    assert document["fit_on"] == "full"
    assert document["views"] == 40
    assert document["task"]["finding"] == "solid nodule"
    for name in ("cho", "npw"):
        reader = document["readers"][name]
        assert reader["cases"] == reader["patients"] == 16
        for figure in (*reader["figures"].values(), reader["ceiling"], reader["floor"]):
            assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
    pictures = {path.name for path in (tmp_path / "a").glob("*.png")}
    assert pictures == {"roc.png", "cases-cho.png", "cases-npw.png"}


def test_what_does_not_go_together_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for options, message in (
        ([], "expected IMAGES and --truth, or --task"),
        (["--task", "chest", "a.h5"], "expected no IMAGES and no --truth"),
        (["--task", "chest", "--views", "4", "--schedule", "s.json"], "expected it or --schedule, got both"),
        (["--task", "water"], "--finding: expected what to look for, task 'water' has no usual one"),
        (["--task", "chest", "--heads", "chow"], "unknown head or observer 'chow': expected one of cho, "),
        (["--task", "chest", "--method", "fpb"], "unknown method 'fpb'"),
    ):
        assert run(["evaluate", *options]) != 0
        assert message in capsys.readouterr().err
