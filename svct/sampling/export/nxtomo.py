"""Schedules as NeXus files of the application definition NXtomo."""

import io
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from svct import __version__
from svct.sampling.export import hdf5
from svct.sampling.export.base import ReadBack
from svct.sampling.export.header import expecting
from svct.sampling.export.stage import StageExporter
from svct.sampling.schedule import Schedule

IMAGE_KEYS = {"projection": 0, "flat": 1, "dark": 2}
INVALID = 3
NOTE = "svct_schedule"


class NxTomoExporter(StageExporter):
    """A planned scan: angles of the sample, image keys, exposure times, table positions, and empty images.

    ``rotation_angle`` is the angle of the sample about the vertical, so minus the source's, or the axis position of a
    device; one value per frame with darks and flats. The whole schedule is kept in an NXnote.
    """

    name = "nxtomo"
    suffix = ".nx"
    hashed = False  # those of beamlines have none
    all_frames = True

    def text(self, schedule: Schedule) -> bytes:
        """Return the file's content."""
        out = io.BytesIO()
        with h5py.File(out, "w") as file:
            file.attrs["default"] = "entry"
            entry = _group(file, "entry", "NXentry")
            entry.attrs["default"] = "data"
            entry["definition"] = "NXtomo"
            entry["title"] = f"{hdf5.NO_IMAGES}; task {schedule.task}"
            entry["program_name"] = f"svct {__version__}"
            if "created_utc" in schedule.provenance:
                entry["start_time"] = str(schedule.provenance["created_utc"])
            instrument = _group(entry, "instrument", "NXinstrument")
            source = _group(instrument, "source", "NXsource")
            source["type"], source["name"], source["probe"] = "Fixed Tube X-ray", "simulated", "x-ray"
            detector = self._detector(instrument, schedule)
            sample = _group(entry, "sample", "NXsample")
            sample["name"] = schedule.task
            rotation = hdf5.add_values(sample, "rotation_angle", self.positions(schedule), "degree")
            rotation.attrs.update({"transformation_type": "rotation", "vector": [0.0, 1.0, 0.0]})
            if schedule.z_mm:
                hdf5.add_values(sample, "z_translation", schedule.z_mm, "mm")
            control = _group(entry, "control", "NXmonitor")
            hdf5.add_values(control, "data", schedule.relative_load, "1")
            data = _group(entry, "data", "NXdata")
            data.attrs["signal"] = "data"
            for name, field in (
                ("data", detector["data"]),
                ("image_key", detector["image_key"]),
                (rotation.name, rotation),
            ):
                field.attrs["target"] = field.name  # what makes a link of NeXus
                data[name.rsplit("/", 1)[-1]] = field
            note = _group(entry, NOTE, "NXnote")
            note["type"], note["description"] = "application/json", schedule.sha256
            note["data"] = schedule.to_json()
        return out.getvalue()

    def _detector(self, instrument: h5py.Group, schedule: Schedule) -> h5py.Group:
        detector = _group(instrument, "detector", "NXdetector")
        hdf5.empty_images(detector, "data", schedule, len(schedule.frame))
        detector["image_key"] = np.array([IMAGE_KEYS[kind] for kind in schedule.frame], dtype=np.int32)
        for field, key in (("x_pixel_size", "bin_mm"), ("y_pixel_size", "row_mm"), ("distance", "detector_mm")):
            if schedule.geometry.get(key):
                hdf5.add_values(detector, field, schedule.geometry[key], "mm")
        times = self.exposure_s(schedule)
        if times is not None:
            hdf5.add_values(detector, "count_time", times, "s")
        return detector

    def read(self, path: Path) -> ReadBack:
        """Read a file of svct or of a beamline; frames that it marks as invalid are left out.

        Raises:
            DataFileError: The file is missing, truncated or of another format.
        """
        with expecting(self, path), h5py.File(path, "r") as file:
            entries = [g for g in file.values() if "definition" in g and hdf5.text_of(g["definition"]) == "NXtomo"]
            if not entries:
                raise ValueError("no entry of the definition NXtomo")
            entry = entries[0]
            detector, sample = entry["instrument/detector"], entry["sample"]
            keys, positions = np.asarray(detector["image_key"]), hdf5.values_of(sample["rotation_angle"], hdf5.DEGREES)
            lengths = {"rotation_angle": len(positions), "image_key": len(keys), "data": len(detector["data"])}
            if len(set(lengths.values())) > 1 or not np.isin(keys, (*IMAGE_KEYS.values(), INVALID)).all():
                raise ValueError(f"different numbers of frames, {lengths}, or unknown image keys")
            kept = np.flatnonzero(keys != INVALID).tolist()
            kinds = {key: kind for kind, key in IMAGE_KEYS.items()}
            columns: dict[str, tuple[Any, ...]] = {"frame": tuple(kinds[int(keys[i])] for i in kept)}
            for name, group, field, units in (
                ("exposure_ms", detector, "count_time", hdf5.MILLISECONDS),
                ("z_mm", sample, "z_translation", hdf5.MILLIMETRES),
            ):
                if field in group and group[field].shape == keys.shape:
                    values = hdf5.values_of(group[field], units)
                    columns[name] = tuple(values[i] for i in kept)
            stated, whole = {}, None
            if NOTE in entry:
                stated["sha256"] = hdf5.text_of(entry[NOTE]["description"])
                whole = Schedule.from_json(hdf5.text_of(entry[NOTE]["data"]))
                columns["relative_load"] = tuple(np.asarray(entry["control/data"], dtype=np.float64)[kept].tolist())
            return self.back(path, [positions[i] for i in kept], stated, columns=columns, whole=whole)


def _group(parent: h5py.Group, name: str, kind: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["NX_class"] = kind
    return group
