import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from svct.errors import DataFileError, InputError, OutputExistsError, UnknownNameError
from svct.geometry import Grid, ParallelBeam, Projector
from svct.recon.networks import load_backbone, save_network
from svct.recon.unrolled import UnrolledNet
from svct.tasks.heads import about_head, load_head, make_head, save_head

if TYPE_CHECKING:
    from tests.tasks.heads.conftest import Study

SMALL = {"width": 4, "steps": 5}
SCAN = ParallelBeam(np.arange(12) * np.pi / 12, bins=48, bin_mm=2.0)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def backbone(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    net = UnrolledNet(unrolls=1, width=4, memory=1, depth=2, directions=("fbp",))
    save_network(net, tmp_path / "backbone.safetensors", about={})
    return tmp_path / "backbone.safetensors"


def features(backbone: Path, images: torch.Tensor) -> torch.Tensor:
    A = Projector(SCAN, Grid((32, 32), voxel_mm=2.0))
    with torch.inference_mode():
        return load_backbone(backbone).features(A(images), A).clone()


def test_a_new_head_changes_neither_backbone_nor_older_heads(tmp_path: Path, backbone: Path, training: "Study") -> None:
    cases, before = training.cases[:32], sha256(backbone)
    seen = features(backbone, training.images[:32])
    old = make_head("lesion-classifier", SMALL).fit(seen, cases)
    save_head(old, tmp_path / "old.safetensors", backbone_sha256=before, about={"finding": "disc"})
    read, held = old.predict(seen), sha256(tmp_path / "old.safetensors")
    for name in ("detector", "segmenter", "regressor"):
        new = make_head(name, SMALL).fit(seen, cases)
        save_head(new, tmp_path / f"{name}.safetensors", backbone_sha256=before)
        again = load_head(tmp_path / f"{name}.safetensors", backbone=backbone)
        assert np.array_equal(again.predict(seen), new.predict(seen))
        assert again.settings == new.settings
    assert sha256(backbone) == before
    assert sha256(tmp_path / "old.safetensors") == held
    assert torch.equal(features(backbone, training.images[:32]), seen)
    loaded = load_head(tmp_path / "old.safetensors", backbone=backbone)
    assert np.array_equal(loaded.predict(seen), read)
    assert np.array_equal(old.predict(seen), read)
    assert about_head(tmp_path / "old.safetensors")["about"] == {"finding": "disc"}
    assert (tmp_path / "old.safetensors").stat().st_size < 100_000


def test_files_that_do_not_fit_are_refused(tmp_path: Path, backbone: Path, training: "Study") -> None:
    head = make_head("segmenter", SMALL)
    path = tmp_path / "head.safetensors"
    with pytest.raises(InputError, match="expected a fitted head"):
        save_head(head, path, backbone_sha256=None)
    head.fit(training.images, training.cases)
    save_head(head, path, backbone_sha256="ab" * 32)
    with pytest.raises(DataFileError, match=r"expected a head of the backbone \w{12}, got one fitted on abababababab"):
        load_head(path, backbone=backbone)
    with pytest.raises(DataFileError, match="got one fitted on abababababab"):
        load_head(path)
    with pytest.raises(OutputExistsError, match="expected a free name"):
        save_head(head, path, backbone_sha256=None)
    save_head(head, path, backbone_sha256=None, overwrite=True)
    assert np.array_equal(load_head(path).predict(training.images), head.predict(training.images))

    content = path.read_bytes()
    for size in (0, 7, 100, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(DataFileError, match=r"head\.safetensors: expected a fitted head, cannot be"):
            load_head(path)
    with pytest.raises(DataFileError, match=r"expected a fitted head \(svct\.head/1\), got another file of weights"):
        load_head(backbone)
    with pytest.raises(DataFileError, match="expected a fitted head, found no file"):
        load_head(tmp_path / "none.safetensors")
    told = about_head(shutil.copy(_written(tmp_path, content), tmp_path / "copy.safetensors"))
    for change, error, message in (
        ({"head": "oracle"}, UnknownNameError, "unknown head 'oracle'"),
        ({"settings": {"width": 5}}, DataFileError, "expected what a head of these settings learned"),
        ({"settings": {"colour": 1}}, DataFileError, "expected the settings that it takes"),
    ):
        _rewrite(tmp_path / "changed.safetensors", head.state(), {**told, **change})
        with pytest.raises(error, match=message):
            load_head(tmp_path / "changed.safetensors")


def _written(folder: Path, content: bytes) -> Path:
    (folder / "whole.safetensors").write_bytes(content)
    return folder / "whole.safetensors"


def _rewrite(path: Path, state: dict[str, torch.Tensor], told: dict[str, object]) -> None:
    save_file({name: value.contiguous() for name, value in state.items()}, path, {"svct": json.dumps(told)})
