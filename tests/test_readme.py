import re
from pathlib import Path

import numpy as np
import pytest

from svct.sampling import Schedule
from svct.tasks import load_task

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_python_path_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    code = [line for line in block.splitlines() if line.strip() and not line.startswith(("import", "from"))]
    assert len(code) <= 15
    folder = tmp_path / "runs" / "chest-24-seed0"
    folder.mkdir(parents=True)
    angles = tuple(np.rad2deg(load_task("chest").scan.angles[::15]).tolist())
    geometry = {"kind": "parallel", "bins": 128, "bin_mm": 3.2}
    Schedule(angles_deg=angles, geometry=geometry, task="chest", budget=24, candidates=360, method="equidistant").save(
        folder / "schedule.json"
    )
    monkeypatch.chdir(tmp_path)
    exec(block, {})
    fbp, unrolled = map(float, capsys.readouterr().out.split())
    assert unrolled > fbp + 6


def test_pictures_and_documents_are_there() -> None:
    root = Path(__file__).parents[1]
    links = re.findall(r"\]\((?!http)([^)]+)\)", README)
    assert "docs/images/part.png" in links
    assert all((root / link.partition("#")[0]).is_file() for link in links)
