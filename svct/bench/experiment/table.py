"""Results as Parquet."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from svct.bench.experiment.node import CellNode
from svct.bench.experiment.outcome import Measured
from svct.errors import BackendUnavailable

COLUMNS = (
    "key", "task", "protocol", "sampler", "views", "photons", "reconstructor", "seed", "patient", "reader", "metric",
    "value", "unit", "low", "high",
)  # fmt: skip


def require_pyarrow() -> Any:
    """Return the package pyarrow.

    Raises:
        BackendUnavailable: It is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise BackendUnavailable(
            "results in Parquet need the package pyarrow, which is not installed; pip install 'svct[bench]'"
        ) from error
    return pyarrow


def write_table(path: Path, cell: CellNode, figures: Sequence[Measured]) -> None:
    """Write the figures of a cell."""
    pyarrow = require_pyarrow()
    task = cell.task
    common = {
        "key": cell.key, "task": task.name, "protocol": cell.protocol, "sampler": cell.views.sampler,
        "views": task.budget, "photons": cell.photons, "reconstructor": cell.reconstructor,
        "seed": cell.views.seed,
    }  # fmt: skip
    own = ("patient", "reader", "metric", "value", "unit", "low", "high")
    kinds = {"views": pyarrow.int32(), "seed": pyarrow.int32(), "patient": pyarrow.int32()}
    kinds |= dict.fromkeys(("photons", "value", "low", "high"), pyarrow.float64())
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in COLUMNS])
    columns = {name: [value] * len(figures) for name, value in common.items()}
    columns |= {name: [getattr(figure, name) for figure in figures] for name in own}
    pyarrow.parquet.write_table(pyarrow.table(columns, schema=schema), path)
