import inspect
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from svct.cli.main import run
from svct.geometry import ConeBeam, Grid, save_geometry
from svct.geometry.native import NativeBackend
from svct.recon.reconstructor import Iterative, find_reconstructor, reconstructor_names
from svct.sampling import Schedule


def test_simulate_reconstruct_evaluate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan, truth = str(tmp_path / "scan.h5"), str(tmp_path / "truth.h5")
    assert run(["simulate", "--task", "head", "--patient", "8", "--out", scan, "--truth", truth]) == 0
    images = []
    for method in ("fbp", "sirt", "tv", "unrolled"):
        assert run(["reconstruct", scan, "--method", method, "--png", str(tmp_path / f"{method}.png")]) == 0
        images.append(str(tmp_path / f"scan-{method}.h5"))
        assert (tmp_path / f"{method}.png").stat().st_size > 5000
    capsys.readouterr()
    assert run(["evaluate", *images, "--truth", truth, "--json"]) == 0
    rows = {Path(row["image"]).stem: row for row in json.loads(capsys.readouterr().out)}
    assert rows["scan-unrolled"]["psnr_db"] > rows["scan-fbp"]["psnr_db"] + 6
    assert rows["scan-tv"]["ssim"] > rows["scan-fbp"]["ssim"]
    assert rows["scan-tv"]["range_hu"] == 2000
    for method in ("sart", "cgls", "mlem", "pwls"):
        extra = ["--weighted"] if method in ("cgls", "pwls") else ["--subsets", "4", "--tolerance", "1e-3"]
        assert run(["reconstruct", scan, "--method", method, "--iterations", "8", *extra]) == 0
        assert "24 views" in capsys.readouterr().err
    assert run(["reconstruct", scan, "--method", "pwls", "--prior", "hubber", "--overwrite"]) == 5
    assert "Did you mean 'huber'" in capsys.readouterr().err
    assert run(["reconstruct", scan, "--method", "tv", "--subsets", "4", "--overwrite"]) == 3
    assert "--subsets: expected with --method mlem, pwls, sart, got --method tv" in capsys.readouterr().err
    assert run(["reconstruct", scan, "--method", "fbp"]) == 7
    assert run(["evaluate", images[0], "--truth", scan]) == 4


