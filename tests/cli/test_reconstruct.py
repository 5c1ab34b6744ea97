import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from svct.cli.main import run
from svct.data import read_image, read_volume, write_projections
from svct.data.planes import ProjectionReader
from svct.geometry import ConeBeam, FanBeam, Grid, ParallelBeam, Projector
from svct.geometry.scan import Scan
from svct.recon import count_weights, fbp, load_backbone, pwls
from svct.sampling import Schedule

ANGLES = (torch.arange(36) * 2 * torch.pi / 36).tolist()
FAN = FanBeam(ANGLES, bins=48, bin_mm=8.0, source_mm=500, detector_mm=400)
GRID = Grid((32, 32), 5.0)
COMMAND = [sys.executable, "-P", "-c", "from svct.cli.main import main; main()", "reconstruct"]


def body(*shape: int) -> torch.Tensor:
    """Ellipses that shrink towards the last slice, with a bright spot in the patient's left front."""
    z, y, x = torch.meshgrid(*(torch.arange(n) - (n - 1) / 2 for n in shape), indexing="ij")
    size = 0.7 - 0.2 * z / shape[0]
    inside = (x / shape[2] / size * 2) ** 2 + (y / shape[1] / size * 2) ** 2 < 1
    spot = (x - 0.2 * shape[2]) ** 2 + (y + 0.15 * shape[1]) ** 2 < (0.08 * shape[1]) ** 2
    return 0.0193 * (inside.float() + spot)


def write(path: Path, y: torch.Tensor, scan: Scan, grid: Grid, **meta: object) -> str:
    write_projections(path, y.numpy(), scan.to_dict(), grid_dict=grid.to_dict(), meta=meta)
    return str(path)


@pytest.fixture
def stack(tmp_path: Path) -> str:
    return write(tmp_path / "stack.h5", Projector(FAN, GRID)(body(7, 32, 32)), FAN, GRID, slice_mm=4.0)


def data_of(stack: str) -> torch.Tensor:
    import h5py

    with h5py.File(stack) as file:
        return torch.from_numpy(file["projections"][()])


@pytest.mark.parametrize("method", ["fbp", "unrolled", "pwls"])
def test_a_stack_in_slabs_is_the_stack_at_once(stack: str, tmp_path: Path, method: str) -> None:
    y, A = data_of(stack), Projector(FAN, GRID)
    options = ["--iterations", "3", "--weighted"] if method == "pwls" else []
    for slab in ("1", "3"):
        out = str(tmp_path / f"{slab}.h5")
        assert run(["reconstruct", stack, "--method", method, "--slab", slab, "--out", out, *options]) == 0
        assert not Path(f"{out}.partial").exists()
        with torch.inference_mode():
            if method == "pwls":
                weights = torch.stack([count_weights(scan) for scan in y])
                expected = pwls(y, A, iterations=3, weights=weights)
            else:
                expected = fbp(y, A) if method == "fbp" else load_backbone()(y, A)
        found = read_image(out)
        np.testing.assert_allclose(found.x, expected.numpy(), atol=2e-6)
        assert Grid.from_dict(found.grid) == GRID
        assert (found.meta["method"], found.meta["views"]) == (method, 36)


