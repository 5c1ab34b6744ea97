import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from svct.cli.main import COMMANDS, run

SVCT = [sys.executable, "-P", "-c", "from svct.cli.main import main; main()"]


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert "Usage: svct" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["lern-sampling"], 2, "unknown command 'lern-sampling': .* Did you mean 'learn-sampling'"),
        (["learn-sampling", "--task"], 2, "requires an argument"),
        (["learn-sampling", "--seed", "-1"], 2, "not in the range"),
        (["learn-sampling", "--task", "chets"], 5, "unknown task 'chets': .* Did you mean 'chest'"),
        (["learn-sampling", "--views", "0"], 3, "views: expected 2 to 360, .* got 0"),
        (["learn-sampling", "--views", "400"], 3, "views: expected 2 to 360, .* got 400"),
        (["learn-sampling", "--data", "no.nii.gz"], 4, "no.nii.gz"),
        (["learn-sampling", "--out", "/proc/none/run"], 4, "could not be made"),
        (["learn-sampling", "--group", "5"], 3, "24 do not fit: 20 of 360 .* under groups of 5 views"),
        (["learn-sampling", "--forbid-deg", "30-60"], 2, "two angles in degrees such as 30..60"),
        (["learn-sampling", "--range-deg", "60..30"], 3, "--range-deg: expected the lower angle first"),
        (["learn-sampling", "--device", "c-arm", "--range-deg", "-90..-10"], 3, "clashes with range_deg 0 to 200"),
        (["learn-sampling", "--device", "c-arm", "--mean-ma", "900"], 3, "900 mA clashes with tube.min_mA 1"),
        (["learn-sampling", "--mean-ma", "90"], 3, "--mean-ma: expected --device"),
        (["learn-sampling", "--min-spacing-deg", "5", "--range-deg", "0..90"], 3, "min_gap_deg 5 and range_deg 0 to"),
        (["simulate", "--task", "chest", "--patient", "9999"], 3, "patient index: expected 0 to 399, got 9999"),
        (["simulate", "--out", "no/such/folder/scan.h5"], 4, "expected to write into an existing folder"),
        (["simulate", "--photons", "-3"], 3, "photons: expected positive"),
        (["simulate", "--views", "24", "--schedule", "x"], 2, "give --views or --schedule, not both"),
        (["reconstruct", "missing.h5"], 4, "missing.h5"),
        (["reconstruct", "missing.h5", "--method", "fpb"], 5, "unknown method 'fpb': .* Did you mean 'fbp'"),
        (["evaluate", "missing.h5", "--truth", "missing.h5"], 4, "missing.h5"),
        (["export", "missing.json", "--format", "csv"], 4, "found none"),
        (["export", "missing.json", "--format", "xml"], 5, "unknown format 'xml': expected one of aerotech-pso"),
        (["doctor", "--bin-mm", "0"], 3, "bin_mm: expected a positive length"),
        (["simulate", "--views", "0"], 3, "views: expected 1 to 360, the number of candidates, got 0"),
        (["simulate", "--views", "361"], 3, "views: expected 1 to 360, the number of candidates, got 361"),
        (["simulate", "--viws", "3"], 2, "(?i)no such option.*--viws.*Did you mean.*--views"),
        (["simulate", "--seed", "99999999999999999999"], 2, "not in the range"),
        (
            ["simulate", "--out", "/proc/scan.h5", "--task", "water"],
            4,
            r"could not be written \(No such file or directory\)",
        ),
        (["reconstruct", "."], 4, "expected an HDF5 file, got a folder; name a file in it"),
        (
            ["export", ".", "--format", "csv"],
            4,
            r"could not be read \(Is a directory\); name the schedule.json of a run",
        ),
        (["doctor", "--geometry", "no.toml"], 4, "no.toml: expected a readable geometry file"),
        (["doctor", "--geometry", "no.toml", "--bins", "3"], 2, "--bins: .* the file has its own sizes"),
        (["bench", "projectors", "--case", "helix-9"], 5, "unknown case 'helix-9': expected parallel-N"),
        (["bench", "projectors", "--peers", "astra-lin"], 5, "unknown peer 'astra-lin': .* 'astra-line'"),
        (["bench", "projectors", "--plot", "a.png"], 2, "--plot is the picture of --scaling"),
        (["bench", "projectors", "--scaling", "--case", "fan-9"], 2, "--scaling has cases of its own"),
        (["train-backbone", "--out", "no/such/folder/w.safetensors"], 4, "expected to write into an existing folder"),
    ],
)
def test_bad_input_is_one_line_and_a_code(
    arguments: list[str], code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import re

    monkeypatch.chdir(tmp_path)
    result = subprocess.run([*SVCT, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == code, result.stderr
    lines = result.stderr.strip().splitlines()
    assert "Traceback" not in result.stderr
    assert lines[-1].startswith("svct: error: ")
    assert re.search(message, lines[-1]), lines[-1]


def test_empty_and_truncated_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan = tmp_path / "scan.h5"
    assert run(["simulate", "--task", "water", "--views", "6", "--out", str(scan)]) == 0
    files = {
        "empty": (b"", "an empty file"),
        "short": (scan.read_bytes()[:900], "a truncated or damaged one"),
        "text": (b"hello", "a file of another kind"),
    }
    for name, (content, seen) in files.items():
        (tmp_path / name).write_bytes(content)
        assert run(["reconstruct", str(tmp_path / name)]) == 4
        assert f"{name}: expected a whole HDF5 file, got {seen}; copy or write it again" in capsys.readouterr().err
    assert run(["export", str(scan), "--format", "csv"]) == 4
    assert "got one that is not text; name the schedule.json of a run" in capsys.readouterr().err
    (tmp_path / "empty.nii").write_bytes(b"")
    assert run(["simulate", "--data", str(tmp_path / "empty.nii"), "--out", str(tmp_path / "x.h5")]) == 4
    assert "empty.nii" in capsys.readouterr().err


def test_a_run_that_began_nothing_leaves_its_place_free(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.nii").write_bytes(b"")
    out = tmp_path / "run"
    command = ["learn-sampling", "--data", str(tmp_path / "empty.nii"), "--out", str(out)]
    assert run(command) == 4
    assert not out.exists()
    out.mkdir()
    (out / "mine").touch()
    assert run(command) == 7
    assert "run: expected a new run folder, got one that is there already" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["mine"]


def test_places_that_are_taken_are_named_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan, taken, fresh = (str(tmp_path / name) for name in ("scan.h5", "taken.h5", "fresh.h5"))
    assert run(["simulate", "--task", "water", "--views", "6", "--out", scan, "--truth", taken]) == 0
    assert run(["simulate", "--task", "water", "--out", fresh, "--truth", taken]) == 7
    assert run(["reconstruct", scan, "--method", "fbp", "--out", fresh, "--png", taken]) == 7
    assert not Path(fresh).exists()
    assert "taken.h5: expected a free name, got an existing file" in capsys.readouterr().err


def test_a_bare_command_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["data"], ["bench"]):
        assert run(words) == 2
        lines = capsys.readouterr().err.splitlines()
        assert lines[0].startswith(" ".join(["Usage: svct", *words]))
        assert len(lines) > 5


def test_output_that_cannot_be_printed() -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run([*SVCT, "tasks"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 4
    assert result.stderr.startswith("svct: error: could not be read or written (No space left on device)")


def test_a_traceback_only_where_it_is_asked_for() -> None:
    result = subprocess.run(
        [*SVCT, "tasks", "nope"], env={**os.environ, "SVCT_DEBUG": "1"}, capture_output=True, text=True, check=False
    )
    assert "Traceback" in result.stderr


def test_interrupted_run_can_be_resumed(tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [*SVCT, "learn-sampling", "--task", "water", "--views", "24", "--quick", "--out", str(out)]
    # A shell's background job starts with SIGINT ignored, and would hand that on.
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    until = time.monotonic() + 120
    while not (out / "stages.json").exists() and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "svct: interrupted" in errors
    assert "--resume goes on from there" in errors
    assert not (out / "schedule.json").exists()

    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 7
    assert "--resume" in again.stderr
    finished = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert (out / "schedule.json").exists()
    once_more = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert once_more.returncode == 7
    assert "the run is finished" in once_more.stderr
