import json
from pathlib import Path
from typing import Any

import h5py
import nibabel
import numpy as np
import pytest

from svct.cli.main import run
from svct.data.open import read_volume
from svct.data.projections import read_image, read_projections, write_image
from svct.data.scan_file import read_beside
from svct.sampling import Schedule
from svct.units import hu_to_mu, mu_to_hu

FAN = """
schema = "svct.protocol/1"
name = "fan"
title = "A small fan"
sources = ["made up for a test"]
[scan]
kind = "fan"
bins = 96
bin_mm = 5.0
row_mm = 4.0
source_mm = 540.0
detector_mm = 410.0
curved = true
views_per_rotation = 120
[source]
kvp = 80
anode_deg = 20
filters_mm = { aluminium = 5.0 }
bins = 12
[exposure]
mas_per_rotation = 5000.0
[dose]
ctdi_w_mgy_per_100mas = 1.0
phantom_mm = 320
source = "made up for a test"
"""


def cone(text: str, kind: str) -> str:
    rows = 'rows = 12\nkind = "cone"' if kind == "cone" else 'rows = 12\npitch = 0.8\nkind = "helical"'
    return text.replace('kind = "fan"', rows).replace("row_mm = 4.0", "row_mm = 8.0")


def cylinder(height: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A water cylinder of 160 mm with a bone insert to the patient's left and anterior, HU."""
    at = (np.arange(48) - 23.5) * 4
    y, x = -at[:, None], at[None]
    plane = np.where(np.hypot(x, y) < 80, 0.0, -1000.0)
    plane[np.hypot(x - 32, y - 40) < 12] = 1000.0
    return np.repeat(plane[None], height, axis=0).astype(np.float32)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fan.toml").write_text(FAN)
    for kind in ("cone", "helical"):
        (tmp_path / f"{kind}.toml").write_text(cone(FAN, kind))
    hu = cylinder(3)[:, ::-1, ::-1].transpose(2, 1, 0)  # NIfTI's own axes point to R, A, S; rows go to P
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(hu[::-1]), np.diag([-4.0, 4.0, 8.0, 1.0])), "body.nii.gz")  # type: ignore[no-untyped-call]
    return tmp_path