def test_only_the_planes_of_a_slab_are_read(stack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[range] = []
    whole = ProjectionReader.read

    def watch(self: ProjectionReader, planes: range) -> np.ndarray:
        read.append(planes)
        return whole(self, planes)

    monkeypatch.setattr(ProjectionReader, "read", watch)
    assert run(["reconstruct", stack, "--method", "fbp", "--slab", "3"]) == 0
    assert read == [range(3), range(3, 6), range(6, 7)]
    read.clear()
    cone = ConeBeam(ANGLES, rows=40, bins=48, row_mm=8, bin_mm=8, source_mm=500, detector_mm=400)
    volume = Grid((20, 16, 16), 10.0)
    path = write(tmp_path / "cone.h5", Projector(cone, volume)(body(20, 16, 16).flip(1)), cone, volume)
    assert run(["reconstruct", path, "--method", "fbp", "--slab", "5", "--out", str(tmp_path / "a.h5")]) == 0
    assert max(map(len, read)) < 25
    assert run(["reconstruct", path, "--method", "fbp", "--out", str(tmp_path / "b.h5")]) == 0
    a, b = (read_image(tmp_path / name).x for name in ("a.h5", "b.h5"))
    np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("name", ["volume.nii.gz", "series"])
def test_stack_rows_and_cone_show_the_same_patient(stack: str, tmp_path: Path, name: str) -> None:
    truth = body(7, 32, 32)
    volume = Grid((7, 32, 32), 5.0)
    rows = ParallelBeam([a / 2 for a in ANGLES], rows=7, bins=48, bin_mm=5.0)
    cone = ConeBeam(ANGLES, rows=21, bins=48, row_mm=6.0, bin_mm=8.0, source_mm=500, detector_mm=400)
    paths = {"stack": stack}
    for kind, scan in (("rows", rows), ("cone", cone)):
        y = Projector(scan, volume)(truth.flip(1))
        paths[kind] = write(tmp_path / f"{kind}.h5", y, scan, volume)
    for kind, path in paths.items():
        for method in ("fbp",) if kind == "cone" else ("fbp", "unrolled"):
            (tmp_path / kind / method).mkdir(parents=True)
            out = tmp_path / kind / method / name
            assert run(["reconstruct", path, "--method", method, "--slab", "3", "--out", str(out)]) == 0
            read = read_volume(out)
            assert read.spacing_mm == pytest.approx((4.0 if kind == "stack" else 5.0, 5.0, 5.0))
            hu = torch.from_numpy(np.asarray(read.hu, np.float32))
            errors = [
                float((hu - (x / 0.0193 - 1) * 1000).square().mean().sqrt())
                for x in (truth, truth.flip(0), truth.flip(1), truth.flip(2))
            ]
            assert errors[0] < min(200, 0.8 * min(errors[1:])), (kind, method, errors)


def test_a_schedule_takes_its_views_alone(stack: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    geometry = {name: value for name, value in FAN.to_dict().items() if name != "angles"}
    views = [30, 3, 12, 21, 9, 0, 33, 18, 6, 15, 24, 27]
    schedule = Schedule(
        angles_deg=tuple(10.0 * v for v in views), geometry=geometry, task="t", budget=12, candidates=36, method="m"
    )
    path = str(schedule.save(tmp_path / "schedule.json"))
    assert run(["reconstruct", stack, "--method", "fbp", "--slab", "4", "--schedule", path]) == 0
    assert "fbp: 12 views" in capsys.readouterr().err
    found = read_image(tmp_path / "stack-fbp.h5")
    expected = fbp(data_of(stack)[:, views], Projector(FAN, GRID)[views])
    np.testing.assert_allclose(found.x, expected.numpy(), atol=1e-6)
    assert found.meta["view_indices"] == views

    other = Schedule(
        angles_deg=(0.0,), geometry={**geometry, "bins": 47}, task="t", budget=1, candidates=36, method="m"
    )
    path = str(other.save(tmp_path / "other.json"))
    assert run(["reconstruct", stack, "--method", "fbp", "--schedule", path]) == 3
    error = capsys.readouterr().err
    assert "other.json: schedule: expected one made for this scan, whose bins is 48, got one for 47" in error


def test_an_interrupted_run_goes_on_from_its_last_slab(stack: str, tmp_path: Path) -> None:
    options = [stack, "--method", "sirt", "--iterations", "1500", "--slab", "1", "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    out, partial = tmp_path / "x.nii", tmp_path / "x.nii.partial"
    first = subprocess.Popen(
        [*COMMAND, *options, "--out", str(out)], stderr=subprocess.PIPE, text=True, env=environment
    )
    limit = time.monotonic() + 300
    while not (partial / "slab-000001.npy").exists() and time.monotonic() < limit:
        assert first.poll() is None
        time.sleep(0.01)
    assert (partial / "slab-000001.npy").exists()
    first.send_signal(signal.SIGINT)
    said = first.communicate(timeout=60)[1]
    assert first.returncode == 130, said
    assert f"of 7 slabs are kept in {partial}; the same command goes on from there" in said
    assert "slab 1 of 7" not in said, "no bar where standard error is no terminal"
    kept = {p: p.stat().st_mtime_ns for p in partial.glob("slab-*.npy")}
    assert 2 <= len(kept) < 7
    assert not out.exists()

    assert run(["reconstruct", *options, "--strength", "1", "--out", str(out)]) == 3
    assert run(["reconstruct", *options[:-6], "--iterations", "9", "--slab", "1", "--out", str(out)]) == 7
    assert kept == {p: p.stat().st_mtime_ns for p in partial.glob("slab-*.npy")}

    terminal, side = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 100))
    second = subprocess.Popen([*COMMAND, *options, "--out", str(out)], stderr=side, env=environment)
    os.close(side)
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # the other side was closed
            break
    os.close(terminal)
    assert second.wait(timeout=300) == 0
    text = shown.decode()
    assert f"{len(kept)} of 7 slabs are finished" in text
    assert f"sirt, slab {len(kept) + 1} of 7" in text
    assert "sirt, slab 1 of 7" not in text
    assert "left" in text
    assert not partial.exists()
    assert run(["reconstruct", *options, "--out", str(tmp_path / "y.nii")]) == 0
    assert out.read_bytes() == (tmp_path / "y.nii").read_bytes()


def test_overwrite_starts_anew_where_the_slabs_are_of_another_command(
    stack: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from svct.recon import reconstructor

    calls = 0

    def fail_in_the_second_slab(*arguments: object, **settings: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise MemoryError
        return fbp(*arguments, **settings)  # type: ignore[arg-type]

    options = ["reconstruct", stack, "--method", "fbp", "--out", str(tmp_path / "x.h5")]
    with monkeypatch.context() as patch:
        patch.setattr(reconstructor, "fbp", fail_in_the_second_slab)
        assert run([*options, "--slab", "3"]) == 4
    assert (tmp_path / "x.h5.partial" / "slab-000000.npy").exists()
    capsys.readouterr()
    assert run([*options, "--slab", "2"]) == 7
    assert "other slab); repeat that command to finish it, or remove the folder or ask" in capsys.readouterr().err
    assert run([*options, "--slab", "2", "--overwrite"]) == 0
    assert "(other slab): started anew" in capsys.readouterr().err
    np.testing.assert_allclose(read_image(tmp_path / "x.h5").x, fbp(data_of(stack), Projector(FAN, GRID)), atol=1e-6)


def test_what_users_do_wrong(stack: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(code: int, *options: str) -> str:
        assert run(["reconstruct", stack, "--method", "fbp", *options]) == code
        return capsys.readouterr().err

    assert "ends in .h5, .nii or .nii.gz" in refused(3, "--out", str(tmp_path / "x.nii.g"))
    assert "--slab" in refused(2, "--slab", "0")
    assert "expected a positive number, got -1.0" in refused(3, "--slice-mm", "-1")
    assert "expected a positive number, got nan" in refused(3, "--mu-water", "nan")
    assert "expected three letters" in refused(3, "--axes", "LAP", "--out", str(tmp_path / "x.nii"))
    assert "unknown device 'gpu'" in refused(5, "--device", "gpu")
    assert "expected a schedule file, found none" in refused(4, "--schedule", str(tmp_path / "none.json"))
    if not torch.cuda.is_available():
        assert "expected a GPU that torch and ASTRA can use" in refused(6, "--device", "cuda")
    assert not [p for p in tmp_path.iterdir() if p.name != "stack.h5"]
    (tmp_path / "x.nii").write_text("mine")
    assert "expected a free name" in refused(7, "--out", str(tmp_path / "x.nii"))
    cone = ConeBeam(ANGLES, rows=5, bins=8, row_mm=8, bin_mm=8, source_mm=500, detector_mm=400)
    path = write(tmp_path / "cone.h5", torch.zeros(5, 36, 8), cone, Grid((4, 4, 4), 5.0))
    assert run(["reconstruct", path, "--method", "unrolled-std"]) == 3
    assert "error bars are those of images" in capsys.readouterr().err
    assert run(["reconstruct", path]) == 0
    capsys.readouterr()
    assert run(["reconstruct", path, "--method", "tv", "--slab", "2"]) == 3
    assert "all slices depend on all data; leave the slab out, or take fbp" in capsys.readouterr().err
    bare = write(tmp_path / "bare.h5", torch.zeros(3, 36, 48), FAN, GRID)
    assert run(["reconstruct", bare, "--method", "fbp", "--out", str(tmp_path / "bare")]) == 3
    assert "give it with --slice-mm" in capsys.readouterr().err
    options = ["--slice-mm", "2.5", "--json", "--png", str(tmp_path / "bare.png")]
    assert run(["reconstruct", bare, "--method", "fbp", "--out", str(tmp_path / "bare.nii"), *options]) == 0
    files = json.loads(capsys.readouterr().out)
    assert nibabel.load(files["image"]).header.get_zooms()[2] == 2.5  # type: ignore[attr-defined]
    assert Path(files["png"]).stat().st_size > 2000


def test_negative_data_are_noted_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "y.h5", torch.full((4, 36, 48), -0.1), FAN, GRID)
    assert run(["reconstruct", path, "--method", "mlem", "--iterations", "1", "--slab", "1"]) == 0
    assert capsys.readouterr().err.count("negative values of the data are taken as 0") == 1


@pytest.mark.gpu
def test_cuda_gives_the_same(stack: str, tmp_path: Path) -> None:
    for device in ("cpu", "cuda"):
        for method in ("fbp", "sirt", "unrolled"):
            options = ["--method", method, "--device", device, "--slab", "3"]
            assert run(["reconstruct", stack, *options, "--out", str(tmp_path / f"{device}-{method}.h5")]) == 0
    for method in ("fbp", "sirt", "unrolled"):
        cpu, cuda = (read_image(tmp_path / f"{device}-{method}.h5").x for device in ("cpu", "cuda"))
        assert np.abs(cpu - cuda).max() < 0.02 * np.abs(cpu).max()
