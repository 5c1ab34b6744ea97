import importlib.util
import os
import sys

import pytest

from svct.bench.xcist import Request, compare

PYTHON = sys.executable if importlib.util.find_spec("gecatsim") else os.environ.get("SVCT_XCIST_PYTHON")

pytestmark = pytest.mark.skipif(
    not PYTHON, reason="XCIST: gecatsim is neither here nor in the interpreter that SVCT_XCIST_PYTHON names"
)


def test_the_same_scan_has_the_same_transmission_and_noise() -> None:
    pytest.importorskip("xraydb")
    assert PYTHON
    found = compare(Request(views=40, voxels=128, voxel_mm=2.0, repeats=2), python=PYTHON)
    assert found.transmission_error < 0.02
    assert found.variance_ratio == pytest.approx(1, rel=0.05)
    assert found.ray_error < 0.02
