import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from svct.errors import DataFileError, OutputExistsError, SvctError, UnknownNameError
from svct.sampling import Schedule
from svct.sampling.document import json_schema
from svct.sampling.export import export, exporter, format_names


def schedule(angles: tuple[float, ...] = (0.1, 77.7, 33.3)) -> Schedule:
    return Schedule(
        angles_deg=angles,
        geometry={"kind": "parallel", "bins": 8},
        task="chest",
        budget=len(angles),
        candidates=360,
        method="learned",
    )


@given(
    st.lists(
        st.integers(-72_000, 72_000).map(lambda a: a / 100),
        min_size=1,
        max_size=30,
        unique_by=lambda a: round(a * 100) % 36_000,
    )
)
@settings(max_examples=30, deadline=None)
def test_both_formats_read_back_exactly(tmp_path_factory: pytest.TempPathFactory, angles: list[float]) -> None:
    made = schedule(tuple(angles))
    folder = tmp_path_factory.mktemp("export")
    for name in ("csv", "json"):
        path, error = export(made, folder / f"s.{name}", fmt=name)
        assert error == 0
        back = exporter(name).read(path)
        assert back.angles_deg == made.angles_deg
        assert back.sha256 == made.sha256
    Draft202012Validator(json_schema()).validate(json.loads((folder / "s.json").read_text()))


def test_csv_says_what_it_is(tmp_path: Path) -> None:
    path, _ = export(schedule(), tmp_path / "s.csv", fmt="csv")
    lines = path.read_text().splitlines()
    assert lines[0] == "# intent: SIMULATION_ONLY"
    assert any("CCW_from_+z" in line for line in lines)
    assert lines[-1] == "2,33.3,1.0"


def test_damaged_csv(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    for content in ("", "i,angle_deg,relative_load\n0,x,1\n", "a,b\n1,2\n", "i,angle_deg,relative_load\n1,0.0,1.0\n"):
        path.write_text(content)
        with pytest.raises(DataFileError, match="expected a schedule in CSV with the columns"):
            exporter("csv").read(path)


def test_unknown_format_and_existing_file(tmp_path: Path) -> None:
    assert {"csv", "json", "nxtomo", "dicom-raw"} < set(format_names())
    with pytest.raises(UnknownNameError, match=r"unknown format 'cvs': expected one of aerotech.* Did you mean 'csv'"):
        export(schedule(), tmp_path / "s", fmt="cvs")
    (tmp_path / "s.csv").write_text("mine")
    with pytest.raises(OutputExistsError, match="expected a free name"):
        export(schedule(), tmp_path / "s.csv", fmt="csv")
    assert (tmp_path / "s.csv").read_text() == "mine"


def test_a_plugin_that_writes_wrong_angles_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sloppy_plugin.py").write_text(
        "from svct.sampling.export import Exporter, ReadBack\n"
        "class Sloppy(Exporter):\n"
        "    name, suffix = 'sloppy', '.txt'\n"
        "    def text(self, schedule):\n"
        "        return '\\n'.join(f'{a:.0f}' for a in schedule.angles_deg)\n"
        "    def read(self, path):\n"
        "        return ReadBack(tuple(float(line) for line in path.read_text().splitlines()), None)\n"
    )
    info = tmp_path / "sloppy_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sloppy-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[svct.exporters]\nsloppy = sloppy_plugin:Sloppy\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "sloppy" in format_names()
    with pytest.raises(SvctError, match=r"largest angle error 0.3 deg"):
        export(schedule(), tmp_path / "s.txt", fmt="sloppy")
    assert not (tmp_path / "s.txt").exists()
    export(schedule((1.0, 2.0)), tmp_path / "s.txt", fmt="sloppy")
    sys.modules.pop("sloppy_plugin", None)
