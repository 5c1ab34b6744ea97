from collections.abc import Iterator

import numpy as np
import pytest
import torch

from svct.geometry import Grid, ParallelBeam, Projector

A = Projector(ParallelBeam(np.arange(60) * np.pi / 60, bins=128), Grid(shape=(128, 128)))


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_the_number_of_threads_changes_nothing() -> None:
    x, y = torch.rand(128, 128), torch.rand(60, 128)
    results = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        results.append((A(x), A.T(y)))
    for projections, image in results[1:]:
        assert torch.equal(projections, results[0][0])
        assert torch.equal(image, results[0][1])


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork_after_work_on_the_team_projects() -> None:
    import multiprocessing

    x = np.ones((128, 128), np.float32)
    expected = A(x)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        got = pool.apply_async(A, (x,)).get(timeout=120)
    assert np.array_equal(got, expected)
