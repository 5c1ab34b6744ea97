"""Where results come from: versions, machine, command."""

import hashlib
import os
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import svct
from svct.bench.experiment.plan import Plan
from svct.recon.networks import backbone_path, file_sha256

PACKAGES = ("numpy", "scipy", "torch", "scikit-image", "pyarrow", "astra-toolbox", "distributed")


def about_run(plan: Plan, command: str) -> dict[str, Any]:
    """Return the contents of ``run.json``."""
    return {
        "schema": "svct.run/1",
        "plan_sha256": hashlib.sha256(plan.text.encode()).hexdigest(),
        "svct": svct.__version__,
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "cores": os.cpu_count(),
        "backbone_sha256": file_sha256(backbone_path()),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
