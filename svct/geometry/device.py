"""Where tensors are to be computed with."""

import torch

from svct.errors import BackendUnavailable, unknown_name
from svct.geometry.scan import Scan

DEVICES = ("auto", "cpu", "cuda")


def choose_device(name: str, scan: Scan) -> torch.device:
    """Return the device of a name.

    Args:
        name: ``"cpu"``, ``"cuda"``, or ``"auto"``: CUDA where torch and ASTRA have it and the projectors there take the
            scan, which they do unless its detector is curved.
        scan: The scan that is to be computed with.

    Raises:
        UnknownNameError: No such name.
        BackendUnavailable: CUDA is asked for, and this machine has none that torch and ASTRA can use.

    Example:
        >>> from svct.geometry import ParallelBeam
        >>> choose_device("cpu", ParallelBeam([0.0], bins=5))
        device(type='cpu')
    """
    import astra

    if name not in DEVICES:
        raise unknown_name("device", name, list(DEVICES))
    if name == "cpu" or (name == "auto" and scan.curved):
        return torch.device("cpu")
    lacking = [what for what, there in (("torch", torch.cuda.is_available()), ("ASTRA", astra.use_cuda())) if not there]
    if not lacking:
        return torch.device("cuda")
    if name == "cuda":
        raise BackendUnavailable(
            f"device 'cuda': expected a GPU that torch and ASTRA can use, got none for {' and '.join(lacking)}; "
            "use --device cpu, or run `svct doctor` to see what is there"
        )
    return torch.device("cpu")
