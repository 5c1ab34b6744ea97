"""What a result depends on, and the hash that names it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from svct.tasks.task import Task

RESULTS = 2
"""Version of the figures; a change of code that alters them raises it, so that cells are measured anew."""


def canonical(inputs: Any) -> str:
    """Return JSON that is the same for the same values, in whatever order they were given.

    Example:
        >>> canonical({"b": (1, 2), "a": 0.5})
        '{"a":0.5,"b":[1,2]}'
    """
    return json.dumps(inputs, sort_keys=True, separators=(",", ":"), allow_nan=False)


def key_of(inputs: Mapping[str, Any]) -> str:
    """Return the SHA-256 of `inputs` as canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(inputs).encode()).hexdigest()


def task_inputs(task: Task) -> dict[str, Any]:
    """Return what scans of a task depend on, plain data: patients, grid, geometry, flux, noise and metal."""
    return {
        "name": task.name,
        "anatomy": task.cohort.anatomy,
        "cohort": task.cohort.sha256(),
        "cohort_seed": task.cohort.seed,
        "grid": task.grid.to_dict(),
        "scan": task.scan.to_dict(),
        "acquisition": asdict(task.acquisition),
        **({"metal": "interpolated"} if task.metal else {}),
    }
