import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from svct.cli.main import run
from svct.sampling import Dose, Schedule
from svct.tasks import load_task


@pytest.fixture
def path(tmp_path: Path) -> str:
    geometry = load_task("chest").scan.to_dict()
    geometry.pop("angles")
    made = Schedule(
        angles_deg=tuple((111.2 * i) % 180 for i in range(24)),
        geometry=geometry,
        task="chest",
        budget=24,
        candidates=360,
        method="golden",
        relative_load=(0.5, 1.5) * 12,
        dose=Dose(total_mAs=7.2),
        kvp=(120.0,) * 24,
    )
    return str(made.save(tmp_path / "schedule.json"))


def test_check(path: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["schedule", "check", path]) == 0
    assert run(["schedule", "check", path, "--strict"]) == 1
    capsys.readouterr()
    assert run(["schedule", "check", path, "--device", "c-arm"]) == 1
    shown = capsys.readouterr()
    assert "fail  KVP" in shown.out
    assert "[120 of 125 kV]  views 0, 1, 2, 3, 4, 5, 6, 7 and 16 more" in shown.out
    assert "note: c-arm is an example with made-up numbers" in shown.err
    assert run(["schedule", "check", path, "--device", "c-arm", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    kvp = next(check for check in found["checks"] if check["code"] == "KVP")
    assert (kvp["result"], kvp["value"], kvp["limit"], kvp["unit"]) == ("fail", 120.0, 125.0, "kV")
    Path(path).write_text(Path(path).read_text().replace("7.2", "7.3"))
    assert run(["schedule", "check", path, "--device", "c-arm"]) == 1
    shown = capsys.readouterr()
    assert "fail  HASH" in shown.out
    assert "device c-arm: not checked, because the file itself failed" in shown.err
    assert run(["schedule", "check", str(tmp_path / "none.json")]) == 4
    assert run(["schedule", "check", path, "--device", "carm"]) == 5


def test_plan_show_diff(path: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = str(tmp_path / "planned.json")
    options = ["--device", "research-gantry", "--out", out]
    assert run(["schedule", "plan", path, *options, "--patients", "2", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert 0.1 < facts["largest_error_deg"] <= 0.3125 / 2
    assert facts["duration_s"] < 0.5 * facts["duration_as_asked_s"]
    costs = {row["method"]: row for row in facts["psnr"]}
    assert set(costs) == {"fbp", "unrolled"}
    assert costs["unrolled"]["asked_db"] > costs["fbp"]["asked_db"] + 5
    for row in costs.values():
        assert abs(row["told_db"] - row["asked_db"]) < 0.5
        assert row["noise_db"] < 0.5
    assert run(["schedule", "plan", path, *options]) == 7
    assert run(["schedule", "check", out, "--device", "research-gantry"]) == 0
    capsys.readouterr()
    assert run(["schedule", "show", out, "--views"]) == 0
    shown = capsys.readouterr().out
    assert "SIMULATION ONLY" in shown
    assert "id research-gantry" in shown
    assert len(shown.splitlines()) > 24 + 15
    assert run(["schedule", "show", out, "--views", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["frames"]) == 24
    assert run(["schedule", "diff", path, path]) == 0
    assert "the same views" in capsys.readouterr().out
    assert run(["schedule", "diff", path, out, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["reordered"] is True
    assert run(["schedule", "diff", path, out]) == 1
    assert 'mode: null -> "rotating"' in capsys.readouterr().out


def test_a_plan_without_a_task_says_so(path: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    made = Schedule(
        angles_deg=(0.0, 90.0), geometry={"kind": "carm"}, task="mine", budget=2, candidates=9, method="learned"
    )
    source = str(made.save(tmp_path / "mine.json"))
    out = ["--device", "c-arm", "--out", str(tmp_path / "planned.json")]
    assert run(["schedule", "plan", source, *out]) == 0
    assert "note: image quality was not judged: unknown task 'mine'" in capsys.readouterr().err
    assert run(["schedule", "plan", source, *out, "--overwrite", "--task", "chest"]) == 5
    assert run(["schedule", "plan", path, "--device", "nowhere.toml", "--out", str(tmp_path / "p.json")]) == 4


def test_sign_and_verify(path: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    private, public, out = tmp_path / "key", tmp_path / "key.pub", str(tmp_path / "signed.json")
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    assert run(["schedule", "verify", path]) == 1
    assert "unsigned: nothing tells who made this schedule" in capsys.readouterr().out
    assert run(["schedule", "sign", path, "--key", str(private), "--out", out]) == 0
    assert run(["schedule", "verify", out, "--key", str(public)]) == 0
    assert "signed with the given key" in capsys.readouterr().out
    assert run(["schedule", "verify", out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trusted"] is False
    assert run(["schedule", "check", out, "--all"]) == 0
    assert "pass  SIGNATURE" in capsys.readouterr().out
    Path(out).write_text(Path(out).read_text().replace("120.0", "121.0"))
    assert run(["schedule", "verify", out]) == 3
    assert "content does not match its hash" in capsys.readouterr().err


@pytest.mark.parametrize("device", [None, "lab-step-stage"])
def test_plots_hold_every_view(path: str, tmp_path: Path, device: str | None) -> None:
    options = [] if device is None else ["--device", device]
    for suffix in ("png", "svg"):
        assert run(["schedule", "plot", path, *options, "--out", str(tmp_path / f"s.{suffix}")]) == 0
    assert (tmp_path / "s.png").stat().st_size > 30_000
    text = (tmp_path / "s.svg").read_text()
    root = ElementTree.fromstring(text)
    collections = [g for g in root.iter() if g.get("id", "").startswith("LineCollection")]
    counts = [len(list(g.iter("{http://www.w3.org/2000/svg}path"))) for g in collections]
    assert counts.count(24) >= 2
    assert run(["schedule", "plot", path, "--out", str(tmp_path / "s.gif")]) == 5


def test_an_svg_for_a_page(path: str) -> None:
    from svct.sampling.plot import schedule_svg

    schedule = Schedule.load(path)
    element = schedule_svg(schedule)
    assert element == schedule_svg(schedule)
    page = ElementTree.fromstring(f"<html><body>{element}</body></html>")
    ids = [node.get("id", "") for node in page.iter() if node.get("id")]
    assert ids
    assert all(name.startswith(f"s{schedule.sha256[:12]}-") for name in ids)
    assert len(set(ids)) == len(ids)
    used = [value[1:] for node in page.iter() for key, value in node.items() if key.endswith("href")]
    used += re.findall(r"url\(#([^)]*)\)", element)
    assert used
    assert set(used) <= set(ids)


def test_spokes_are_as_long_as_their_load(path: str) -> None:
    from svct.sampling.plot import plot_schedule

    figure = plot_schedule(Schedule.load(path))
    spokes = figure.axes[0].collections[0].get_paths()
    lengths = np.array([np.ptp(np.asarray(spoke.vertices)[:, 1]) for spoke in spokes])
    assert lengths / lengths.max() == pytest.approx([1 / 3, 1.0] * 12)
