from pathlib import Path
from typing import Any

import pytest

from svct.bench.experiment.key import canonical
from svct.bench.experiment.matrix import cells_of
from svct.bench.experiment.plan import read_plan, standard_plan
from svct.bench.experiment.run import nodes_of
from svct.errors import DataFileError, InputError, SvctError, UnknownNameError
from tests.bench.experiment.conftest import TABLES, MakePlan

LITERATURE = """
[[literature]]
name = "A method"
value = 1
metric = "score"
setting = "a made-up one"
citation = "Nobody 2000, table 1"
"""


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"task": ["chest"]}, UnknownNameError, "unknown key in the plan 'task': .* Did you mean 'tasks'?"),
        ({"tasks": ["chst"]}, UnknownNameError, "unknown task 'chst': expected one of abdomen, .*'chest'"),
        ({"samplers": ["lerned"]}, UnknownNameError, "unknown sampler 'lerned': .* Did you mean 'learned'"),
        ({"reconstructors": ["fpb"]}, UnknownNameError, "unknown reconstructor 'fpb': .* Did you mean 'fbp'"),
        ({"reconstructors": ["unrolled-std"]}, InputError, "expected one that gives images"),
        ({"readers": ["choo"]}, UnknownNameError, "unknown reader 'choo': .*'cho'"),
        ({"metrics": ["psrn"]}, UnknownNameError, "unknown metric 'psrn': .*'psnr'"),
        ({"protocols": ["noisy"]}, UnknownNameError, "unknown protocol 'noisy': expected one of task"),
        ({"budgets": [25]}, InputError, "views: expected 2 to 24, the number of candidate views of task 'bottle'"),
        ({"budgets": [4, 4]}, InputError, "budgets: expected each entry once"),
        ({"budgets": []}, InputError, "budgets: expected a list with an entry or more"),
        ({"budgets": [4.5]}, InputError, "budgets: expected whole numbers of 2 or more, got 4.5"),
        ({"fluxes": [-1]}, InputError, "fluxes: expected a number above 0, got -1"),
        ({"seeds": ["one"]}, InputError, "seeds: expected whole numbers of 0 or more, got 'one'"),
        ({"tasks": ["bottle.toml", "./bottle.toml"]}, InputError, "tasks: expected tasks of different names"),
        (
            {"tables": "[effort]\nlevel = 'huge'"},
            UnknownNameError,
            "unknown effort level 'huge': .*light, quick, study",
        ),
        ({"tables": "[effort]\nswap = 1"}, UnknownNameError, r"unknown key in \[effort\] 'swap': .*'swaps'"),
        ({"tables": "[sampler.equidistant]\noffset = 1"}, UnknownNameError, "Did you mean 'offsets'"),
        ({"tables": "[reconstructor.cgls]\niteration = 1"}, UnknownNameError, "Did you mean 'iterations'"),
        (
            {"tables": "[[literature]]\nname = 'A'\nvalue = 1\nmetric = 'x'\nsetting = 'y'"},
            InputError,
            "citation: expected text",
        ),
        ({"tables": "[[literature]]\nnote = 'A'"}, UnknownNameError, r"unknown key in \[\[literature\]\] 'note'"),
        ({"tables": "[literature]"}, InputError, r"literature: expected tables \[\[literature\]\]"),
        ({"tables": "sampler = 1"}, InputError, r"sampler: expected tables such as \[sampler.NAME\], got 1"),
    ],
)
def test_a_slip_is_told_with_what_is_known(
    make_plan: MakePlan, change: dict[str, Any], kind: type[SvctError], message: str
) -> None:
    with pytest.raises(kind, match=message) as raised:
        read_plan(make_plan(**change))
    assert "plan.toml: " in str(raised.value)


def test_a_missing_list_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="tasks: expected a list, got none; a plan names tasks, samplers"):
        read_plan(tmp_path / "empty.toml")
    with pytest.raises(DataFileError, match="found no file"):
        read_plan(tmp_path / "none.toml")


def test_views_are_chosen_once_for_all_methods(make_plan: MakePlan) -> None:
    cells = cells_of(read_plan(make_plan()))
    assert len(cells) == 8
    assert len({cell.key for cell in cells}) == 8
    assert len(nodes_of(cells)) == 8 + 4


def test_a_sampler_can_be_for_some_budgets_alone(make_plan: MakePlan) -> None:
    tables = "[sampler.random]\nbudgets = [6]\n[effort]\nlevel = 'light'"
    cells = cells_of(read_plan(make_plan(tables=tables)))
    assert {(c.views.sampler, c.task.budget) for c in cells} == {("equidistant", 4), ("equidistant", 6), ("random", 6)}
    own = {c.views.key for c in cells if c.views.sampler == "random"}
    assert own < {c.views.key for c in cells_of(read_plan(make_plan(tables="[effort]\nlevel = 'light'")))}


def test_fewer_patients_of_each_task_for_the_universal_search(make_plan: MakePlan) -> None:
    tables = "[effort]\nlevel = 'light'\n[sampler.universal]\nvalidation = 3"
    plan = read_plan(
        make_plan(tasks=["bottle.toml", "part.toml"], samplers=["universal", "learned"], budgets=[4], tables=tables)
    )
    sizes = {(c.views.sampler, c.views.effort.validation) for c in cells_of(plan)}
    assert sizes == {("universal", 3), ("learned", plan.effort.validation)}


def test_a_key_depends_on_what_a_cell_depends_on_and_on_nothing_else(make_plan: MakePlan) -> None:
    def keys(**changes: Any) -> set[str]:
        return {cell.key for cell in cells_of(read_plan(make_plan(**changes)))}

    base = keys()
    assert keys(reconstructors=["cgls", "fbp"], budgets=[6, 4]) == base
    assert keys(budgets=[4, 6, 8]) > base
    for change in (
        {"patients": 3},
        {"fluxes": [1e4]},
        {"seeds": [1]},
        {"metrics": ["rmse"]},
        {"metrics": ["psnr", "nps"]},
    ):
        assert not keys(**change) & base, change
    assert keys(tables=TABLES + LITERATURE) == base
    noisy = keys(protocols=["noisy"], tables="[protocol.noisy]\nelectronic_noise = 50.0")
    assert not noisy & base
    assert canonical({"b": 1, "a": (2.5,)}) == canonical({"a": [2.5], "b": 1})


def test_views_for_all_tasks_depend_on_all_of_them(make_plan: MakePlan) -> None:
    def keys(tasks: list[str]) -> dict[str, str]:
        cells = cells_of(read_plan(make_plan(tasks=tasks, samplers=["universal", "random"], budgets=[4])))
        return {cell.views.sampler: cell.views.key for cell in cells if cell.task.name == "bottle"}

    alone, both = keys(["bottle.toml", "part.toml"]), keys(["bottle.toml", "part.toml", "water"])
    assert alone["random"] == both["random"]
    assert alone["universal"] != both["universal"]


@pytest.mark.parametrize("quick", [True, False])
def test_the_standard_plans_can_be_read(quick: bool) -> None:
    plan = read_plan(standard_plan(quick=quick))
    assert [sampler.name for sampler in plan.samplers] == ["equidistant", "universal", "learned", "learned-mas"]
    if not quick:
        assert len(plan.tasks) == 7
        assert (plan.budgets[0], plan.budgets[-1], plan.patients, len(plan.seeds)) == (8, 180, 30, 3)
