"""Schedules as a simulated DICOM X-Ray Radiation Dose Structured Report (TID 10011)."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from svct.errors import InputError
from svct.sampling.export.base import Exporter, ReadBack
from svct.sampling.export.dicom import add_study, new_file, read_file, uid, written
from svct.sampling.export.header import WARNING, expecting
from svct.sampling.export.report import code, container, item, number, numbers_of, text_of
from svct.sampling.schedule import Schedule

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

XRAY_RADIATION_DOSE_SR = "1.2.840.10008.5.1.4.1.1.88.67"
PHANTOMS = {
    "IEC_HEAD_16": ("113690", "DCM", "IEC Head Dosimetry Phantom"),
    "IEC_BODY_32": ("113691", "DCM", "IEC Body Dosimetry Phantom"),
}
"""Codes of the dose phantoms, by their names in schedules."""

TOTALS = {"113830": ("ctdi_vol_mGy", "mGy"), "113813": ("dlp_mGycm", "mGy.cm")}
"""Codes of the numbers that are read back, with their names and units."""


class DoseReportExporter(Exporter):
    """One simulated irradiation event with mean CTDIvol, DLP, mAs and voltage; marked as simulated for quality control.

    Angles and loads per view are not part of a dose report; its comment names the schedule's hash.
    """

    name = "dicom-rdsr"
    suffix = ".dcm"
    lost = ("angles and order", "loads per view", "provenance", "gain")
    carries = ("dose",)
    hashed = True

    def text(self, schedule: Schedule) -> bytes:
        """Return the file's content.

        Raises:
            InputError: The schedule has no CTDIvol with a known phantom, or no DLP.
        """
        dose = schedule.dose
        if dose is None or dose.ctdi_vol_mGy is None or dose.dlp_mGycm is None or dose.phantom not in PHANTOMS:
            raise InputError(
                "dicom-rdsr: expected a schedule whose dose has ctdi_vol_mGy, dlp_mGycm and a phantom of "
                f"{', '.join(PHANTOMS)}, got {dose}; give it a Dose"
            )
        file = new_file(XRAY_RADIATION_DOSE_SR, schedule, "dose report")
        add_study(file, schedule, modality="SR", number=2)
        file.ReferencedPerformedProcedureStepSequence = []
        file.PerformedProcedureCodeSequence = []
        file.CompletionFlag, file.VerificationFlag = "COMPLETE", "UNVERIFIED"
        root = container("", ("113701", "DCM", "X-Ray Radiation Dose Report"), self._content(schedule))
        root.ContentTemplateSequence = [_template("10011")]
        for element in root:
            file.add(element)
        return written(file)

    def read(self, path: Path) -> ReadBack:
        """Read an exported file.

        Raises:
            DataFileError: The file is missing, truncated or of another class, or does not say that it is simulated.
        """
        file = read_file(self, path, XRAY_RADIATION_DOSE_SR)
        with expecting(self, path):
            comment = text_of(file, "121106")
            if WARNING not in comment or "SIMULATED" not in comment:
                raise ValueError("no comment that says SIMULATED")
            found = re.search(r"sha256 (\w+), (\d+) views, ([-+.\w]+) mAs", comment)
            if found is None:
                raise ValueError("no hash, views and mAs in the comment")
            totals = {"views": float(found[2]), "total_mAs": float(found[3])}
            for concept, (name, unit) in TOTALS.items():
                (totals[name],) = numbers_of(file, concept, unit)
            (events,) = numbers_of(file, "113812", "{events}")
            (dlp,) = numbers_of(file, "113838", "mGy.cm")
            if events != 1 or dlp != totals["dlp_mGycm"]:
                raise ValueError(f"{events:g} events, DLP {dlp:g} of {totals['dlp_mGycm']:g} mGy cm")
        return ReadBack(None, found[1], totals=totals)

    def _content(self, schedule: Schedule) -> list["Dataset"]:
        dose = schedule.dose
        assert dose is not None
        views = list(schedule.projections)
        times_s = sum(schedule.exposure_ms[i] for i in views) / 1000 if schedule.exposure_ms else None
        currents = [schedule.tube_current_mA[i] for i in views] if schedule.tube_current_mA else []
        voltages = {schedule.kvp[i] for i in views} if schedule.kvp else set()
        source = [item("CONTAINS", "TEXT", ("113832", "DCM", "Identification of the X-Ray Source"), "simulated")]
        if voltages:
            source.append(number(("113733", "DCM", "KVP"), max(voltages), "kV"))
        if currents:
            mean = 1000 * dose.total_mAs / sum(schedule.exposure_ms[i] for i in views)
            source.append(number(("113833", "DCM", "Maximum X-Ray Tube Current"), max(currents), "mA"))
            source.append(number(("113734", "DCM", "X-Ray Tube Current"), mean, "mA"))
        length_mm = 10 * (dose.dlp_mGycm or 0.0) / dose.ctdi_vol_mGy if dose.ctdi_vol_mGy else 0.0
        parameters = [
            number(("113825", "DCM", "Scanning Length"), length_mm, "mm"),
            number(("113823", "DCM", "Number of X-Ray Sources"), 1, "{X-Ray sources}"),
            container("CONTAINS", ("113831", "DCM", "CT X-Ray Source Parameters"), source),
        ]
        if times_s is not None:
            parameters.insert(0, number(("113824", "DCM", "Exposure Time"), times_s, "s"))
        ct_dose = [
            number(("113830", "DCM", "Mean CTDIvol"), dose.ctdi_vol_mGy or 0.0, "mGy"),
            code(("113835", "DCM", "CTDIw Phantom Type"), PHANTOMS[dose.phantom or ""]),
            number(("113838", "DCM", "DLP"), dose.dlp_mGycm or 0.0, "mGy.cm"),
        ]
        acquisition = [
            item("CONTAINS", "TEXT", ("125203", "DCM", "Acquisition Protocol"), f"SIMULATION ONLY {schedule.task}"),
            code(("123014", "DCM", "Target Region"), ("113014", "DCM", "Study")),
            code(("113820", "DCM", "CT Acquisition Type"), ("113804", "DCM", "Sequenced Acquisition")),
            item("CONTAINS", "UIDREF", ("113769", "DCM", "Irradiation Event UID"), uid(schedule, "event")),
            container("CONTAINS", ("113822", "DCM", "CT Acquisition Parameters"), parameters),
            container("CONTAINS", ("113829", "DCM", "CT Dose"), ct_dose),
        ]
        procedure = code(("121058", "DCM", "Procedure reported"), ("77477000", "SCT", "Computed Tomography X-Ray"))
        procedure.RelationshipType = "HAS CONCEPT MOD"
        intent = code(("363703001", "SCT", "Has Intent"), ("113680", "DCM", "Quality Control Intent"))
        intent.RelationshipType = "HAS CONCEPT MOD"
        procedure.ContentSequence = [intent]
        observer = code(("121005", "DCM", "Observer Type"), ("121007", "DCM", "Device"))
        observer_uid = item(
            "HAS OBS CONTEXT", "UIDREF", ("121012", "DCM", "Device Observer UID"), uid(schedule, "device")
        )
        observer.RelationshipType = "HAS OBS CONTEXT"
        scope = code(("113705", "DCM", "Scope of Accumulation"), ("113014", "DCM", "Study"))
        scope.RelationshipType = "HAS OBS CONTEXT"
        study = item("HAS PROPERTIES", "UIDREF", ("110180", "DCM", "Study Instance UID"), uid(schedule, "study"))
        scope.ContentSequence = [study]
        total = [
            number(("113812", "DCM", "Total Number of Irradiation Events"), 1, "{events}"),
            number(("113813", "DCM", "CT Dose Length Product Total"), dose.dlp_mGycm or 0.0, "mGy.cm"),
        ]
        comment = (
            f"SIMULATED: {WARNING}. Nobody was irradiated. svct schedule sha256 {schedule.sha256}, {len(views)} views, "
            f"{dose.total_mAs!r} mAs, basis: {dose.basis}. Not carried: {'; '.join(self.lost_of(schedule))}."
        )
        return [
            procedure,
            observer,
            observer_uid,
            scope,
            container("CONTAINS", ("113811", "DCM", "CT Accumulated Dose Data"), total),
            container("CONTAINS", ("113819", "DCM", "CT Acquisition"), acquisition),
            item("CONTAINS", "TEXT", ("121106", "DCM", "Comment"), comment),
            code(("113854", "DCM", "Source of Dose Information"), ("113867", "DCM", "Computed From Image Attributes")),
        ]


def _template(identifier: str) -> "Dataset":
    from pydicom.dataset import Dataset

    found = Dataset()
    found.MappingResource, found.TemplateIdentifier = "DCMR", identifier
    return found
