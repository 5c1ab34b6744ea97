"""Schedules as DICOM CT Defined Procedure Protocol (Supplement 121)."""

from pathlib import Path
from typing import TYPE_CHECKING

from svct.sampling.export.base import FURTHER, Exporter, ReadBack
from svct.sampling.export.dicom import add_block, block_of, new_file, read_file, written
from svct.sampling.export.header import WARNING, checked_angles, expecting
from svct.sampling.schedule import Schedule

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

CT_DEFINED_PROCEDURE_PROTOCOL = "1.2.840.10008.5.1.4.1.1.200.1"
XRAY_DETAILS = (0x00189920, 0x00189325)
"""Where voltage and load of an element lie: Acquisition Protocol Element Sequence, CT X-Ray Details Sequence."""


class ProtocolExporter(Exporter):
    """One constant-angle protocol element per view, its Tube Angle, mAs and kVp given by EQUAL constraints.

    DICOM counts the tube's angle from the top, clockwise seen from the side where the table enters; svct counts
    fans and cones from the bottom and parallel beams from the top, counter-clockwise seen from +z, which is taken as
    that side: Tube Angle = start - angle, in 0 to 360. SIMULATION ONLY: no scanner is known that takes angles from it.
    """

    name = "dicom-protocol"
    suffix = ".dcm"
    lost = ("all but angle, load and voltage, which only the private block has",)
    carries = tuple(FURTHER)
    hashed = True

    def text(self, schedule: Schedule) -> bytes:
        """Return the file's content."""
        file = new_file(CT_DEFINED_PROCEDURE_PROTOCOL, schedule, "protocol")
        file.InstanceNumber, file.Modality = 1, "CT"
        file.ProtocolName = f"SIMULATION ONLY {schedule.task}"[:64]
        file.ContentCreatorName = schedule.reviewed_by or "svct"
        file.ContentLabel, file.ContentDescription = "SIMULATION_ONLY", WARNING
        file.ResponsibleGroupCodeSequence = []
        file.PotentialScheduledProtocolCodeSequence = []
        model = _item(Manufacturer="svct", ManufacturerModelName="svct (simulation)", SoftwareVersions=["any"])
        file.ModelSpecificationSequence = [model]
        file.PatientSpecificationSequence = []
        file.AcquisitionProtocolElementSpecificationSequence = [
            self._element(schedule, number, view) for number, view in enumerate(self.carried(schedule), start=1)
        ]
        add_block(file, self, schedule)
        return written(file)

    def read(self, path: Path) -> ReadBack:
        """Read an exported file.

        Raises:
            DataFileError: The file is missing, truncated or of another class, or its elements are out of order.
        """
        file = read_file(self, path, CT_DEFINED_PROCEDURE_PROTOCOL)
        schedule = block_of(self, path, file)
        columns: dict[str, list[float]] = {}
        angles = []
        with expecting(self, path):
            elements = file.AcquisitionProtocolElementSpecificationSequence
            if [element.ProtocolElementNumber for element in elements] != list(range(1, len(elements) + 1)):
                raise ValueError("elements that are not numbered 1, 2, 3, ...")
            for element in elements:
                angles.append((_start(schedule) - _value(element, "TubeAngle")) % 360)
                for name, keyword in (("kvp", "KVP"), ("exposure_mAs", "ExposureInmAs")):
                    if getattr(schedule, name):
                        columns.setdefault(name, []).append(_value(element, keyword))
        read = checked_angles(self, path, angles, len(self.carried(schedule)))
        return ReadBack(read, schedule.sha256, {name: tuple(values) for name, values in columns.items()})

    def _element(self, schedule: Schedule, number: int, view: int) -> "Dataset":
        angle = (_start(schedule) - schedule.angles_deg[view]) % 360
        parameters = [_equal("AcquisitionType", "CONSTANT_ANGLE"), _equal("TubeAngle", angle)]
        if schedule.exposure_mAs:
            parameters.append(_equal("ExposureInmAs", schedule.exposure_mAs[view], number))
        if schedule.kvp:
            parameters.append(_equal("KVP", schedule.kvp[view], number))
        return _item(
            ProtocolElementNumber=number,
            ProtocolElementName=f"view {view}",
            ProtocolElementCharacteristicsSummary="SIMULATION ONLY",
            ParametersSpecificationSequence=parameters,
        )


def _equal(keyword: str, value: float | str, element: int | None = None) -> "Dataset":
    """Return an EQUAL constraint of an attribute, in the X-ray details of an element where one is named."""
    from pydicom.datadict import dictionary_VR, tag_for_keyword

    tag = tag_for_keyword(keyword)
    vr = dictionary_VR(keyword)
    found = _item(ConstraintType="EQUAL", ConstraintViolationSignificance="FAILURE", ModifiableConstraintFlag="NO")
    found.SelectorAttribute, found.SelectorAttributeVR, found.SelectorValueNumber = tag, vr, 1
    if element is not None:
        found.SelectorSequencePointer, found.SelectorSequencePointerItems = list(XRAY_DETAILS), [element, 1]
    limit = _item()
    setattr(limit, f"Selector{vr}Value", f"{value:.10g}" if vr == "DS" else value)
    found.ConstraintValueSequence = [limit]
    return found


def _item(**values: object) -> "Dataset":
    from pydicom.dataset import Dataset

    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _start(schedule: Schedule) -> float:
    return 0.0 if schedule.geometry["kind"] == "parallel" else 180.0


def _value(element: "Dataset", keyword: str) -> float:
    from pydicom.datadict import tag_for_keyword

    found = [
        item for item in element.ParametersSpecificationSequence if item.SelectorAttribute == tag_for_keyword(keyword)
    ]
    if len(found) != 1 or found[0].ConstraintType != "EQUAL":
        raise ValueError(f"not one EQUAL constraint of {keyword} in element {element.ProtocolElementNumber}")
    limit = found[0].ConstraintValueSequence[0]
    return float(limit[f"Selector{found[0].SelectorAttributeVR}Value"].value)
