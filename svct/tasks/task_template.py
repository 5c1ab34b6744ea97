"""A task written as commented TOML, to start one's own from."""

import json
from typing import Any

from svct.tasks.findings.kinds import finding_names
from svct.tasks.heads.base import head_names
from svct.tasks.phantoms.anatomy import anatomy_names
from svct.tasks.task import Task
from svct.tasks.task_file import SCHEMA_NAME


def task_toml(task: Task) -> str:
    """Return a task as a TOML file that says what each setting does and what else it may be.

    Args:
        task: The task.

    Example:
        >>> from svct.tasks import load_task
        >>> task_toml(load_task("water")).splitlines()[0]
        '# A scanning task of svct: what is scanned, how, with how many views, and what for.'
    """
    cohort, grid, physics = task.cohort, task.grid, task.acquisition
    findings, heads = finding_names(cohort.anatomy), head_names()
    scan = {name: value for name, value in task.scan.to_dict().items() if name != "angles"}
    arc = "half a turn" if scan.pop("kind") == "parallel" else "a whole turn"
    lines = [
        "# A scanning task of svct: what is scanned, how, with how many views, and what for.",
        "# Check it with `svct tasks check FILE`; every --task takes this file's path.",
        _line("schema", SCHEMA_NAME),
        _line("name", task.name),
        _line("title", task.title),
        _line("budget", task.budget, "views that a schedule takes"),
        _line("objective", task.objective, 'what views are chosen for: "image" or, with heads and findings, "heads"'),
        _line(
            "findings",
            list(task.findings),
            f"asked for; {_choice(findings, 'no finding for this anatomy is installed')}",
        ),
        _line("heads", list(task.heads), f"that read the images; {_choice(heads, 'none is installed')}"),
        _line("protocol", task.protocol, "what flux and noise are modelled on, for people to read"),
        _line("metal", task.metal, "whether rays through metal are interpolated before any reconstruction"),
        "",
        "[cohort]",
        _line("anatomy", cohort.anatomy, _choice(anatomy_names(), "")),
        _line("seed", cohort.seed, "another seed draws other patients"),
        _line("size", cohort.size, "patients: of ten, seven train, one validates, two test"),
        "",
        "[grid]",
        _line("shape", list(grid.shape), "rows and columns"),
        _line("voxel_mm", grid.voxel_mm),
        "",
        "[scan]",
        _line("kind", task.scan.kind, "or another geometry, with its own fields; see docs/geometry.md"),
        _line("candidates", len(task.scan), f"views to choose from, evenly over {arc}"),
        *(_line(name, value) for name, value in scan.items()),
        "",
        "[acquisition]",
        _line("photons", physics.photons, "per ray, with nothing in the way"),
        _line("electronic_noise", physics.electronic_noise, "standard deviation, photons"),
        _line("least_count", physics.least_count, "lower counts are raised to it before the logarithm, photons"),
    ]
    return "\n".join(lines) + "\n"


def _line(name: str, value: Any, comment: str = "") -> str:
    # JSON writes strings, numbers, booleans and lists as TOML does.
    return f"{name} = {json.dumps(value, ensure_ascii=False)}{f'  # {comment}' if comment else ''}"


def _choice(names: list[str], otherwise: str) -> str:
    return f"one of {', '.join(names)}" if names else otherwise
