"""`svct schedule show`: what a schedule says."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from svct.cli import options

if TYPE_CHECKING:
    from svct.sampling.schedule import Schedule


@click.command("show")
@options.schedule
@click.option("--views", "with_views", is_flag=True, help="List every frame too.")
@options.as_json
def command(schedule: Path, with_views: bool, as_json: bool) -> None:
    """Print what SCHEDULE says: views, loads, dose, gain, origin, signature."""
    from svct.sampling.schedule import Schedule

    loaded = Schedule.load(schedule)
    facts = _facts(loaded)
    if as_json:
        click.echo(json.dumps({**facts, **({"frames": list(loaded.views)} if with_views else {})}, indent=2))
        return
    for name, value in facts.items():
        if value is not None:
            text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
            click.echo(f"{name:<13} {text}")
    if with_views:
        rows = [
            {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in view.items()}
            for view in loaded.views
        ]
        width = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
        for row in ({name: name for name in width}, *rows):
            click.echo("  ".join(f"{row[name]:>{width[name]}}" for name in width))


def _facts(schedule: "Schedule") -> dict[str, Any]:
    from dataclasses import asdict

    angles = [schedule.angles_deg[i] for i in schedule.projections]
    others = {kind: schedule.frame.count(kind) for kind in ("dark", "flat") if kind in schedule.frame}
    signature = schedule.signature
    return {
        "task": schedule.task,
        "method": schedule.method,
        "intent": "SIMULATION ONLY, not for clinical use",
        "views": f"{len(angles)} of {schedule.candidates} candidates, {min(angles):g} to {max(angles):g} deg",
        "other frames": others or None,
        "mode": schedule.mode,
        "rotations": max(schedule.rotation) + 1 if schedule.rotation else None,
        "geometry": schedule.geometry,
        "angle": schedule.angle_convention,
        "load": _load(schedule),
        "dose": None if schedule.dose is None else {k: v for k, v in asdict(schedule.dose).items() if v is not None},
        "gain": None if schedule.gain is None else asdict(schedule.gain),
        "device": schedule.device_profile,
        "made from": schedule.parent_sha256,
        "released by": schedule.reviewed_by,
        "provenance": schedule.provenance,
        "sha256": schedule.sha256,
        "signature": "none: nothing tells who made it"
        if signature is None
        else f"by {signature['key_id'][:16]}, see verify",
    }


def _load(schedule: "Schedule") -> dict[str, Any]:
    """Return the bookkeeping of tube load over the projections."""
    chosen = schedule.projections
    parts = [schedule.relative_load[i] for i in chosen]
    found: dict[str, Any] = {"relative_min": min(parts), "relative_max": max(parts)}
    if schedule.exposure_mAs:
        found["total_mAs"] = schedule.total_mAs
    if schedule.rotation and schedule.total_mAs is not None:
        found["mAs_per_rotation"] = schedule.total_mAs / (max(schedule.rotation) + 1)
    if schedule.tube_current_mA:
        found["mean_mA"] = math.fsum(schedule.tube_current_mA[i] for i in chosen) / len(chosen)
        found["max_mA"] = max(schedule.tube_current_mA[i] for i in chosen)
    if schedule.kvp:
        found["kvp"] = sorted({schedule.kvp[i] for i in chosen})
    return found
