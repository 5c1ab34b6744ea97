"""The cells of a study: one reconstruction of all cases from some views at some flux, and how it was read."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from svct import __version__
from svct.bench.backbone import scanned_for
from svct.bench.diagnosis_readers import CHANNELS, Reader, cross_fit, cross_read
from svct.bench.diagnosis_task import DetectionTask, truth_of
from svct.bench.recon_methods import FIRST_GUESS, STRENGTHS, mean_psnr, reconstruct, tune_tv
from svct.errors import DataFileError
from svct.files import atomic_path
from svct.geometry.projector import Projector
from svct.recon.tv import tv
from svct.tasks.case import Case
from svct.tasks.heads.controls import shuffled
from svct.tasks.heads.scores import Values
from svct.units import MU_WATER

SCHEMA = "svct.diagnosis-cell/1"
CEILING, FLOOR = "truth", "shuffled"
"""Methods that are none: the true images, and those of full view that another case is read from."""


@dataclass(frozen=True, eq=False)
class Cell:
    """How all cases were read in the images of one method from some views at some flux.

    Args:
        inputs: All that it depends on, plain data.
        present: Whether the finding is present, ``(case,)``.
        fold: The fold of each case.
        decisions: By reader and way of fitting, such as ``("cho", "frozen")``: ``(case,)``.
        about: PSNR, setting of the method and the like.
    """

    inputs: Mapping[str, Any]
    present: NDArray[np.bool_]
    fold: NDArray[np.int64]
    decisions: Mapping[tuple[str, str], Values]
    about: Mapping[str, Any]

    def write(self, folder: Path) -> None:
        """Write the cell to its file, whole or not at all."""
        arrays: dict[str, Any] = {f"{reader}/{way}": values for (reader, way), values in self.decisions.items()}
        text = json.dumps({"inputs": self.inputs, "about": self.about})
        with atomic_path(path_of(folder, self.inputs), overwrite=True) as partial, partial.open("wb") as stream:
            np.savez(stream, present=self.present, fold=self.fold, text=np.array(text), **arrays)


def path_of(folder: Path, inputs: Mapping[str, Any]) -> Path:
    """Return the file of the cell with these inputs: its name holds their hash."""
    text = json.dumps({"schema": SCHEMA, "svct": __version__, **inputs}, sort_keys=True)
    return folder / f"cell-{hashlib.sha256(text.encode()).hexdigest()[:20]}.npz"


def read_cell(folder: Path, inputs: Mapping[str, Any]) -> Cell | None:
    """Read a cell, or return None where it is not there yet.

    Raises:
        DataFileError: The file is damaged.
    """
    path = path_of(folder, inputs)
    if not path.exists():
        return None
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(str(arrays.pop("text")))["about"]
        present, fold = arrays.pop("present"), arrays.pop("fold")
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise DataFileError(f"{path}: expected a cell of a study, cannot be read ({error}); remove it") from error
    decisions = {(name.rpartition("/")[0], name.rpartition("/")[2]): values for name, values in arrays.items()}
    return Cell(inputs, present, fold, decisions, about)


@dataclass(frozen=True, eq=False)
class Scanned:
    """Cases to scan, and others that settings are chosen on.

    Args:
        detection: The task.
        cases: Those that are read.
        tuning: True images of other patients, 1/mm.
        fold: The fold of each case.
    """

    detection: DetectionTask
    cases: list[Case]
    tuning: Float[Tensor, "tuning y x"]
    fold: NDArray[np.int64]

    def reconstruct(
        self,
        method: str,
        net: nn.Module | None,
        *,
        views: Sequence[int],
        photons: float | tuple[float, ...],
        iterations: int,
    ) -> tuple[Float[Tensor, "case y x"], dict[str, Any]]:
        """Scan and reconstruct all cases.

        Args:
            method: ``"fbp"``, ``"tv"`` or the name of a network.
            net: The network.
            views: Indices of those taken of the task's candidates.
            photons: Per ray; one number, or one per view.
            iterations: Of TV.

        Returns:
            Images, 1/mm, and what was chosen and how near they come.
        """
        task, truth = self.detection.task, truth_of(self.cases)
        A = Projector(task.scan, task.grid)[list(views)]
        physics = replace(task.acquisition, photons=photons)
        seed = self.detection.seed
        y, about, strength = scanned_for(task, physics, A, truth, seed=seed + 1), {}, 0.0
        with torch.inference_mode():
            if method == "tv":
                tuned = scanned_for(task, physics, A, self.tuning, seed=seed + 2)
                strength = STRENGTHS[tune_tv(tuned, A, self.tuning, iterations=iterations, start=FIRST_GUESS - 1)]
                first, longer = (tv(tuned[:2], A, strength=strength, iterations=n * iterations) for n in (1, 4))
                about["unconverged_hu"] = float((first - longer).square().mean().sqrt() * 1000 / MU_WATER)
            found = reconstruct(method, net, y, A, truth=truth, strength=strength, iterations=iterations)
        return found.images, {"setting": found.setting, "psnr_db": mean_psnr(found.images, truth), **about}

    def read(
        self,
        inputs: Mapping[str, Any],
        images: Float[Tensor, "case y x"],
        about: Mapping[str, Any],
        *,
        readers: tuple[str, ...],
        frozen: Mapping[str, list[Reader]],
    ) -> Cell:
        """Read images by observers fitted elsewhere and by others fitted on these.

        Args:
            inputs: See `Cell`; likewise `about`.
            images: Of all cases, 1/mm.
            about: See `Cell`.
            readers: Names of those that are fitted anew.
            frozen: By name, one for each fold, fitted elsewhere.
        """
        if inputs["method"] == FLOOR:
            images = shuffled(images, seed=self.detection.seed)
        decisions = {}
        for name in readers:
            if name in frozen:
                decisions[name, "frozen"] = cross_read(frozen[name], images, self.cases, self.fold)
            anew = cross_fit(name, images, self.cases, self.fold, seed=self.detection.seed)
            decisions[name, "refitted"] = cross_read(anew, images, self.cases, self.fold)
        present = np.array([case.present for case in self.cases])
        return Cell(inputs, present, self.fold, decisions, about)


def settings_of(readers: tuple[str, ...]) -> dict[str, Any]:
    """Return what readers depend on besides the images, plain data."""
    return {"names": list(readers), "channels": CHANNELS}
