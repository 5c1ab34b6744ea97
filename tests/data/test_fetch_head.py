"""The head: a Debian package with an InVesalius project, of which a small one is made here."""

import hashlib
import io
import os
import plistlib
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from svct.data import CATALOGUE, Dataset, dataset, fetch, locate, read_volume
from svct.data.debian import DebianProject
from svct.data.invesalius import convert_project
from svct.errors import DataFileError

MEMBER = "usr/share/doc/small/Cranium.inv3"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SVCT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _tar(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def _project(path: Path, patient: NDArray[np.int16], **changed: object) -> Path:
    facts = {
        "modality": "CT",
        "orientation": 1,
        "spacing": [0.75, 1.5, 2.5],
        "matrix": {"dtype": "int16", "filename": "matrix.dat", "shape": list(patient.shape)},
    }
    stored = np.ascontiguousarray(patient[:, ::-1, :], "<i2").tobytes()
    return _tar(path, {"tmp/main.plist": plistlib.dumps({**facts, **changed}), "tmp/matrix.dat": stored})


def _package(path: Path, project: Path) -> Path:
    data = _tar(path.with_name("data.tar.xz"), {f"./{MEMBER}": project.read_bytes()}, "w:xz")
    members = [("debian-binary", b"2.0\n"), ("control.tar.xz", b"odd"), ("data.tar.xz", data.read_bytes())]
    with path.open("wb") as file:
        file.write(b"!<arch>\n")
        for name, content in members:
            file.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode())
            file.write(content + b"\n" * (len(content) % 2))
    return path


@pytest.fixture
def project(tmp_path: Path, patient: NDArray[np.int16]) -> Path:
    return _project(tmp_path / "Cranium.inv3", patient)


@pytest.fixture
def small(project: Path, patient: NDArray[np.int16]) -> Dataset:
    matrix = hashlib.sha256(np.ascontiguousarray(patient[:, ::-1, :], "<i2").tobytes()).hexdigest()
    digest = hashlib.sha256(project.read_bytes()).hexdigest()
    source = DebianProject("small", "1", MEMBER, digest, matrix)
    return replace(CATALOGUE["head-ct"], source=source)


def test_package_and_project_give_the_patient_as_it_stands(
    tmp_path: Path, small: Dataset, project: Path, patient: NDArray[np.int16], cache: Path
) -> None:
    for archive in (project, _package(tmp_path / "small.deb", project)):
        path = fetch(small, archive=archive)
        assert path == locate("head-ct") == cache / "data" / "head-ct" / "cranium.nii"
        read = read_volume(path)
        assert np.array_equal(read.hu, patient)
        assert read.spacing_mm == (2.5, 1.5, 0.75)
        assert read.orientation == "NIfTI affine, stored as LAS"
        assert [p.name for p in path.parent.iterdir()] == ["cranium.nii"]
        path.unlink()


def test_a_damaged_file_is_fetched_again(small: Dataset, project: Path) -> None:
    path = fetch(small, archive=project)
    said: list[str] = []
    fetch(small, say=said.append)
    assert said == ["head-ct: already here, SHA-256 checked"]
    whole = path.read_bytes()
    image = nibabel.load(path)
    turned = nibabel.Nifti1Image(np.asanyarray(image.dataobj), np.diag([1.0, 1, 1, 1]))  # type: ignore[attr-defined, no-untyped-call]
    for write in (
        lambda: path.write_bytes(whole[:-10]),
        lambda: path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1])),
        lambda: nibabel.save(turned, path),
    ):
        write()
        said.clear()
        fetch(small, archive=project, say=said.append)
        assert "damaged, fetching it again" in said[0]
        assert path.read_bytes() == whole


def test_other_files_are_refused(tmp_path: Path, small: Dataset, project: Path, patient: NDArray[np.int16]) -> None:
    other = _project(tmp_path / "other.inv3", patient + np.int16(1))
    with pytest.raises(DataFileError, match=r"Cranium\.inv3 of Debian package .*expected SHA-256"):
        fetch(small, archive=other)
    (tmp_path / "text.deb").write_text("hello")
    whole = _package(tmp_path / "whole.deb", project).read_bytes()
    (tmp_path / "half.deb").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "bare.deb").write_bytes(whole[:72])
    for name in ("text.deb", "half.deb", "bare.deb"):
        with pytest.raises(DataFileError, match=f"{name}: expected .*got another or damaged file"):
            fetch(small, archive=tmp_path / name)
    assert not small.path.exists()


def test_projects_that_are_not_axial_ct(tmp_path: Path, patient: NDArray[np.int16]) -> None:
    for changed in ({"modality": "MR"}, {"orientation": 2}, {"spacing": [1.0, 1.0]}):
        project = _project(tmp_path / "odd.inv3", patient, **changed)
        with pytest.raises(DataFileError, match=r"odd\.inv3: expected modality.*export it from InVesalius"):
            convert_project(project, tmp_path / "odd.nii")
    with pytest.raises(DataFileError, match=r"0 files main\.plist"):
        convert_project(_tar(tmp_path / "empty.inv3", {}), tmp_path / "odd.nii")


def test_machines_without_apt_or_the_package(
    tmp_path: Path, small: Dataset, monkeypatch: pytest.MonkeyPatch, write_apt: Callable[[str], None]
) -> None:
    write_apt("echo 'W: a warning' >&2; echo 'E: Unable to locate package small' >&2; exit 100")
    with pytest.raises(DataFileError, match=r"got: Unable to locate package small; run 'apt-get update'.*--from"):
        fetch(small)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(DataFileError, match=r"got a machine without it; get that package, or Cranium\.inv3.*--from"):
        fetch(small)


def test_download_runs_apt_in_a_folder_of_its_own(
    tmp_path: Path, small: Dataset, project: Path, write_apt: Callable[[str], None]
) -> None:
    package = _package(tmp_path / "small_1_all.deb", project)
    write_apt(f'test "$1 $3" = "download small" && cp {package} .')
    before = sorted(os.listdir())
    assert read_volume(fetch(small)).hu.shape == (6, 8, 10)
    assert sorted(os.listdir()) == before


@pytest.fixture
def write_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a shell script in the place of apt-get, whose index no test may depend on."""

    def write(script: str) -> None:
        tool = tmp_path / "bin" / "apt-get"
        tool.parent.mkdir(exist_ok=True)
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return write


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs apt-get")
def test_the_real_head() -> None:
    read = read_volume(fetch(dataset("head-ct")))
    assert read.hu.shape == (108, 256, 256)
    assert read.spacing_mm == pytest.approx((1.5, 0.9570312, 0.9570312))
    face = read.hu[20]
    air_inside = (face[64:192, 96:160] < -800).any(axis=1).nonzero()[0]
    assert air_inside.max() < 64, "the nose lies in the anterior half"
    assert (read.hu[106] > -300).mean() < 0.1 < (read.hu[20] > -300).mean(), "the crown is the last slice"
