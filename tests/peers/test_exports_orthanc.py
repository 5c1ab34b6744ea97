"""Exported DICOM files in an Orthanc archive: stored through DICOM and REST, fetched again."""

import json
import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from svct.errors import DataFileError
from svct.sampling import Dose, Schedule
from svct.sampling.export import export, exporter

# In a network namespace of its own with nothing but the loopback device: Orthanc's DICOM port listens everywhere.
WORKER = """
import hashlib, json, subprocess, sys, time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from pydicom import dcmread
from pynetdicom import AE

subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
config = {"Name": "svct", "StorageDirectory": "storage", "IndexDirectory": "storage", "HttpPort": 18042,
          "DicomPort": 14242, "DicomAet": "SVCT", "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
          "DicomAlwaysAllowStore": True, "StoreDicom": True, "Plugins": []}
Path("orthanc.json").write_text(json.dumps(config))
log = open("orthanc.log", "w")
server = subprocess.Popen([sys.argv[1], "orthanc.json"], stdout=log, stderr=log)

def ask(path, data=None):
    with urlopen(Request("http://127.0.0.1:18042" + path, data=data), timeout=30) as answer:
        return answer.read()

def forget(number):
    urlopen(Request(f"http://127.0.0.1:18042/instances/{number}", method="DELETE"), timeout=30).close()

def send(file):
    ae = AE(ae_title="TEST")
    ae.add_requested_context(file.SOPClassUID, file.file_meta.TransferSyntaxUID)
    association = ae.associate("127.0.0.1", 14242, ae_title="SVCT")
    if not association.is_established:
        return "no association"
    if not association.accepted_contexts:
        association.release()
        return "no presentation context"
    status = association.send_c_store(file)
    association.release()
    return hex(status.Status)

told = {}
try:
    for attempt in range(200):
        try:
            told["version"] = json.loads(ask("/system"))["Version"]
            break
        except OSError:
            time.sleep(0.1)
    for name in sys.argv[2:]:
        path = Path(name)
        told[name] = {"rest": "", "store": ""}
        try:
            kept = json.loads(ask("/instances", path.read_bytes()))
            told[name]["rest"] = hashlib.sha256(ask(f"/instances/{kept['ID']}/file")).hexdigest()
            forget(kept["ID"])
        except HTTPError as error:
            told[name]["rest"] = f"HTTP {error.code}"
        told[name]["store"] = send(dcmread(path))
        for found in json.loads(ask("/instances")):
            path.with_suffix(".back").write_bytes(ask(f"/instances/{found}/file"))
            forget(found)
    broken = dcmread(sys.argv[2])
    del broken["StudyInstanceUID"]
    told["broken"] = send(broken)
finally:
    server.terminate()
    server.wait(timeout=30)
print("TOLD", json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Orthanc's answers to three files of a schedule, with the folder and the schedule."""
    orthanc = which("Orthanc")
    if orthanc is None:
        pytest.skip("Orthanc is not installed (Debian: apt-get install orthanc)")
    pytest.importorskip("pynetdicom")
    space = ["unshare", "--user", "--map-root-user", "--net"]
    if which("ip") is None or subprocess.run([*space, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace can be made here, and Orthanc shall not be seen from outside")
    folder = tmp_path_factory.mktemp("orthanc")
    schedule = Schedule(
        angles_deg=tuple(i * 7.5 for i in range(48)),
        geometry={"kind": "parallel", "bins": 16, "bin_mm": 1.0},
        task="chest",
        budget=48,
        candidates=1152,
        method="learned",
        exposure_mAs=(0.9,) * 48,
        exposure_ms=(10.0,) * 48,
        kvp=(120.0,) * 48,
        dose=Dose(total_mAs=43.2, ctdi_vol_mGy=2.94, phantom="IEC_BODY_32", dlp_mGycm=88.2),
    )
    for name in ("raw", "rdsr", "protocol"):
        export(schedule, folder / f"{name}.dcm", fmt=f"dicom-{name}")
    done = subprocess.run(
        [*space, sys.executable, "-W", "ignore", "-c", WORKER, orthanc, "raw.dcm", "rdsr.dcm", "protocol.dcm"],
        cwd=folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("TOLD")]
    found: dict[str, Any] = json.loads(line.removeprefix("TOLD"))
    print(f"Orthanc {found['version']}: {found}")
    return {**found, "folder": folder, "schedule": schedule}


def test_orthanc_gives_back_the_very_bytes(told: dict[str, Any]) -> None:
    import hashlib

    for name in ("raw", "rdsr"):
        path: Path = told["folder"] / f"{name}.dcm"
        assert told[path.name]["rest"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_schedule_comes_back_through_c_store(told: dict[str, Any]) -> None:
    assert told["raw.dcm"]["store"] == told["rdsr.dcm"]["store"] == "0x0"
    back = exporter("dicom-raw").read(told["folder"] / "raw.back")
    assert back.whole == told["schedule"]
    assert back.sha256 == told["schedule"].sha256
    assert exporter("dicom-rdsr").read(told["folder"] / "rdsr.back").sha256 == told["schedule"].sha256


def test_what_orthanc_refuses(told: dict[str, Any]) -> None:
    assert told["broken"] not in ("0x0", "no association")
    # A CT protocol belongs to no patient: Orthanc keeps none, and does not know the class.
    assert told["protocol.dcm"]["rest"].startswith("HTTP 4")
    assert told["protocol.dcm"]["store"] in ("no association", "no presentation context")


def test_a_fetched_file_that_was_changed_is_refused(told: dict[str, Any]) -> None:
    path: Path = told["folder"] / "raw.back"
    content = path.read_bytes()
    changed = content.replace(b'"angle_deg": 7.5,', b'"angle_deg": 7.6,')
    assert changed != content
    other = path.with_suffix(".changed")
    other.write_bytes(changed)
    with pytest.raises(DataFileError, match="dicom-raw"):
        exporter("dicom-raw").read(other)
