"""Schedules as Data Exchange files (HDF5), the format of the APS beamlines."""

import io
from pathlib import Path

import h5py

from svct.sampling.export import hdf5
from svct.sampling.export.base import ReadBack
from svct.sampling.export.header import expecting
from svct.sampling.export.stage import StageExporter
from svct.sampling.schedule import Schedule

OWN = "process/svct"
TIMES = "measurement/instrument/detector/exposure_time"


class DataExchangeExporter(StageExporter):
    """A planned scan: ``/exchange/theta`` of the projections in degrees, and empty images.

    ``theta`` is the angle of the sample, so minus the source's, or the axis position of a device. Darks and flats are
    arrays of their own in this format, without a place in the order; the whole schedule is kept under
    ``/process/svct``.
    """

    name = "data-exchange"
    suffix = ".h5"
    hashed = False  # those of beamlines have none

    def text(self, schedule: Schedule) -> bytes:
        """Return the file's content."""
        out = io.BytesIO()
        with h5py.File(out, "w") as file:
            file["implements"] = "exchange:measurement:process"
            exchange = file.create_group("exchange")
            exchange["title"], exchange["description"] = schedule.task, hdf5.NO_IMAGES
            for name, kind in (("data", "projection"), ("data_white", "flat"), ("data_dark", "dark")):
                if kind in schedule.frame:
                    hdf5.empty_images(exchange, name, schedule, schedule.frame.count(kind))
                    exchange[name].attrs["axes"] = "theta:y:x"
            hdf5.add_values(exchange, "theta", self.positions(schedule), "deg")
            times = self.exposure_s(schedule)
            if times is not None:
                hdf5.add_values(file, TIMES, times, "s")
            own = file.create_group(OWN)
            own["sha256"], own["schedule"] = schedule.sha256, schedule.to_json()
        return out.getvalue()

    def read(self, path: Path) -> ReadBack:
        """Read a file of svct or of a beamline.

        Raises:
            DataFileError: The file is missing, truncated or of another format.
        """
        with expecting(self, path), h5py.File(path, "r") as file:
            positions = hdf5.values_of(file["exchange/theta"], hdf5.DEGREES)
            if len(file["exchange/data"]) != len(positions):
                raise ValueError(f"{len(file['exchange/data'])} images and {len(positions)} angles")
            columns, stated, whole = {}, {}, None
            if TIMES in file and file[TIMES].shape == (len(positions),):
                columns["exposure_ms"] = hdf5.values_of(file[TIMES], hdf5.MILLISECONDS)
            if OWN in file:
                stated["sha256"] = hdf5.text_of(file[OWN]["sha256"])
                whole = Schedule.from_json(hdf5.text_of(file[OWN]["schedule"]))
            return self.back(path, positions, stated, columns=columns, whole=whole)
