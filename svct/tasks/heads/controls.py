"""Images that a head must not be able to read: what it scores on them is its floor."""

import torch
from jaxtyping import Float
from torch import Tensor


def shuffled(images: Float[Tensor, "n *channel y x"], *, seed: int = 0) -> Float[Tensor, "n *channel y x"]:
    """Return the images in another order, none where it was: each case is read from another's image.

    Args:
        images: Images or features; two or more.
        seed: Of the order.

    Example:
        >>> bool((shuffled(torch.arange(5.0)[:, None, None]) == torch.arange(5.0)[:, None, None]).any())
        False
    """
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    shifted = torch.empty_like(order)
    shifted[order] = order.roll(1)
    return images[shifted]


def blank(images: Float[Tensor, "n *channel y x"]) -> Float[Tensor, "n *channel y x"]:
    """Return images of the same kind in which nothing is seen: their mean over cases, the same for each."""
    return images.mean(dim=0, keepdim=True).expand_as(images).clone()
