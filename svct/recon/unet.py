"""The small convolutional network of one unroll."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class SmallUNet(nn.Module):
    """A U-Net of three resolutions whose skips add, for images of any size.

    Args:
        inputs: Channels in.
        outputs: Channels out; the last convolution starts at zero, so that the network starts as nothing.
        width: Channels at full resolution; twice and four times as many below.
    """

    def __init__(self, inputs: int, outputs: int, *, width: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(inputs, width, 3, padding=1)
        self.fine = nn.Conv2d(width, width, 3, padding=1)
        self.down1 = nn.Conv2d(width, 2 * width, 2, stride=2)
        self.middle = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.down2 = nn.Conv2d(2 * width, 4 * width, 2, stride=2)
        self.coarse1 = nn.Conv2d(4 * width, 4 * width, 3, padding=1)
        self.coarse2 = nn.Conv2d(4 * width, 4 * width, 3, padding=1)
        self.up2 = nn.Conv2d(4 * width, 2 * width, 1)
        self.middle_back = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.up1 = nn.Conv2d(2 * width, width, 1)
        self.fine_back = nn.Conv2d(width, width, 3, padding=1)
        self.leave = nn.Conv2d(width, outputs, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        assert self.leave.bias is not None
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: Float[Tensor, "batch inputs y x"]) -> Float[Tensor, "batch outputs y x"]:
        """Map ``(batch, inputs, ny, nx)`` to ``(batch, outputs, ny, nx)``."""
        ny, nx = x.shape[-2:]
        x = functional.pad(x, (0, -nx % 4, 0, -ny % 4), mode="replicate")
        act = functional.leaky_relu
        fine = act(self.fine(act(self.enter(x), 0.1)), 0.1)
        middle = act(self.middle(act(self.down1(fine), 0.1)), 0.1)
        coarse = act(self.coarse1(act(self.down2(middle), 0.1)), 0.1)
        coarse = act(self.coarse2(coarse), 0.1) + coarse
        middle = middle + functional.interpolate(self.up2(coarse), scale_factor=2.0, mode="nearest")
        middle = act(self.middle_back(middle), 0.1)
        fine = fine + functional.interpolate(self.up1(middle), scale_factor=2.0, mode="nearest")
        out: Tensor = self.leave(act(self.fine_back(fine), 0.1))
        return out[..., :ny, :nx]
