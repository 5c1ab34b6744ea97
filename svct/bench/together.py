"""Which tasks can share a schedule, and at which candidates."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from svct.errors import InputError
from svct.sampling.constraints import Constraints
from svct.sampling.fixed import ViewSet
from svct.tasks.task import Task

UNIVERSAL = "universal"
"""Name of the schedule for all tasks."""

_SAME_ANGLE = 1e-6  # radians


def require_together(tasks: Sequence[Task], rules: Constraints | None = None) -> None:
    """Refuse tasks that cannot have a universal schedule.

    Args:
        tasks: The tasks.
        rules: What a device can take.

    Raises:
        InputError: Fewer than two, equal names, different budgets, beams of different kinds, or too few common angles;
            under constraints, other candidates than those that they are over, or a budget that does not fit.
    """
    names = [task.name for task in tasks]
    if len(names) < 2 or len({*names, UNIVERSAL}) <= len(names):
        raise InputError(
            f"tasks: expected two or more of different names, none of them {UNIVERSAL!r}, got {', '.join(names)}"
        )
    budgets = {task.budget for task in tasks}
    if len(budgets) > 1:
        told = ", ".join(f"{task.name} {task.budget}" for task in tasks)
        raise InputError(f"views: expected one number for all tasks, got {told}; give --views")
    shared_candidates(tasks)
    if rules is not None:
        wanted = np.deg2rad(rules.angles_deg)
        for task in tasks:
            angles = np.asarray(task.scan.angles)
            if len(angles) != len(wanted) or not np.allclose(angles, wanted, rtol=0, atol=_SAME_ANGLE):
                raise InputError(
                    f"limits of a device: expected the same {len(wanted)} candidates for all tasks, got others, "
                    f"{len(angles)}, for {task.name}; give the tasks the same angles, or learn them one by one"
                )
        rules.require_budget(tasks[0].budget)


def shared_candidates(tasks: Sequence[Task]) -> dict[str, ViewSet]:
    """Return the candidates of each task that stand at angles which all tasks have, by the task's name.

    Args:
        tasks: The tasks; detectors, distances and grids may differ.

    Returns:
        Indices into each task's candidates, all of the same length, at the same angles in the same order.

    Raises:
        InputError: Beams of different kinds, or the common angles are fewer than the budget or not evenly spaced.
    """
    kinds = {task.name: task.scan.kind for task in tasks}
    if len(set(kinds.values())) > 1:
        told = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
        raise InputError(
            f"tasks: expected scans of one kind for a universal schedule, since the same angle means other rays in "
            f"another beam, got {told}"
        )
    turn = 2 * math.pi if tasks[0].scan.divergent else math.pi
    places = [np.asarray(task.scan.angles) % turn for task in tasks]
    kept = [int(i) for i in range(len(places[0])) if all(_nearest(p, places[0][i], turn)[1] for p in places)]
    angles = np.sort(places[0][kept])
    gaps = np.diff(angles, append=angles[:1] + turn)
    if len(kept) < tasks[0].budget or gaps.max() - gaps.min() > 10 * _SAME_ANGLE:
        counts = ", ".join(f"{task.name} {len(task.scan)}" for task in tasks)
        raise InputError(
            f"tasks: expected {tasks[0].budget} or more candidates, evenly spaced, at angles that all "
            f"tasks have, got {len(kept)} in common of {counts}; give the tasks the same candidates"
        )
    return {
        task.name: tuple(_nearest(p, places[0][i], turn)[0] for i in kept)
        for task, p in zip(tasks, places, strict=True)
    }


def _nearest(places: np.ndarray[Any, np.dtype[np.float64]], angle: float, turn: float) -> tuple[int, bool]:
    """Return the place nearest to an angle, and whether it is the same angle."""
    distance = np.abs((places - angle + turn / 2) % turn - turn / 2)
    return int(distance.argmin()), bool(distance.min() < _SAME_ANGLE)
