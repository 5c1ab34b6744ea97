from pathlib import Path

import numpy as np
import pytest

from svct.data.partial import open_partial
from svct.errors import DataFileError, OutputExistsError

KEY = {"method": "sirt", "slab": 2, "views": [1, 2]}


def test_slabs_are_kept_found_again_and_removed(tmp_path: Path) -> None:
    target = tmp_path / "x.nii.gz"
    slab = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    first = open_partial(target, KEY, count=2)
    first.save(1, slab)
    said: list[str] = []
    again = open_partial(target, {**KEY, "views": (1, 2)}, count=2, say=said.append)
    assert 1 in again
    assert 0 not in again
    assert said == [f"going on from {tmp_path / 'x.nii.gz.partial'}: 1 of 2 slabs are finished"]
    again.save(0, slab + 1)
    np.testing.assert_array_equal(np.concatenate(list(again.slabs())), np.concatenate([slab + 1, slab]))
    again.remove()
    assert list(tmp_path.iterdir()) == []


def test_slabs_of_another_command_are_never_used(tmp_path: Path) -> None:
    target = tmp_path / "x.h5"
    open_partial(target, KEY, count=2).save(0, np.zeros((1, 2, 2), np.float32))
    other = {**KEY, "method": "tv", "slab": 1}
    with pytest.raises(OutputExistsError, match=r"other method, slab.*repeat that command.*or remove the folder"):
        open_partial(target, other, count=4)
    said: list[str] = []
    fresh = open_partial(target, other, count=4, restart=True, say=said.append)
    assert "(other method, slab): started anew" in said[0]
    assert not any(i in fresh for i in range(4))
    with pytest.raises(OutputExistsError, match="other method, slab"):
        open_partial(target, KEY, count=2)


def test_foreign_and_damaged_folders(tmp_path: Path) -> None:
    folder = tmp_path / "x.h5.partial"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="got a folder with other files"):
        open_partial(tmp_path / "x.h5", KEY, count=2, restart=True)
    assert (folder / "notes.txt").read_text() == "mine"
    (folder / "notes.txt").unlink()
    store = open_partial(tmp_path / "x.h5", KEY, count=1)
    store.save(0, np.zeros((1, 2, 2), np.float32))
    (folder / "slab-000000.npy").write_bytes(b"half")
    with pytest.raises(DataFileError, match=r"slab-000000\.npy: expected a finished slab, got a damaged file"):
        list(store.slabs())
    (folder / "settings.json").write_text("{")
    with pytest.raises(DataFileError, match=r"could not be used \(damaged settings\.json\)"):
        open_partial(tmp_path / "x.h5", KEY, count=1)
