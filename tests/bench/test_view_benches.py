"""The benches of views and dose, on small grids."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from svct.bench import adaptive, dose, linear_pattern
from svct.geometry import Grid, ParallelBeam, Projector
from svct.sampling.linear import linear_model, pooled
from svct.sampling.modulation import LoadLaw
from svct.sampling.policy import Policy
from svct.sampling.samplers import Problem
from svct.sampling.samplers.warped import Warped
from svct.tasks.task import Task, load_task


def small(name: str) -> Task:
    task = load_task(name)
    width = task.grid.extent_mm[0] / 32
    return replace(
        task,
        cohort=replace(task.cohort, grid=Grid(shape=(32, 32), voxel_mm=width)),
        scan=ParallelBeam(np.arange(60) * np.pi / 60, bins=32, bin_mm=width),
        budget=6,
    )


def test_the_linear_check_finds_the_one_direction_and_nothing_on_the_round_control() -> None:
    effort = linear_pattern.LinearEffort(train=100, test=12, coarse=16, ranked=2)
    cells = [
        linear_pattern.linear_cells(small(name), (4,), effort=effort, seed=0, tick=lambda: None)[0]
        for name in ("part", "water")
    ]
    part, water = cells
    assert part["expected_gain_db"] > 0.3
    assert part["gain"]["low_db"] > 0
    assert water["gain"]["low_db"] < 0.1
    table = linear_pattern.as_markdown(cells)
    assert table.count("| part | 2e+05 |") == table.count("| water | 5e+04 |") == 1


def test_linear_reconstruction_has_the_error_that_the_model_expects() -> None:
    task = small("part")
    A = Projector(task.scan, task.grid)
    problem = Problem(A, task.acquisition, 4, task.cohort.images(task.cohort.split("train")[:60]))
    model = linear_model(problem, coarse=16)
    mean = pooled(problem.images, 2).flatten(1).double().mean(dim=0)
    normal = torch.randn(400, len(mean), generator=torch.Generator().manual_seed(0)).double()
    truth = mean + normal @ torch.linalg.cholesky(model.prior).T
    lines = torch.einsum("vbp,np->nvb", model.rows, truth)
    y = linear_pattern.measured(lines, model, problem, 2, own=False, seed=1)
    views = (0, 11, 25, 40)
    errors = linear_pattern.squared_errors(model, views, y, mean, truth, problem, 2, own=False)
    assert float(errors.mean()) == pytest.approx(float(model.expected_error(views)), rel=0.05)


def test_adaptive_views_are_compared_at_equal_number_and_begin_with_the_scouts() -> None:
    effort = adaptive.AdaptiveEffort(
        train=40,
        test=6,
        offsets=2,
        every=1,
        step_deg=20.0,
        scouts=3,
        warped=Warped(harmonics=1, patients=4, offsets=1),
        policy=Policy(walks=1, steps=40, coarse=16),
    )
    steps: list[str] = []
    cell = adaptive.adaptive_cell(small("part"), 20.0, effort=effort, seed=0, tick=steps.append)
    assert steps == ["patients", "learned", "designed", "adaptive", "policy", "backbone", "linear"]
    for arm in adaptive.OWN:
        own = cell["views"][arm]
        assert all(len(set(v)) == 6 and {0, 20, 40} <= set(v) for v in own)
        assert len({tuple(v) for v in own}) > 1
    assert set(cell["gain"]) == set(adaptive.ARMS)
    assert adaptive.as_markdown([cell]).splitlines()[2].startswith("| part | 6 | 20 |")


def test_a_dose_cell_has_equal_dose_in_every_arm_and_reads_lesions() -> None:
    effort = replace(
        dose.QUICK,
        train=24,
        test=4,
        readers=8,
        offsets=2,
        warped=Warped(harmonics=1, patients=4, offsets=1),
        law=LoadLaw(patients=4, exponents=(0.5, 1.0)),
        exponents=(0.0, 0.5),
        lesions=1,
    )
    task = small("water")
    steps: list[str] = []
    cell = dose.dose_cell(task, effort=effort, seed=0, tick=steps.append)
    assert steps == ["views", "offsets", "law", "linear model", "test"]
    assert set(cell["gain"]) == set(dose.ARMS) == set(cell["expected_gain_db"])
    for arm in cell["arms"].values():
        assert len(arm["views"]) == 6
        assert sum(arm["loads"]) == pytest.approx(6)
    assert cell["less_gain"]["high_db"] < 0, "less dose is worse where nothing starves"
    found = dose.lesion_figures(task, cell, effort=effort, seed=0)
    assert found[dose.EVEN]["gain"] == 0
    table = dose.as_markdown([{**cell, "lesions": found}])
    assert table.count("| water | 6 |") == 2
    assert dose.as_markdown([cell]).count("| water | 6 |") == 1