def test_a_stack_from_volume_to_image(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--protocol", "fan.toml", "--seed", "3", "--line-integrals"]
    assert run(["simulate", "body.nii.gz", *options, "--out", "scan.h5"]) == 0
    said = capsys.readouterr().err
    assert "ctdi_vol_mgy 50" in said
    file = read_projections("scan.h5")
    assert file.y.shape == (3, 120, 96)
    dose: Any = file.meta["dose"]
    assert dose["mas"] == pytest.approx(5000)
    assert dose["ssde_mgy"] > dose["ctdi_vol_mgy"]
    assert dose["water_equivalent_mm"] == pytest.approx(163, abs=4)
    assert dose["absorbed_mgy"] > 0
    assert file.meta["protocol"]["name"] == "fan"  # type: ignore[index]
    counts, lines = read_beside(Path("scan.h5"), "counts"), read_beside(Path("scan.h5"), "line_integrals")
    assert read_beside(Path("scan.h5"), "mas").shape == (3, 120)
    assert (counts > 0).all()
    thick = lines > 2
    assert float(np.abs(file.y - lines)[thick].mean()) < 0.05
    assert run(["reconstruct", "scan.h5", "--method", "fbp"]) == 0
    image = mu_to_hu(read_image("scan-fbp.h5").x)
    inside = cylinder(1)[0] == 0
    flat = inside & (np.roll(inside, 3, 0) & np.roll(inside, -3, 0) & np.roll(inside, 3, 1) & np.roll(inside, -3, 1))
    assert float(image[:, flat].mean()) == pytest.approx(0, abs=6)
    # The insert comes out where the volume has it: as drawn, in the upper right of the array.
    assert float(image[1, 13:15, 31:33].mean()) > 500
    assert run(["reconstruct", "scan.h5", "--method", "fbp", "--out", "back.nii.gz"]) == 0
    back = read_volume("back.nii.gz")
    assert back.spacing_mm == pytest.approx((8.0, 4.0, 4.0))
    assert float(back.hu[1, 13:15, 31:33].mean()) > 500
    # The same with the method that is the default, without any option.
    assert run(["reconstruct", "scan.h5"]) == 0


def test_the_same_seed_the_same_scan(place: Path) -> None:
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        assert (
            run(["simulate", "body.nii.gz", "--protocol", "fan", "--slice", "1", "--seed", seed, "--out", f"{name}.h5"])
            == 5
        )
        options = ["--protocol", "fan.toml", "--slice", "1", "--seed", seed, "--out", f"{name}.h5"]
        assert run(["simulate", "body.nii.gz", *options]) == 0
    a, b, c = (read_projections(f"{name}.h5").y for name in "abc")
    assert a.shape == (120, 96)
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_views_and_loads_of_a_schedule(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kind = {"kind": "fan", "bins": 96, "bin_mm": 5.0, "source_mm": 540.0, "detector_mm": 410.0, "curved": True}
    schedule = Schedule(
        angles_deg=(30.0, 3.0, 201.0),
        relative_load=(0.5, 1.0, 1.5),
        geometry=kind,
        task="chest",
        budget=3,
        candidates=120,
        method="designed",
    )
    schedule.save("schedule.json")
    options = ["--protocol", "fan.toml", "--slice", "0", "--views", "schedule.json", "--out", "few.h5"]
    assert run(["simulate", "body.nii.gz", *options]) == 0
    file = read_projections("few.h5")
    assert np.rad2deg(file.scan["angles"]).tolist() == pytest.approx([30.0, 3.0, 201.0])  # type: ignore[call-overload]
    mas = read_beside(Path("few.h5"), "mas")
    assert mas.tolist() == pytest.approx([5000 / 120 * load for load in (0.5, 1.0, 1.5)])
    assert run(["simulate", "body.nii.gz", *options[:4], "--views", "40", "--out", "forty.h5"]) == 0
    assert len(read_projections("forty.h5").scan["angles"]) == 40  # type: ignore[arg-type]
    assert run(["simulate", "body.nii.gz", "--protocol", "helical.toml", *options[4:6], "--out", "no.h5"]) == 3
    assert "expected a schedule for a scan like the protocol's, helical" in capsys.readouterr().err


def test_views_of_0_mas_are_left_out(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loads = ", ".join(["1.0", "0.0", "2.0"] * 40)
    text = FAN.replace("mas_per_rotation = 5000.0", f"mas_per_rotation = 5000.0\nrelative_load = [{loads}]")
    Path("zero.toml").write_text(text)
    assert run(["simulate", "body.nii.gz", "--protocol", "zero.toml", "--slice", "0", "--out", "zero.h5"]) == 0
    assert "40 views of 0 mAs are left out" in capsys.readouterr().err
    file = read_projections("zero.h5")
    assert file.y.shape == (80, 96)
    assert (read_beside(Path("zero.h5"), "mas") > 0).all()
    assert file.meta["dose"]["mas"] == pytest.approx(5000)  # type: ignore[index]


@pytest.mark.parametrize("kind", ["cone", "helical"])
def test_volumes_from_hdf5(place: Path, kind: str) -> None:
    grid = {"shape": [12, 48, 48], "voxel_mm": 4.0, "origin_mm": [0.0, 0.0, 0.0]}
    write_image("body.h5", hu_to_mu(cylinder(12)[:, ::-1].copy()), grid)
    assert run(["simulate", "body.h5", "--protocol", f"{kind}.toml", "--out", "scan.h5"]) == 0
    with h5py.File("scan.h5") as file:
        rows, views, bins = file["projections"].shape
        assert file["counts"].shape == (rows, views, bins)
    assert (rows, bins) == (12, 96)
    assert read_projections("scan.h5").meta["dose"]["dlp_mgy_cm"] > 0  # type: ignore[index]
    assert run(["reconstruct", "scan.h5", "--method", "fbp"]) == 0
    image = mu_to_hu(read_image("scan-fbp.h5").x)[5:7]
    assert float(image[:, 20:26, 16:24].mean()) == pytest.approx(0, abs=15)
    assert float(image[:, 33:35, 31:33].mean()) > 500  # y grows with the index: the insert is below the middle
    assert run(["reconstruct", "scan.h5", "--method", "fbp", "--out", "back.nii.gz"]) == 0
    assert float(read_volume("back.nii.gz").hu[5:7, 13:15, 31:33].mean()) > 500


@pytest.mark.parametrize("kind", ["cone", "helical"])
def test_a_volume_in_slabs_gives_the_same_scan(place: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = Path(f"{kind}.toml").read_text().replace("[exposure]", "[exposure]\nangular = 0.5")
    Path("modulated.toml").write_text(text.replace("filters_mm", "focal_mm = [1.0, 1.0]\nfilters_mm"))
    options = ["body.nii.gz", "--protocol", "modulated.toml", "--line-integrals", "--motion", "rigid"]
    assert run(["simulate", *options, "--out", "whole.h5"]) == 0
    monkeypatch.setattr("svct.physics.slabs.SLAB", 4 * 48 * 48 * 4)  # four planes
    monkeypatch.setattr("svct.physics.simulate.LINES", 2**20)
    monkeypatch.setattr("svct.physics.simulate.TOGETHER", 2**17)
    assert run(["simulate", *options, "--out", "slabs.h5"]) == 0
    whole, slabs = (read_beside(Path(f"{name}.h5"), "line_integrals") for name in ("whole", "slabs"))
    assert whole.max() > 2
    assert np.abs(whole - slabs).max() < 1e-4
    mas = [read_beside(Path(f"{name}.h5"), "mas") for name in ("whole", "slabs")]
    assert np.ptp(mas[0]) > 1
    assert np.allclose(mas[0], mas[1], rtol=1e-5)
    doses: list[Any] = [read_projections(f"{name}.h5").meta["dose"] for name in ("whole", "slabs")]
    for name in ("mas", "ctdi_vol_mgy", "dlp_mgy_cm", "ssde_mgy", "water_equivalent_mm", "absorbed_mgy"):
        assert doses[1][name] == pytest.approx(doses[0][name], rel=1e-4)


def test_a_patient_that_moves(place: Path) -> None:
    options = ["simulate", "body.nii.gz", "--protocol", "fan.toml", "--slice", "1", "--line-integrals"]
    motion = ["--motion", "breathing:rise_mm=20,period_s=1", "--motion", "cardiac"]
    assert run([*options, "--out", "still.h5"]) == 0
    assert run([*options, *motion, "--out", "moved.h5"]) == 0
    still, moved = (read_beside(Path(f"{name}.h5"), "line_integrals") for name in ("still", "moved"))
    assert np.abs(still[0] - moved[0]).max() < 0.05 * still.max()  # at rest at the beginning, but for interpolation
    assert np.abs(still[60] - moved[60]).max() == pytest.approx(20 * 0.0193, rel=0.2)  # 20 mm more of water
    meta: Any = read_projections("moved.h5").meta
    # The front of the cylinder is its topmost row above -300 HU.
    assert meta["motion"][0] == "Breathing(rise_mm=20.0, front_mm=80.0, back_mm=-80.0, period_s=1.0)"
    assert meta["motion"][1].startswith("Heartbeat(centre_mm=(20.0, 20.0)")
    assert meta["times_s"] == pytest.approx([i / 120 for i in range(120)])


def test_the_order_of_views_tells_when_they_are_taken(place: Path) -> None:
    kind = {"kind": "fan", "bins": 96, "bin_mm": 5.0, "source_mm": 540.0, "detector_mm": 410.0, "curved": True}
    values: dict[str, Any] = {"geometry": kind, "task": "chest", "budget": 3, "candidates": 120, "method": "designed"}
    Schedule(angles_deg=(90.0, 0.0, 180.0), **values).save("turning.json")
    Schedule(angles_deg=(90.0, 0.0, 180.0), t_offset_s=(0.0, 0.2, 0.9), **values).save("stated.json")
    found = []
    for name in ("turning", "stated"):
        options = ["--slice", "1", "--views", f"{name}.json", "--motion", "rigid:shift_mm=0/6", "--out", f"{name}.h5"]
        assert run(["simulate", "body.nii.gz", "--protocol", "fan.toml", *options]) == 0
        meta: Any = read_projections(f"{name}.h5").meta
        found.append(meta["times_s"])
    assert found[0] == pytest.approx([0.0, 0.75, 1.25])  # rotation_s is 1 by default
    assert found[1] == [0.0, 0.2, 0.9]


def test_motions_that_are_none(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["simulate", "body.nii.gz", "--protocol", "fan.toml", "--slice", "1", "--out", "no.h5", "--motion"]
    assert run([*options, "breathin"]) == 5
    assert "Did you mean 'breathing'" in capsys.readouterr().err
    assert run([*options, "rigid:shift=3"]) == 5
    assert "unknown argument of rigid 'shift'" in capsys.readouterr().err
    assert run([*options, "rigid:shift_mm=3"]) == 3
    assert "expected shift_mm=A/B in numbers, got 'shift_mm=3'" in capsys.readouterr().err
    assert run([*options, "cardiac:contraction=0.7"]) == 3
    assert run(["simulate", "--motion", "rigid"]) == 2


def test_what_does_not_go_together(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--protocol", "fan.toml"]) == 2
    assert "--protocol needs a VOLUME" in capsys.readouterr().err
    assert run(["simulate", "body.nii.gz"]) == 2
    assert "need --protocol" in capsys.readouterr().err
    assert run(["simulate", "body.nii.gz", "--protocol", "fan.toml", "--task", "head"]) == 2
    assert run(["simulate", "body.nii.gz", "--protocol", "fan.toml", "--basis", "watr"]) == 5
    assert "Did you mean 'water'" in capsys.readouterr().err
    assert run(["simulate", "body.nii.gz", "--protocol", "fan.toml", "--slice", "9"]) == 3
    assert run(["simulate", "none.nii.gz", "--protocol", "fan.toml"]) == 4
    assert run(["simulate", "body.nii.gz", "--protocol", "fan.toml", "--slice", "0", "--json", "--out", "j.h5"]) == 0
    assert json.loads(capsys.readouterr().out) == {"projections": "j.h5"}
