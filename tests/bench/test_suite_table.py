from pathlib import Path

import pytest
from pyarrow import parquet

from svct.bench.report.load import read_run
from svct.bench.suite_table import pack, tables_of
from svct.cli.main import run
from svct.errors import InputError, UnknownNameError
from tests.bench.report.make_run import make_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(
        tmp_path_factory.mktemp("runs") / "one",
        samplers=("equidistant", "golden"), views=(8,), photons=(5e4,), reconstructors=("unrolled",), patients=2,
    )  # fmt: skip


def test_a_packed_file_gives_the_same_tables(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = tmp_path / "all.parquet"
    assert run(["bench", "table", str(folder), "--kind", "views", "--pack", str(packed)]) == 0
    told = capsys.readouterr().out
    assert told == tables_of(packed).table("views") == tables_of(folder).table("views")
    first = packed.read_bytes()
    pack(read_run(folder), packed)
    assert packed.read_bytes() == first
    assert b"svct.run" in parquet.read_schema(packed).metadata


def test_a_gain_is_the_mean_difference(folder: Path) -> None:
    tables = tables_of(folder)
    rows = [line.split(" | ") for line in tables.table("views", [8]).splitlines()[2:]]
    assert [row[0] for row in rows] == ["| chest", "| shoulder"]
    each = {s.sampler: p.each for s, p in tables.points.items() if s.panel == "chest" and s.views == 8
            and s.reconstructor == "unrolled" and s.metric == "psnr"}  # fmt: skip
    gain = sum(each["golden"][key] - each["equidistant"][key] for key in each["golden"]) / len(each["golden"])
    assert f"{gain:+.2f} (" in rows[0][3]


def test_what_cannot_be_shown(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown table 'viws': .* Did you mean 'views'"):
        tables_of(folder).table("viws")
    with pytest.raises(InputError, match="expected learned, equidistant, universal, learned-mas of a task"):
        tables_of(folder).table("mean")
    with pytest.raises(InputError, match="expected figures for it in the run, found none"):
        tables_of(folder).table("views", [17])
    two = make_run(tmp_path / "two", tasks=("chest",), samplers=("equidistant",), views=(8,), patients=1, seeds=(0,),
                   reconstructors=("fbp",))  # fmt: skip
    with pytest.raises(InputError, match="expected one protocol and one flux"):
        tables_of(two)
