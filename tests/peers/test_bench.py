import pytest

from svct.bench.cases import case_named
from svct.bench.peers import NATIVE, PEERS
from svct.bench.projectors import bench_projectors
from svct.errors import BackendUnavailable
from svct.geometry.wrap.require import require

# What each package makes of an ellipsoid, and how far its adjoint is off.
ADJOINT = {"scikit-image": 0.05}
ERROR = {("mbirjax", "fan-64"): 0.05}


@pytest.mark.parametrize("case", ["parallel-64", "fan-64", "cone-32"])
@pytest.mark.parametrize("tool", [name for name, peer in PEERS.items() if peer.version and name != NATIVE])
def test_the_adapters_speak_svcts_conventions(tool: str, case: str) -> None:
    if tool == "deepinv":
        try:
            require("deepinv", "pip")  # its torchvision may not be built for the torch that is here
        except BackendUnavailable as error:
            pytest.skip(str(error))
    rows, refusals = bench_projectors([case_named(case, views=24)], peers=[tool], repeats=1)
    if refusals:
        assert "only" in refusals[0].reason
        return
    assert [row.tool for row in rows] == [NATIVE, tool] * 2
    native, other = rows[:2]
    assert native.error is not None
    assert other.error is not None
    assert other.error < ERROR.get((tool, case), 1.6 * native.error)
    assert other.adjoint_error < ADJOINT.get(tool, 1e-5)
