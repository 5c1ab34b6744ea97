"""Damaged files are refused: cut off, a view missing, another unit, NaN, a view twice, out of range."""

import io
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from svct.errors import SvctError
from svct.sampling import Dose, Schedule
from svct.sampling.device import Device, load_device
from svct.sampling.export import exporter, read_back

DEVICES = {"panda-seq": "fly-scan-beamline", "aerotech-pso": "fly-scan-beamline", "xps-pvt": "lab-step-stage"}
NUMBER = r"[-+.\w]+"
# What stands for one view in the text formats, with its number; what is dropped where the view is missing.
LINES = {
    "csv": rf"(?m)^\d+,({NUMBER}),[^\n]*\n",
    "linuxcnc": rf"G1 A({NUMBER}) F[^\n]*\nM64 P0\nG4[^\n]*\nM65 P0\n",
    "grbl": rf"G1 X({NUMBER}) F[^\n]*\nM8\nG4[^\n]*\nM9\n",
    "spec": rf"  umv rot ({NUMBER})\n  ct[^\n]*\n",
    "xps-pvt": rf"{NUMBER}, ({NUMBER}), 0\n{NUMBER}, 0, 0\n",
    "aerotech-pso": r"(?m)^(\d+)\n",
    "rtk": rf"<Projection>\s*<GantryAngle>({NUMBER})</GantryAngle>.*?</Projection>",
    **dict.fromkeys(("bluesky", "cil", "tigre", "tomosipo", "xcist"), rf"    ({NUMBER}),\n"),
    "epics-waveform": rf" ({NUMBER})(?=[ \n])",
}
IN_JSON: dict[str, Callable[[dict[str, Any]], list[Any]]] = {
    "panda-seq": lambda d: d["table"]["position"],
    "ctsimu": lambda d: d["geometry"]["stage"]["deviations"][0]["amount"]["drifts"][0]["value"],
}
IN_HDF5 = {"nxtomo": "entry/sample/rotation_angle", "data-exchange": "exchange/theta"}
FORMATS = [*LINES, *IN_JSON, *IN_HDF5, "astra", "tomoscan-step"]

Edit = Callable[[list[Any]], list[Any]]
EDITS: dict[str, Edit] = {
    "missing": lambda v: [*v[:3], None, *v[4:]],
    "unit": lambda v: [float(x) * math.pi / 180 for x in v],
    "NaN": lambda v: [*v[:3], math.nan, *v[4:]],
    "twice": lambda v: [*v[:3], v[2], *v[4:]],
    "range": lambda v: [*v[:3], 1e12, *v[4:]],
}


def device_for(fmt: str) -> Device | None:
    return load_device(DEVICES[fmt]) if fmt in DEVICES else None


def whole_schedule(count: int = 8) -> Schedule:
    """A schedule that states enough for every format."""
    loads = tuple(1.0 + i / 7 for i in range(count))
    return Schedule(
        angles_deg=tuple(3.25 + 3.5 * i * (i + 1) / 2 for i in range(count)),
        geometry={"kind": "fan", "bins": 5, "bin_mm": 2.0, "source_mm": 595.0, "detector_mm": 490.5},
        task="chest",
        budget=count,
        candidates=1152,
        method="learned",
        exposure_mAs=loads,
        exposure_ms=(10.0,) * count,
        kvp=(120.0,) * count,
        dose=Dose(total_mAs=sum(loads), ctdi_vol_mGy=2.94, phantom="IEC_BODY_32", dlp_mGycm=88.2),
    )


def damaged(fmt: str, content: bytes, edit: Edit) -> bytes:
    """Return a file's content with the numbers of its views edited; None drops a view."""
    if fmt in LINES:
        return _damaged_text(content.decode(), LINES[fmt], edit, only_first_line=fmt == "epics-waveform").encode()
    if fmt in IN_JSON:
        document = json.loads(content)
        values = IN_JSON[fmt](document)
        values[:] = [value for value in edit(values) if value is not None]
        return json.dumps(document).encode()
    out = io.BytesIO(content)
    if fmt in IN_HDF5:
        with h5py.File(out, "r+") as file:
            old = file[IN_HDF5[fmt]]
            values, attributes, name = old[()].tolist(), dict(old.attrs), old.name
            del file[name]
            file[name] = np.array([value for value in edit(values) if value is not None])
            file[name].attrs.update(attributes)
        return out.getvalue()
    if fmt == "tomoscan-step":
        values = [value for value in edit(np.load(out).tolist()) if value is not None]
        out = io.BytesIO()
        np.save(out, np.array(values))
        return out.getvalue()
    entries = dict(np.load(out))
    vectors = entries["vectors"]
    rows = edit(vectors[:, 4].tolist())
    kept = [i for i, value in enumerate(rows) if value is not None]
    vectors[kept, 4] = [rows[i] for i in kept]
    out = io.BytesIO()
    np.savez(out, **{**entries, "vectors": vectors[kept]})
    return out.getvalue()


def _damaged_text(text: str, pattern: str, edit: Edit, *, only_first_line: bool) -> str:
    start = text.index("\nput Angles 8") + len("\nput Angles 8") if only_first_line else 0
    end = text.index("\n", start + 1) + 1 if only_first_line else len(text)
    found = list(re.finditer(pattern, text[start:end], re.DOTALL))[:8]
    parts, here = [text[:start]], start
    for match, value in zip(found, edit([m[1] for m in found]), strict=True):
        parts.append(text[here : start + match.start()])
        if value is not None:
            new = str(int(value)) if "\\d+)\\n" in pattern and value == value else str(value)
            parts += [text[start + match.start() : start + match.start(1)], new]
            parts.append(text[start + match.end(1) : start + match.end()])
        here = start + match.end()
    return "".join([*parts, text[here:]])


