"""The folder of a run: each finished piece of work in files of its own, whole or not at all."""

import json
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svct.bench.experiment.node import CellNode, Node, ViewNode
from svct.bench.experiment.outcome import Outcome
from svct.bench.experiment.table import require_pyarrow, write_table
from svct.errors import DataFileError, SvctError
from svct.files import atomic_path, system_reason
from svct.sampling.samplers.base import Choice

PARTS = {"results.parquet": ".parquet", "cells": ".json", "images": ".npz", "choices": ".json"}
"""Folders of a run and what their files end in."""


@dataclass(frozen=True)
class Store:
    """Results of a run, by the key of what was done; use it as a context manager.

    A cell is finished when its file in ``cells`` says so: that one is written last. Results that the plan no longer
    asks for are set aside in the folder ``aside`` and taken back when they are asked for again.

    Args:
        folder: Of the run; made with its parents.

    Raises:
        DataFileError: The folder cannot be written, or another process is writing it.
        BackendUnavailable: pyarrow is not installed.
    """

    folder: Path

    def __post_init__(self) -> None:
        require_pyarrow()
        try:
            for part, ending in PARTS.items():
                (self.folder / part).mkdir(parents=True, exist_ok=True)
                (self.folder / "aside" / part).mkdir(parents=True, exist_ok=True)
                for left in (self.folder / part).glob(f".*{ending}"):
                    left.unlink()  # half a file of a run that was killed
        except OSError as error:
            raise DataFileError(
                f"{self.folder}: could not be written ({system_reason(error)}); name another folder"
            ) from error

    def finished(self, node: Node) -> bool:
        """Return whether a node's work is done."""
        return self._record(node).get("status") == "done"

    def failed(self, node: Node) -> str | None:
        """Return why a node failed when it was last tried, or None."""
        record = self._record(node)
        return str(record["error"]) if record.get("status") == "failed" else None

    def choice(self, node: ViewNode) -> Choice:
        """Return the views that were chosen."""
        record = self._record(node)
        return Choice(tuple(record["views"]), tuple(record["loads"]))

    def keep(self, node: Node, outcome: Outcome) -> None:
        """Write down what came of a node."""
        record: dict[str, Any] = {
            "schema": node.inputs["schema"],
            "key": node.key,
            "inputs": node.inputs,
            "status": "failed" if outcome.error else "done",
            "error": outcome.error,
            "angles_deg": list(outcome.angles_deg),
            "views": list(outcome.choice.views) if outcome.choice else [],
            "loads": list(outcome.choice.loads) if outcome.choice else [],
            "seconds": outcome.seconds,
            "peak_memory_mib": outcome.peak_memory_mib,
            "peak_growth_mib": outcome.growth_mib,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        if isinstance(node, CellNode) and outcome.error:
            for part in ("images", "results.parquet"):
                (self.folder / part / f"{node.key}{PARTS[part]}").unlink(missing_ok=True)
        elif isinstance(node, CellNode):
            self._write("images", node.key, lambda path: _write_images(path, outcome.images))
            self._write("results.parquet", node.key, lambda path: write_table(path, node, outcome.figures))
        self.write_json(_place(node), node.key, record)

    def write_json(self, part: str, name: str, value: Any) -> None:
        """Write plain data."""
        text = json.dumps(value, indent=1, allow_nan=False) + "\n"
        self._write(part, name, lambda path: _write_text(path, text), ending=".json")

    def write_text(self, name: str, text: str) -> None:
        """Write a file at the top of the folder."""
        with atomic_path(self.folder / name, overwrite=True) as partial:
            _write_text(partial, text)

    def ask_for(self, keys: Collection[str]) -> None:
        """Set aside what has other keys, and take back what has these."""
        for part, ending in PARTS.items():
            here, aside = self.folder / part, self.folder / "aside" / part
            for path in [p for p in here.glob(f"*{ending}") if p.stem not in keys]:
                path.replace(aside / path.name)
            for path in [p for p in aside.glob(f"*{ending}") if p.stem in keys]:
                path.replace(here / path.name)

    def _record(self, node: Node) -> dict[str, Any]:
        path = self.folder / _place(node) / f"{node.key}.json"
        try:
            record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise DataFileError(f"{path}: expected what came of a cell, cannot be read ({error}); remove it") from error
        return record

    def _write(self, part: str, name: str, write: Callable[[Path], object], *, ending: str | None = None) -> None:
        path = self.folder / part / f"{name}{ending or PARTS[part]}"
        with atomic_path(path, overwrite=True) as partial:
            write(partial)

    def __enter__(self) -> "Store":
        lock = self.folder / ".lock"
        self.__dict__["_lock"] = stream = lock.open("w", encoding="ascii")
        with suppress(ImportError):  # Windows has no fcntl
            from fcntl import LOCK_EX, LOCK_NB, flock

            try:
                flock(stream, LOCK_EX | LOCK_NB)
            except OSError as error:
                stream.close()
                raise SvctError(
                    f"{self.folder}: expected a folder for this run alone, but another process is writing it; wait for "
                    "it, or name another folder"
                ) from error
        return self

    def __exit__(self, *_: object) -> None:
        self.__dict__["_lock"].close()


def _place(node: Node) -> str:
    return "cells" if isinstance(node, CellNode) else "choices"


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _write_images(path: Path, images: dict[str, NDArray[Any]]) -> None:
    with path.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **images)
