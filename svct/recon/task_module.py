"""What a task adds to the shared backbone: its view logits, and small corrections; a file of a few kB."""

import copy
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from svct.errors import DataFileError, InputError
from svct.files import atomic_path
from svct.geometry.projector import Projector
from svct.recon.unrolled import UnrolledNet


@dataclass(frozen=True, eq=False)
class TaskModule:
    """What a task adds to the backbone.

    Args:
        task: Name of the task.
        backbone_sha256: Of the backbone's file that it was learned on.
        logits: One per candidate view, the larger the sooner it is taken, or none.
        adapter: What to add to some of the backbone's weights, by their names: the steps, and the shifts of channels.

    Notes:
        Per-task sampling on a shared network after Yang et al. 2024 (arXiv 2409.01544); the adapter trains channel
        shifts alone (Zaken et al. 2022, arXiv 2106.10199).
    """

    task: str
    backbone_sha256: str
    logits: Float[Tensor, " view"] | None = None
    adapter: dict[str, Float[Tensor, "..."]] = field(default_factory=dict)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write to a ``.safetensors`` file, the adapter in half precision.

        Raises:
            OutputExistsError: The file exists and `overwrite` is false.
            DataFileError: The file cannot be written.
        """
        tensors = {f"adapter.{name}": value.to(torch.float16) for name, value in self.adapter.items()}
        if self.logits is not None:
            tensors["logits"] = self.logits.float()
        about = json.dumps({"task": self.task, "backbone_sha256": self.backbone_sha256})
        with atomic_path(path, overwrite=overwrite) as partial:
            partial.write_bytes(save(tensors, {"svct": about}))

    @staticmethod
    def load(path: str | os.PathLike[str]) -> "TaskModule":
        """Read a file that `save` wrote.

        Raises:
            DataFileError: The file is missing, damaged or no task module.
        """
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads((file.metadata() or {}).get("svct", "{}"))
                tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
            return TaskModule(
                about["task"],
                about["backbone_sha256"],
                tensors.pop("logits", None),
                {name.removeprefix("adapter."): value for name, value in tensors.items()},
            )
        except (SafetensorError, OSError, ValueError, KeyError) as error:
            text = " ".join(str(error).split())[:160]
            raise DataFileError(f"{path}: expected a task module, cannot be loaded ({text})") from error


def adapted(net: UnrolledNet, module: TaskModule) -> UnrolledNet:
    """Return a copy of a backbone with the corrections of a task; the backbone stays as it is.

    Raises:
        InputError: The module corrects weights that the backbone does not have.
    """
    weights = dict(net.named_parameters())
    for name, value in module.adapter.items():
        if name not in weights or weights[name].shape != value.shape:
            raise InputError(
                f"task module {module.task!r}: expected corrections of this backbone's weights, got one of {name} "
                f"{tuple(value.shape)}; use the backbone {module.backbone_sha256[:12]} that it was learned on"
            )
    changed = copy.deepcopy(net)
    with torch.no_grad():
        for name, parameter in changed.named_parameters():
            if name in module.adapter:
                parameter.add_(module.adapter[name])
    return changed.eval().requires_grad_(False)


def fit_adapter(
    net: UnrolledNet,
    batches: Iterable[tuple[Float[Tensor, "batch y x"], Float[Tensor, "batch view col"], Projector]],
    *,
    learning_rate: float = 3e-4,
    each: Callable[[float], object] | None = None,
) -> dict[str, Float[Tensor, "..."]]:
    """Learn the corrections of a task: those of the steps and of the channels' scales and shifts.

    Args:
        net: The backbone; it stays as it is.
        batches: Images, 1/mm, their log data and the projector, one optimiser step each.
        learning_rate: Of Adam.
        each: Called with the mean ln RMSE of each batch.

    Returns:
        What `TaskModule.adapter` takes.
    """
    tuned = copy.deepcopy(net)
    free = {
        name: parameter.requires_grad_()
        for name, parameter in tuned.named_parameters()
        if name in ("steps", "slopes") or name.endswith("linear.bias")
    }
    optimiser = torch.optim.Adam(free.values(), lr=learning_rate)
    for images, y, A in batches:
        loss = 0.5 * (tuned(y, A) - images).square().mean(dim=(-2, -1)).log().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if each:
            each(float(loss.detach()))
    before = dict(net.named_parameters())
    return {name: (parameter - before[name]).detach() for name, parameter in free.items()}
