"""Reconstruct a projection file slab by slab into an image file, and go on where a run was interrupted."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from svct.cli.progress import progress

if TYPE_CHECKING:
    from torch import Tensor, device

    from svct.data.output import Result
    from svct.data.planes import ProjectionReader
    from svct.geometry.projector import Projector
    from svct.recon.slabs import Plan

Method = Callable[["Tensor", "Projector", Callable[[int], Any]], "Tensor"]
"""Takes a batch of data, its projector and a function to call after each iteration; returns the images."""


@dataclass(frozen=True)
class SlabJob:
    """What is reconstructed from what.

    Args:
        data: The open projection file.
        views: Which of its views are used, in the order of the plan's projectors.
        plan: The slabs.
        method: The reconstruction.
        device: Where it is computed.
        name: The method's name, for the progress bar.
        iterations: How many each slab takes, for the progress bar.
    """

    data: "ProjectionReader"
    views: list[int]
    plan: "Plan"
    method: Method
    device: "device"
    name: str
    iterations: int

    def run(
        self, target: Path, result: "Result", *, overwrite: bool, say: Callable[[str], Any]
    ) -> tuple[NDArray[np.float32], float]:
        """Reconstruct what is not finished, and write the result.

        Args:
            target: Where the result belongs.
            result: What it is.
            overwrite: Replace a result that is there, and slabs of another command.
            say: Takes lines for the user.

        Returns:
            The middle image ``(y, x)``, 1/mm, and the seconds that reconstruction took in this run.
        """
        from svct.data.output import write_result
        from svct.data.partial import open_partial

        count = len(self.plan)
        middle: list[NDArray[np.float32]] = []
        if count == 1:
            begin = time.perf_counter()
            with progress(self.iterations, what=self.name) as bar:
                x = self._reconstruct(0, lambda _: bar.update())
            seconds = time.perf_counter() - begin
            slabs: Iterable[NDArray[np.float32]] = [x]
            write_result(target, self._watch(slabs, middle), _timed(result, seconds), overwrite=overwrite)
            return middle[0], seconds
        key = {**result.meta, "slab": self.plan.size, "device": self.device.type}
        store = open_partial(target, key, count=count, restart=overwrite, say=say)
        begin = time.perf_counter()
        try:
            missing = [i for i in range(count) if i not in store]
            done = (count - len(missing)) * self.iterations
            with progress(count * self.iterations, what=self.name, finished=done) as bar:
                for i in missing:
                    bar.set_description_str(f"{self.name}, slab {i + 1} of {count}")
                    steps = 0

                    def each(_: int) -> None:
                        nonlocal steps
                        steps += 1
                        bar.update()

                    store.save(i, self._reconstruct(i, each))
                    bar.update(self.iterations - steps)
        except KeyboardInterrupt as stop:
            kept = sum(i in store for i in range(count))
            stop.add_note(f"{kept} of {count} slabs are kept in {store.folder}; the same command goes on from there")
            raise
        seconds = time.perf_counter() - begin
        write_result(target, self._watch(store.slabs(), middle), _timed(result, seconds), overwrite=overwrite)
        store.remove()
        return middle[0], seconds

    def _reconstruct(self, index: int, each: Callable[[int], Any]) -> NDArray[np.float32]:
        import torch

        slab = self.plan[index]
        y = self.data.read(slab.planes)
        if self.views != list(range(y.shape[-2])):
            y = y[:, self.views]
        x = slab.reconstruct(torch.from_numpy(y).to(self.device), lambda y, A: self.method(y, A, each))
        found: NDArray[np.float32] = x.cpu().numpy()
        return found

    def _watch(
        self, slabs: Iterable[NDArray[np.float32]], middle: list[NDArray[np.float32]]
    ) -> Iterator[NDArray[np.float32]]:
        """Pass slabs on and keep the image in the middle, anterior up."""
        wanted, first = self.plan.slices // 2, 0
        for slab in slabs:
            if first <= wanted < first + len(slab):
                plane = slab[wanted - first].copy()
                middle.append(plane[::-1] if self.plan[0].A.scan.ndim == 3 or self.plan[0].rows_up else plane)
            first += len(slab)
            yield slab


def _timed(result: "Result", seconds: float) -> "Result":
    from dataclasses import replace

    return replace(result, meta={**result.meta, "seconds": round(seconds, 3)})


def describe(data: "ProjectionReader", method: str, settings: dict[str, Any], views: list[int]) -> dict[str, object]:
    """Return all that a reconstruction depends on but slabs and device, as plain JSON.

    Args:
        data: The open projection file.
        method: Name of the method.
        settings: Those that were given for it.
        views: Which views are used.
    """
    from svct import __version__
    from svct.data.nifti import file_sha256
    from svct.recon.networks import backbone_path

    meta: dict[str, object] = {
        "svct": __version__,
        "method": method,
        "views": len(views),
        "settings": {name: str(value) for name, value in settings.items()},
        "projections": data.path.name,
        "projections_sha256": file_sha256(data.path),
    }
    if views != list(range(data.shape[-2])):
        meta["view_indices"] = views
    if method.startswith("unrolled"):
        path = backbone_path(settings.get("backbone"))
        meta["backbone_sha256"] = file_sha256(path) if path.is_file() else ""
    return meta