def test_the_listed_iterations_are_those_of_the_methods(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reconstruct", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    methods = [find_reconstructor(name) for name in reconstructor_names()]
    iterative = [method for method in methods if isinstance(method, Iterative)]
    assert len(iterative) == 7
    for method in iterative:
        assert inspect.signature(method.solve).parameters["iterations"].default == method.iterations
        assert f"{method.name} {method.iterations}" in told


def test_the_main_job_on_a_volume(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    z, y, x = np.mgrid[:60, :48, :48].astype(np.float32)
    body = np.hypot((y - 23.5) / 14, (x - 23.5) / 19) < 1
    hu = np.where(body, 40 + 60 * np.sin(x / (2 + z / 30)) * np.cos(y / 3), -1000).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(hu.T, np.diag([8.0, 8.0, 5.0, 1.0])), tmp_path / "body.nii.gz")  # type: ignore[no-untyped-call]
    out = tmp_path / "run"
    options = ["--task", "chest", "--views", "24", "--quick", "--keep-learned", "--out", str(out)]
    options += ["--forbid-deg", "80..100", "--device", "c-arm"]
    assert run(["learn-sampling", *options, "--data", str(tmp_path / "body.nii.gz"), "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["unit"] == "slice"
    schedule = Schedule.load(out / "schedule.json")
    assert schedule.method == "learned"
    assert schedule.budget == 24
    assert not [angle for angle in schedule.angles_deg if 80 < angle < 100]
    planned = Schedule.load(out / "schedule-c-arm.json")
    assert planned.device_profile is not None
    assert planned.device_profile["id"] == "c-arm"
    slices = schedule.provenance["data"]["slices"]
    used = [set(slices[name]) for name in ("train", "validation", "test")]
    assert sum(map(len, used)) == len(set.union(*used))
    assert len(metrics["learned"]["psnr_db"]) == len(slices["test"])
    assert (out / "views.png").stat().st_size > 20_000
    assert json.loads((out / "config.json").read_text())["views"] == 24

    assert run(["simulate", "--schedule", str(out / "schedule.json"), "--out", str(tmp_path / "scan.h5")]) == 0
    assert run(["export", str(out / "schedule.json"), "--format", "csv"]) == 0
    assert (out / "schedule.csv").exists()


def test_a_win_is_only_claimed_where_the_interval_carries_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert run(["learn-sampling", "--task", "water", "--views", "24", "--quick", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    metrics = json.loads((out / "metrics.json").read_text())
    won = metrics["gain"]["low_db"] > 0
    assert metrics["returned"] == ("learned" if won else "equidistant")
    assert ("holds equidistant views" in text) == (not won)
    assert (Schedule.load(out / "schedule.json").gain is not None) == won


def test_tasks_and_doctor_and_bench(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tasks", "--json"]) == 0
    assert {row["name"] for row in json.loads(capsys.readouterr().out)} >= {"chest", "water"}
    for geometry in ("parallel", "fan"):
        assert run(["doctor", "--geometry", geometry, "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["backends"]["native"]["state"] == "works"
        assert facts["backends"]["astra-cpu"]["state"] == "works"
        assert facts["checks"]
        assert all(check["ok"] and check["value"] < check["limit"] for check in facts["checks"])
    cases = ["--case", "parallel-64", "--case", "parallel-64-batch4", "--case", "cone-16", "--views", "30"]
    options = ["--peers", "astra-linear", "--repeats", "2", "--json"]
    assert run(["bench", "projectors", *cases, *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["tool"] for row in found["rows"]] == ["svct", "astra-linear"] * 4 + ["svct"] * 2
    assert all(row["adjoint_error"] < 1e-5 and row["ratio"] > 0 for row in found["rows"])
    assert found["refusals"][0]["case"] == "cone-16"


def test_doctor_on_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "scan.toml")
    scan = ConeBeam([0.0, 1.0, 2.5], rows=12, bins=30, row_mm=2, bin_mm=2, source_mm=300, detector_mm=200, curved=True)
    save_geometry(path, scan, Grid(shape=(9, 20, 20)))
    assert run(["doctor", "--geometry", path]) == 0
    text = capsys.readouterr().out
    assert "checked on all 3 views" in text
    assert "not checked: astra-cpu: backend 'astra-cpu' projects images, got a volume" in text
    monkeypatch.setattr(NativeBackend, "backproject", lambda self, y, rays: y.new_ones(1, *rays.shape))
    assert run(["doctor", "--geometry", path, "--json"]) == 1
    output = capsys.readouterr()
    assert json.loads(output.out)["backends"]["native"]["state"] == "wrong"
    assert "failed on this geometry: adjoint (native)" in output.err


def test_bench_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--peers", "astra-line", "--views", "9", "--repeats", "1"]
    assert run(["bench", "projectors", "--case", "parallel-32", "--case", "cone-16", *options]) == 0
    text = capsys.readouterr().out
    assert "one image of 32 x 32, 9 views of 51" in text
    assert "not measured: astra-line, ASTRA has this projector on the CPU for parallel and fan beams only" in text
    assert run(["bench", "projectors", "--case", "fan-32", "--views", "9", "--repeats", "1", "--views-one-by-one"]) == 0
    assert capsys.readouterr().out.count("fan-32") == 2
    picture = str(tmp_path / "scaling.png")
    options = ["--scaling", "--largest", "64", "--views", "4", "--repeats", "1", "--plot", picture]
    assert run(["bench", "projectors", *options]) == 0
    assert picture in capsys.readouterr().out
    assert Path(picture).stat().st_size > 10_000
