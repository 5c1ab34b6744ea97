import numpy as np
import pytest
from torch import Tensor

from svct.bench.cases import case_named, scaling_cases
from svct.bench.one_by_one import bench_one_by_one
from svct.bench.peers import PEERS, Peer, choose_peers
from svct.bench.projectors import Worker, bench_projectors
from svct.bench.worker import Quality
from svct.errors import InputError, UnknownNameError
from svct.geometry import Projector
from svct.geometry.backend import Rays
from svct.geometry.native import NativeBackend


def test_cases_by_name() -> None:
    case = case_named("parallel-256-batch16")
    assert (len(case.scan), case.scan.detector_shape, case.grid.shape, case.batch) == (360, (367,), (256, 256), 16)
    case = case_named("fan-512")
    assert (len(case.scan), case.scan.detector_shape, case.grid.shape, case.batch) == (720, (736,), (512, 512), 1)
    case = case_named("cone-128", views=7)
    assert (len(case.scan), case.scan.detector_shape, case.grid.shape) == (7, (192, 192), (128, 128, 128))
    assert [case.name for case in scaling_cases(300)] == ["volume-64", "volume-128", "volume-256"]
    with pytest.raises(UnknownNameError, match="unknown case 'helix-9': expected parallel-N, fan-N or cone-N"):
        case_named("helix-9")
    with pytest.raises(InputError, match="expected at least 8 voxels across"):
        case_named("fan-3")


def test_peers_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PEERS, "svmbir", Peer("none:None", "a-package-that-is-not-there"))
    assert choose_peers(("astra-line", "svmbir")) == (["astra-line"], {"svmbir": "not installed"})
    chosen, left_out = choose_peers(())
    assert chosen[:2] == ["astra-linear", "astra-line"]
    assert left_out["astra-matrix"] == "slow; name it to measure it"
    assert "astra-matrix" in choose_peers(("all",))[0]
    with pytest.raises(UnknownNameError, match=r"unknown peer 'astra-lin': .*Did you mean 'astra-line'"):
        choose_peers(("astra-lin",))


def test_every_tool_is_measured_and_judged() -> None:
    cases = [case_named("parallel-64", views=20), case_named("parallel-64-batch3", views=20)]
    rows, refusals = bench_projectors(cases, peers=["astra-linear", "astra-matrix", "scikit-image"], repeats=1)
    assert not refusals
    assert len(rows) == 16
    for row in rows:
        assert row.seconds > 0
        assert row.batch == (3 if row.case.endswith("batch3") and row.tool in ("svct", "astra-matrix") else 1)
        assert row.adjoint_error < (0.05 if row.tool == "scikit-image" else 1e-5)
        assert row.ratio == 1 or row.tool != "svct"
        assert 0 <= row.memory_mb < 500
        assert (row.error is None) == (row.operation == "back")
        assert row.error is None or row.error < 0.012


def test_what_a_tool_cannot_do_is_said() -> None:
    rows, refusals = bench_projectors([case_named("fan-16", views=5)], peers=["astra-linear", "astra-line"], repeats=1)
    assert {row.tool for row in rows} == {"svct", "astra-line"}
    assert [refusal.tool for refusal in refusals] == ["astra-linear"]
    assert refusals[0].reason == "ASTRA has this projector on the CPU for parallel beams only"


def test_a_tool_that_ends_its_process_ends_nothing_else() -> None:
    case = case_named("cone-16", views=3)
    worker = Worker("svct", case, case.exact_projections())
    try:
        quality = worker.answer()
        assert isinstance(quality, Quality)
        assert quality.error < 0.1
        assert isinstance(worker.answer("back"), float)
        worker.process.kill()
        assert worker.answer("back") == "its process ended with code -9"
        other = Worker("no such tool", case, case.exact_projections())
        assert other.answer() == "KeyError: 'no such tool'"
        other.close()
    finally:
        worker.close()


def test_views_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    project = NativeBackend.project

    def counted(self: NativeBackend, x: Tensor, rays: Rays) -> Tensor:
        calls.append(len(rays.vectors))
        return project(self, x, rays)

    monkeypatch.setattr(NativeBackend, "project", counted)
    rows = bench_one_by_one(case_named("parallel-16", views=12), views=5, repeats=2)
    assert [(row.operation, row.views) for row in rows] == [("forward", 5), ("back", 5)]
    assert all(row.ratio > 0 for row in rows)
    assert calls == [5, *[5, 1, 1, 1, 1, 1] * 3]


@pytest.mark.parametrize("name", ["parallel-32", "fan-32", "cone-16"])
def test_the_exact_projections_are_those_of_the_case(name: str) -> None:
    case = case_named(name, views=4)
    exact = case.exact_projections()
    assert exact.shape == Projector(case.scan, case.grid).range_shape
    assert np.abs(exact).max() > 0
