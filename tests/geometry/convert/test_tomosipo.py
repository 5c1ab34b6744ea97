import sys

import pytest

from svct.errors import BackendUnavailable
from svct.geometry import Grid, ParallelBeam
from svct.geometry.convert.tomosipo import to_tomosipo


def test_without_tomosipo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tomosipo", None)
    with pytest.raises(BackendUnavailable, match="tomosipo: expected the package to be installed, found none; install"):
        to_tomosipo(ParallelBeam([0.0], bins=3, rows=2), Grid(shape=(2, 2, 2)))
