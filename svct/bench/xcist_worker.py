"""A scan by XCIST, in a process of its own: run by the interpreter that has `gecatsim`, which need not have svct.

Reads ``request.json`` and the raw volume fractions beside it in the working folder, writes ``result.npz`` there.
"""

import json
import resource
import time
from pathlib import Path
from typing import Any

import gecatsim
import numpy as np

PHANTOM = "phantom.json"


def set_up(request: dict[str, Any]) -> Any:
    """Return XCIST with the geometry, spectrum, detector and phantom of a request."""
    ct = gecatsim.CatSim()
    ct.resultsName = "scan"
    views, voxels = request["views"], request["voxels"]
    ct.scanner.detectorColsPerMod = ct.scanner.detectorRowsPerMod = ct.scanner.detectorRowCount = 1
    ct.scanner.detectorColCount, ct.scanner.detectorColSize = request["bins"], request["bin_mm"]
    ct.scanner.detectorColOffset = 0.0
    ct.scanner.sid, ct.scanner.sdd = request["source_mm"], request["source_mm"] + request["detector_mm"]
    ct.scanner.detectorColFillFraction = ct.scanner.detectorRowFillFraction = 1.0
    ct.scanner.detectorPrefilter = []
    ct.scanner.detectionGain, ct.scanner.eNoise = request["electrons_per_kev"], request["electronic_noise"]
    ct.protocol.viewsPerRotation = ct.protocol.viewCount = views
    ct.protocol.stopViewId = views - 1
    ct.protocol.mA, ct.protocol.bowtie = request["ma"], []
    physics = ct.physics
    physics.energyCount = request["energies"]
    physics.colSampleCount = physics.rowSampleCount = physics.viewSampleCount = 1
    physics.srcXSampleCount = physics.srcYSampleCount = 1
    materials = request["materials"]
    shape: dict[str, Any] = {"cols": voxels, "rows": voxels, "slices": 1}
    shape |= {"x_size": request["voxel_mm"], "y_size": request["voxel_mm"], "z_size": 20.0}
    shape |= {"x_offset": (voxels + 1) / 2, "y_offset": (voxels + 1) / 2, "z_offset": 1.0}
    phantom: dict[str, Any] = {name: [value] * len(materials) for name, value in shape.items()}
    phantom |= {"n_materials": len(materials), "mat_name": materials}
    phantom["volumefractionmap_filename"] = [f"{name}.raw" for name in materials]
    phantom["volumefractionmap_datatype"] = ["float"] * len(materials)
    Path(PHANTOM).write_text(json.dumps(phantom), encoding="utf-8")
    ct.phantom.filename = str(Path(PHANTOM).absolute())
    ct.phantom.callback, ct.phantom.projectorCallback = "Phantom_Voxelized", "C_Projector_Voxelized"
    ct.phantom.projectorNumThreads = request["threads"]
    return ct


def main() -> None:
    """Scan without and with noise, and note time and memory."""
    request = json.loads(Path("request.json").read_text(encoding="utf-8"))
    views, bins = request["views"], request["bins"]
    ct = set_up(request)

    def scan(*, noise: int) -> tuple[Any, tuple[float, float]]:
        ct.physics.enableQuantumNoise = ct.physics.enableElectronicNoise = noise
        start, cpu = time.perf_counter(), time.process_time()
        ct.phantom_scan()
        seconds = time.perf_counter() - start, time.process_time() - cpu
        return np.fromfile("scan.scan", np.float32).reshape(views, bins), seconds

    ct.air_scan()
    air = np.fromfile("scan.air", np.float32)
    noisy, seconds = zip(*(scan(noise=1) for _ in range(request["repeats"])), strict=True)
    clean, _ = scan(noise=0)
    cfg = ct.get_current_cfg()
    np.savez(
        "result.npz",
        air=air,
        clean=clean,
        noisy=np.stack(noisy),
        energies_kev=np.asarray(cfg.spec.Evec, np.float32).ravel(),
        photons=np.asarray(cfg.detFlux, np.float32),
        efficiency=np.asarray(cfg.sim.Wvec, np.float32),
        seconds=np.array(seconds),
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


if __name__ == "__main__":
    main()
