"""A plan: the matrix of an experiment, read from TOML and checked before any work is done."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from svct.bench.diagnosis_readers import OBSERVERS
from svct.bench.experiment.choose import OWN
from svct.bench.experiment.literature import Literature, literature_in
from svct.bench.experiment.probes import PROBES
from svct.bench.experiment.quality import METRICS
from svct.bench.learn import QUICK, Effort
from svct.bench.views import LIGHT, STUDY
from svct.errors import DataFileError, InputError, SvctError, unknown_name
from svct.recon.reconstructor import find_reconstructor, reconstructor_names
from svct.sampling.samplers.base import load_sampler, sampler_names
from svct.tasks.heads.base import head_names
from svct.tasks.task import Task, load_task

SCHEMA = "svct.plan/1"
"""What a plan names in its `schema` field."""

OWN_PROTOCOL = "task"
"""The protocol that leaves a task as it is; as a flux, the task's own."""

LEVELS = {"study": STUDY, "light": LIGHT, "quick": QUICK}
"""Efforts of a search by name."""

SIZES = {"train": 2, "validation": 2, "gumbel_steps": 1, "swaps": 1}
"""Numbers of an effort that a plan can set, and the least of each."""

ACQUISITION = ("electronic_noise", "least_count")
"""What a protocol can change, photons."""


@dataclass(frozen=True)
class Named:
    """A way to choose views or to reconstruct, under a name of its own.

    Args:
        name: In the plan and in the results.
        kind: As it is registered.
        settings: Of it.
        budgets: Those of the plan's numbers of views that it is for. Default: all.
    """

    name: str
    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    budgets: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Plan:
    """Every combination of what is listed.

    Args:
        text: The file's content.
        tasks: Scanning tasks, of different names.
        protocols: By name, what of a task's flux and noise they change.
        samplers: Ways to choose views.
        budgets: Numbers of views.
        fluxes: Photons per ray; None for the task's own.
        reconstructors: Methods.
        readers: Observers and heads, for tasks with a finding.
        seeds: Each with patients, noise and search of its own.
        metrics: Figures of the image.
        patients: Scanned for the figures.
        training: Others that readers are fitted on.
        pictures: Patients whose images are kept.
        iterations: Of TV where its strength is sought.
        effort: Of a search for views.
        literature: Published figures for the report, not run here.
    """

    text: str
    tasks: tuple[Task, ...]
    protocols: Mapping[str, Mapping[str, float]]
    samplers: tuple[Named, ...]
    budgets: tuple[int, ...]
    fluxes: tuple[float | None, ...]
    reconstructors: tuple[Named, ...]
    readers: tuple[str, ...]
    seeds: tuple[int, ...]
    metrics: tuple[str, ...]
    patients: int
    training: int
    pictures: int
    iterations: int
    effort: Effort
    literature: tuple[Literature, ...] = ()


DEFAULTS: dict[str, Any] = {
    "protocols": [OWN_PROTOCOL],
    "fluxes": [OWN_PROTOCOL],
    "readers": [],
    "seeds": [0],
    "metrics": ["psnr", "ssim", "rmse"],
    "patients": 30,
    "training": 40,
    "pictures": 3,
    "iterations": 60,
}
REQUIRED = ("tasks", "samplers", "budgets", "reconstructors")
TABLES = ("protocol", "sampler", "reconstructor", "effort")
KEYS = ("schema", *REQUIRED, *DEFAULTS, *TABLES, "literature")


def read_plan(source: Path | Traversable) -> Plan:
    """Read a plan.

    Args:
        source: A TOML file that follows the schema ``svct.plan/1``, see docs/experiments.md.

    Raises:
        DataFileError: The file is missing or is not TOML.
        UnknownNameError: A key, task, sampler, method, reader or metric that there is not; the message lists those
            that there are.
        InputError: A value that cannot be.
    """
    try:
        text = source.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except FileNotFoundError as error:
        raise DataFileError(f"{source}: expected a plan in TOML or the name 'standard', found no file") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataFileError(f"{source}: expected a plan in TOML, cannot be read ({error})") from error
    try:
        return _build(text, values, source.parent if isinstance(source, Path) else Path())
    except SvctError as error:
        raise type(error)(f"{source}: {error}") from error


def standard_plan(*, quick: bool = False) -> Traversable:
    """Return the plan of the standard suite, or of its quick form."""
    return files("svct.bench") / "plans" / ("standard-quick.toml" if quick else "standard.toml")


def _build(text: str, given: dict[str, Any], folder: Path) -> Plan:
    _known_keys("the plan", given, KEYS)
    if given.get("schema", SCHEMA) != SCHEMA:
        raise InputError(f"schema: expected {SCHEMA!r}, got {given['schema']!r}")
    for name in REQUIRED:
        if name not in given:
            raise InputError(f"{name}: expected a list, got none; a plan names {', '.join(REQUIRED)}")
    values = {**DEFAULTS, **given}
    plan = Plan(
        text=text,
        tasks=tuple(_task(name, folder) for name in _texts(values, "tasks")),
        protocols={name: _protocol(name, values) for name in _texts(values, "protocols")},
        samplers=tuple(_sampler(name, values) for name in _texts(values, "samplers")),
        budgets=tuple(_whole(values, "budgets", least=2)),
        fluxes=tuple(_flux(flux) for flux in _list(values, "fluxes")),
        reconstructors=tuple(_reconstructor(name, values) for name in _texts(values, "reconstructors")),
        readers=_among("reader", _texts(values, "readers"), [*OBSERVERS, *head_names()]),
        seeds=tuple(_whole(values, "seeds", least=0)),
        metrics=_among("metric", _texts(values, "metrics"), [*METRICS, *PROBES]),
        **{name: _number(values, name, least) for name, least in _COUNTS.items()},
        effort=_effort(values.get("effort", {})),
        literature=literature_in(values),
    )
    _check_tasks(plan)
    return plan