@pytest.mark.parametrize("fmt", FORMATS)
def test_damage_is_refused(fmt: str, tmp_path: Path) -> None:
    made, device = whole_schedule(), device_for(fmt)
    chosen = exporter(fmt, device)
    text = chosen.text(made)
    content = text.encode() if isinstance(text, str) else text
    path = tmp_path / f"s{chosen.suffix}"
    path.write_bytes(content)
    assert read_back(made, path, fmt=fmt, device=device) <= chosen.precision_deg
    path.write_bytes(damaged(fmt, content, lambda values: values))
    assert read_back(made, path, fmt=fmt, device=device) <= chosen.precision_deg  # the edit alone does no harm
    for name, edit in EDITS.items():
        path.write_bytes(damaged(fmt, content, edit))
        with pytest.raises(SvctError, match=r"expected|does not say"):
            pytest.fail(f"{name}: read back {read_back(made, path, fmt=fmt, device=device)}")
    path.write_bytes(content[: int(len(content) * 0.6)])
    with pytest.raises(SvctError, match=r"expected|does not say"):
        read_back(made, path, fmt=fmt, device=device)


@pytest.mark.parametrize("fmt", IN_HDF5)
def test_a_unit_that_is_no_angle_is_refused(fmt: str, tmp_path: Path) -> None:
    made, path = whole_schedule(), tmp_path / "s.h5"
    content = exporter(fmt).text(made)
    assert isinstance(content, bytes)
    path.write_bytes(content)
    with h5py.File(path, "r+") as file:
        file[IN_HDF5[fmt]].attrs["units"] = "mm"
    with pytest.raises(SvctError, match="in mm, not 1 in deg"):
        read_back(made, path, fmt=fmt)
    with h5py.File(path, "r+") as file:
        file[IN_HDF5[fmt]].attrs["units"] = "rad"
    with pytest.raises(SvctError, match="largest angle error"):
        read_back(made, path, fmt=fmt)


@pytest.mark.parametrize("fmt", ["dicom-raw", "dicom-protocol", "dicom-rdsr"])
def test_damaged_dicom_is_refused(fmt: str, tmp_path: Path) -> None:
    made = whole_schedule()
    content = exporter(fmt).text(made)
    assert isinstance(content, bytes)
    path = tmp_path / "s.dcm"
    path.write_bytes(content)
    read_back(made, path, fmt=fmt)
    pydicom = pytest.importorskip("pydicom")

    def edited(change: Callable[[Any], object]) -> None:
        file = pydicom.dcmread(io.BytesIO(content))
        change(file)
        file.save_as(path)
        with pytest.raises(SvctError, match=r"expected|does not say"):
            pytest.fail(f"read back {read_back(made, path, fmt=fmt)}")

    for change in DICOM_EDITS[fmt]:
        edited(change)
    path.write_bytes(content[: int(len(content) * 0.6)])
    with pytest.raises(SvctError, match="expected"):
        read_back(made, path, fmt=fmt)


def set_angles(edit: Edit) -> Callable[[Any], object]:
    def change(file: Any) -> None:
        element = file[0x0071, 0x1003]
        element.value = [value for value in edit(list(element.value)) if value is not None]

    return change


def set_tube_angles(edit: Edit) -> Callable[[Any], object]:
    def change(file: Any) -> None:
        elements = file.AcquisitionProtocolElementSpecificationSequence
        found = [element.ParametersSpecificationSequence[1].ConstraintValueSequence[0] for element in elements]
        for i, (value, new) in enumerate(zip(found, edit([v.SelectorFDValue for v in found]), strict=True)):
            if new is None:
                del elements[i]
                return
            value.SelectorFDValue = new

    return change


def numbers(file: Any) -> list[Any]:
    """All items of a structured report that hold a number."""
    items = list(file.get("ContentSequence", []))
    return [*[i for i in items if i.ValueType == "NUM"], *[n for item in items for n in numbers(item)]]


def set_dlp(value: str | None, unit: str = "mGy.cm") -> Callable[[Any], object]:
    def change(file: Any) -> None:
        found = [n for n in numbers(file) if n.ConceptNameCodeSequence[0].CodeValue in ("113838", "113813")]
        assert len(found) == 2
        for item in found[: 1 if value is None else 2]:
            measured = item.MeasuredValueSequence[0]
            measured.MeasurementUnitsCodeSequence[0].CodeValue = unit
            if value is not None:
                measured.NumericValue = value

    return change


def change_events(twice: bool) -> Callable[[Any], object]:
    def change(file: Any) -> None:
        events = [i for i in file.ContentSequence if i.ConceptNameCodeSequence[0].CodeValue == "113819"]
        if twice:
            file.ContentSequence.append(events[0])
        else:
            file.ContentSequence.remove(events[0])

    return change


DICOM_EDITS: dict[str, list[Callable[[Any], object]]] = {
    "dicom-raw": [set_angles(edit) for edit in EDITS.values()],
    "dicom-protocol": [set_tube_angles(edit) for edit in EDITS.values()],
    "dicom-rdsr": [
        change_events(twice=False),
        set_dlp(None, "Gy.cm"),
        set_dlp("1E30"),
        set_dlp("-88.2"),
        change_events(twice=True),
    ],
}
