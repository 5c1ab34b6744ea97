import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

# Left out: svct.geometry and the classes of heads, whose methods return Self; svct.data and the phantoms, which take
# arrays of any number type and convert them; svct.cli, where click hands the arguments over and types are imported for
# mypy alone.
HEADS = [f"tasks.heads.{part}" for part in ("controls", "filters", "froc", "lesion_map", "overlap", "roc", "scores")]
CHECKED = ("bench", "metrics", "physics", "recon", "sampling", "tasks.cohort", *HEADS, "tasks.task")
# An int may stand where a float is asked for, as it may in the language.
CHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"


def pytest_configure(config: pytest.Config) -> None:
    """Check types and shapes on every call, and refuse the source folder where the installed wheel was asked for."""
    install_import_hook([f"svct.{part}" for part in CHECKED], CHECKER)
    import svct

    if os.environ.get("PYTEST_XDIST_WORKER"):  # several processes share the cores
        import torch

        torch.set_num_threads(1)

    if os.environ.get("SVCT_TEST_INSTALLED"):
        source = Path(__file__).parents[1] / "svct"
        assert Path(svct.__file__).parent != source, f"expected the installed svct, got the source folder {source}"