_COUNTS = {"patients": 2, "training": 4, "pictures": 0, "iterations": 1}


def _check_tasks(plan: Plan) -> None:
    names = [task.name for task in plan.tasks]
    if len(set(names)) < len(names):
        raise InputError(f"tasks: expected tasks of different names, got {', '.join(names)}; rename one")
    for task in plan.tasks:
        for views in plan.budgets:
            task.with_budget(views)
        if task.scan.ndim != 2:
            raise InputError(f"task {task.name!r}: expected a scan of images, got one of volumes; leave it out")
    for table, used in (("sampler", plan.samplers), ("reconstructor", plan.reconstructors)):
        labels = [one.name for one in used]
        if len(set(labels)) < len(labels):
            raise InputError(f"{table}s: expected each once, got {', '.join(labels)}")


def _task(name: str, folder: Path) -> Task:
    """Load a task; a file is looked for from where the plan lies."""
    return load_task(folder / name if name.endswith(".toml") else name)


def _protocol(name: str, values: Mapping[str, Any]) -> dict[str, float]:
    tables = _table(values, "protocol")
    if name == OWN_PROTOCOL:
        return {}
    if name not in tables:
        raise unknown_name("protocol", name, [OWN_PROTOCOL, *tables])
    _known_keys(f"[protocol.{name}]", tables[name], ACQUISITION)
    return {key: _positive(f"[protocol.{name}] {key}", value) for key, value in tables[name].items()}


def _sampler(name: str, values: Mapping[str, Any]) -> Named:
    own = dict(_table(values, "sampler").get(name, {}))
    kind, known = str(own.pop("kind", name)), sorted({*OWN, *sampler_names()})
    if kind not in known:
        raise unknown_name("sampler", kind, sorted({*known, *_table(values, "sampler")}))
    budgets = tuple(_whole(own, "budgets", least=2)) if "budgets" in own else None
    own.pop("budgets", None)
    if kind in OWN:
        known = {"equidistant": ["offsets"], "universal": ["tasks", "validation"]}.get(kind, [])
        _known_keys(f"[sampler.{name}]", own, [*known, "budgets"])
        for key, least in (("offsets", 1), ("validation", 2)):
            _number({key: own.get(key, least)}, key, least)
    else:
        load_sampler(kind, **own)
    return Named(name, kind, own, budgets)


def _reconstructor(name: str, values: Mapping[str, Any]) -> Named:
    own = dict(_table(values, "reconstructor").get(name, {}))
    kind = str(own.pop("method", name))
    if kind not in reconstructor_names():
        raise unknown_name("reconstructor", kind, sorted({*reconstructor_names(), *_table(values, "reconstructor")}))
    method = find_reconstructor(kind)
    if not method.gives_image:
        raise InputError(f"reconstructor {kind!r}: expected one that gives images, got one of error bars; leave it out")
    _known_keys(f"[reconstructor.{name}]", own, method.options)
    return Named(name, kind, own)


def _effort(given: Mapping[str, Any]) -> Effort:
    _known_keys("[effort]", given, ("level", *SIZES))
    level = str(given.get("level", "study"))
    if level not in LEVELS:
        raise unknown_name("effort level", level, list(LEVELS))
    sizes: dict[str, Any] = {name: _number(given, name, least) for name, least in SIZES.items() if name in given}
    return replace(LEVELS[level], **sizes)


def _known_keys(where: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in given:
        if key not in known:
            if not known:
                raise InputError(f"{where}: expected no settings, got {key!r}; leave it out")
            raise unknown_name(f"key in {where}", key, list(known))


def _table(values: Mapping[str, Any], name: str) -> Mapping[str, Mapping[str, Any]]:
    table = values.get(name, {})
    if not isinstance(table, Mapping) or not all(isinstance(one, Mapping) for one in table.values()):
        raise InputError(f"{name}: expected tables such as [{name}.NAME], got {table!r}")
    return table


def _list(values: Mapping[str, Any], name: str) -> list[Any]:
    given = values[name]
    if not isinstance(given, list) or (not given and name != "readers"):
        raise InputError(f"{name}: expected a list with an entry or more, got {given!r}")
    if len({repr(one) for one in given}) < len(given):
        raise InputError(f"{name}: expected each entry once, got {given!r}")
    return given


def _texts(values: Mapping[str, Any], name: str) -> list[str]:
    given = _list(values, name)
    if not all(isinstance(one, str) for one in given):
        raise InputError(f"{name}: expected names in quotes, got {given!r}")
    return given


def _whole(values: Mapping[str, Any], name: str, *, least: int) -> list[int]:
    return [_number({name: one}, name, least) for one in _list(values, name)]


def _number(values: Mapping[str, Any], name: str, least: int) -> int:
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name}: expected whole numbers of {least} or more, got {value!r}")
    return value


def _flux(value: Any) -> float | None:
    return None if value == OWN_PROTOCOL else _positive("fluxes", value)


def _positive(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise InputError(f"{name}: expected a number above 0, got {value!r}")
    return float(value)


def _among(kind: str, names: Sequence[str], known: list[str]) -> tuple[str, ...]:
    for name in names:
        if name not in known:
            raise unknown_name(kind, name, known)
    return tuple(names)
