import json
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

from svct.cli.main import run
from svct.data.projections import read_image
from svct.tasks.case import CaseRecord
from svct.units import mu_to_hu


def test_cases_are_written_with_mask_and_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["tasks", "cases", "--anatomy", "head", "--finding", "subdural haemorrhage", "--count", "2"]
    wanted += ["--prevalence", "1", "--pixels", "64", "--json", "--out"]
    assert run([*wanted, str(tmp_path / "h5")]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["kind"] for row in rows] == ["present", "present"]
    for row in rows:
        record = CaseRecord.from_json(Path(row["record"]).read_text(encoding="utf-8"))
        image, mask = read_image(row["image"]), read_image(row["mask"])
        assert image.grid == mask.grid == record.grid.to_dict()
        assert set(np.unique(mask.x)) == {0.0, 1.0}
        assert float(mu_to_hu(image.x)[mask.x > 0.5].mean()) > 45
        assert record.split == row["split"]
    assert run([*wanted, str(tmp_path / "h5")]) == 7
    assert run([*wanted, str(tmp_path / "nifti"), "--format", "nii.gz", "--rotation-deg", "15"]) == 0
    row = json.loads(capsys.readouterr().out)[0]
    hu, inside = (nibabel.Nifti1Image.from_filename(row[name]).get_fdata() for name in ("image", "mask"))
    assert hu.shape == inside.shape == (64, 64, 1)
    assert hu.min() == pytest.approx(-1000, abs=0.1)
    assert hu[inside > 0.5].mean() > 45
    assert inside.max() == pytest.approx(1, abs=1e-3)


def test_the_bytes_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    # In a process of its own: workers take over the import path, on which the test runner puts the source folder.
    command = [sys.executable, "-P", "-c", "from svct.cli.main import main; main()"]
    wanted = ["tasks", "cases", "--finding", "solid nodule", "--count", "4", "--pixels", "48"]
    for workers in ("1", "2"):
        options = [*wanted, "--workers", workers, "--out", str(tmp_path / workers)]
        result = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        assert "case-00003.h5" in result.stdout
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / workers).iterdir()} for workers in ("1", "2"))
    assert len(one) == 12
    assert one == two


def test_an_unknown_finding_lists_those_of_the_anatomy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tasks", "cases", "--anatomy", "abdomen", "--finding", "kidny stone", "--out", str(tmp_path)]) == 5
    told = capsys.readouterr().err
    assert "unknown finding in the abdomen 'kidny stone': expected one of bone island, hyperdense liver lesion" in told
    assert "Did you mean 'kidney stone'" in told
    assert "solid nodule" not in told


def test_a_task_is_still_shown_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tasks", "head"]) == 0
    assert "anatomy: head" in capsys.readouterr().out
    assert run(["tasks", "hed"]) == 5
    assert "Did you mean 'head'" in capsys.readouterr().err
