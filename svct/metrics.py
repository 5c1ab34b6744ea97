"""Image quality against a known truth, with a stated range."""

from typing import Any

import numpy as np
from jaxtyping import Float64

from svct.errors import InputError
from svct.units import MU_WATER

RANGE = 2 * MU_WATER
"""Default range of PSNR and SSIM in 1/mm: that of a window of 2000 HU, from air at -1000 to 1000 HU."""


def psnr(x: Any, truth: Any, *, data_range: float = RANGE) -> float:
    """Return the peak signal-to-noise ratio with a fixed range.

    Args:
        x: Image ``(..., ny, nx)``, 1/mm; torch, NumPy or CuPy.
        truth: What it should be, the same shape.
        data_range: The peak, 1/mm. Default: 0.0386/mm, which is 2000 HU.

    Returns:
        ``10 log10(data_range^2 / mean((x - truth)^2))``, dB, over all pixels of all images; infinite where equal.

    Raises:
        InputError: The shapes differ, or a value is not finite.

    Example:
        >>> round(psnr(np.full((4, 4), 0.00386), np.zeros((4, 4))), 6)
        20.0
    """
    from skimage.metrics import peak_signal_noise_ratio

    image, reference = _pair(x, truth)
    if np.array_equal(image, reference):
        return float("inf")
    value = peak_signal_noise_ratio(reference, image, data_range=data_range)  # type: ignore[no-untyped-call]
    return float(value)


def ssim(x: Any, truth: Any, *, data_range: float = RANGE) -> float:
    """Return the structural similarity with a fixed range, the mean over images.

    Args:
        x: Image ``(..., ny, nx)``, 1/mm; at least 11 x 11.
        truth: What it should be, the same shape.
        data_range: Range, 1/mm. Default: 0.0386/mm, which is 2000 HU.

    Raises:
        InputError: The shapes differ, a value is not finite, or the images are smaller than the window.

    Example:
        >>> round(ssim(np.eye(16) * 0.02, np.eye(16) * 0.02), 6)
        1.0

    Notes:
        Wang et al. 2004, IEEE Trans. Image Process. 13:600, with its Gaussian window of 1.5 pixels.
    """
    from skimage.metrics import structural_similarity

    image, reference = _pair(x, truth)
    if min(image.shape[-2:]) < 11:
        raise InputError(f"ssim: expected images of at least 11 x 11, got {image.shape[-2]} x {image.shape[-1]}")
    pairs = zip(image.reshape(-1, *image.shape[-2:]), reference.reshape(-1, *image.shape[-2:]), strict=True)
    values = [
        structural_similarity(  # type: ignore[no-untyped-call]
            r, i, data_range=data_range, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for i, r in pairs
    ]
    return float(np.mean(values))


def _pair(x: Any, truth: Any) -> tuple[Float64[np.ndarray, "*batch y x"], Float64[np.ndarray, "*batch y x"]]:
    image, reference = (_as_numpy(a) for a in (x, truth))
    if image.shape != reference.shape or image.ndim < 2:
        raise InputError(f"expected two images of the same shape, got {image.shape} and {reference.shape}")
    for name, array in (("x", image), ("truth", reference)):
        if not np.isfinite(array).all():
            raise InputError(f"{name}: expected finite values, got NaN or infinity")
    return image, reference


def _as_numpy(array: Any) -> Float64[np.ndarray, "..."]:
    if hasattr(array, "detach"):
        array = array.detach().cpu()
    elif hasattr(array, "get"):  # CuPy
        array = array.get()
    return np.asarray(array, dtype=np.float64)
