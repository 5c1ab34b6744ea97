import math
from typing import Any

import pytest

from svct.errors import InputError
from svct.geometry import FanBeam, ParallelBeam, VectorBeam
from svct.geometry.scan import Scan
from svct.sampling import Schedule
from svct.sampling.match import measured_views

ANGLES = [math.radians(a) for a in range(0, 360, 10)]
FAN: dict[str, Any] = {"bins": 20, "bin_mm": 2.0, "source_mm": 600.0, "detector_mm": 400.0}


def schedule_for(scan: Scan, **changed: Any) -> Schedule:
    geometry = {name: value for name, value in {**scan.to_dict(), **changed}.items() if name != "angles"}
    return Schedule(
        angles_deg=(50.0, 10.0, 340.0), geometry=geometry, task="chest", budget=3, candidates=36, method="learned"
    )


def test_views_come_in_acquisition_order() -> None:
    scan = FanBeam(ANGLES, **FAN)
    assert measured_views(schedule_for(scan), scan) == [5, 1, 34]
    assert measured_views(schedule_for(scan, bin_mm=2.0 * (1 + 1e-9), offset_mm=0.0), scan) == [5, 1, 34]


def test_a_flat_schedule_serves_all_rows_of_a_parallel_beam() -> None:
    schedule = schedule_for(ParallelBeam(ANGLES, bins=20, offset_mm=0.25))
    assert measured_views(schedule, ParallelBeam(ANGLES, bins=20, rows=4, offset_mm=(0.25, 3.0))) == [5, 1, 34]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"bins": 21}, "whose bins is 20, got one for 21"),
        ({"source_mm": 601.0}, "whose source_mm is 600.0, got one for 601.0"),
        ({"curved": True}, "whose curved is False, got one for True"),
        ({"kind": "fun"}, "expected one that svct knows"),
        ({"bins": None}, "expected one that svct knows"),
    ],
)
def test_other_geometries_are_named(changed: dict[str, Any], message: str) -> None:
    scan = FanBeam(ANGLES, **FAN)
    with pytest.raises(InputError, match=message):
        measured_views(schedule_for(scan, **changed), scan)


def test_other_kinds_and_views_that_were_not_measured() -> None:
    scan = FanBeam(ANGLES, **FAN)
    with pytest.raises(InputError, match="use the schedule of this geometry"):
        measured_views(schedule_for(scan), ParallelBeam(ANGLES, bins=20, bin_mm=2.0))
    with pytest.raises(InputError, match="use the schedule of this geometry"):
        measured_views(schedule_for(scan), VectorBeam(scan.vectors, bins=20))
    with pytest.raises(InputError, match="view 0 at 50 deg"):
        measured_views(schedule_for(scan), scan[::2])
