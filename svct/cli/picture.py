"""A picture of one reconstructed image."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def draw(path: Path, x: NDArray[np.float32], *, title: str, mu_water: float, overwrite: bool) -> None:
    """Draw an image in a window of -1000 to 400 HU.

    Args:
        path: A PNG file.
        x: Attenuation, ``(y, x)``, 1/mm.
        title: Written above it.
        mu_water: Attenuation of water, 1/mm.
        overwrite: Replace a file that is there.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from svct.files import atomic_path
    from svct.units import mu_to_hu

    figure = Figure(figsize=(5, 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(mu_to_hu(x, mu_water=mu_water), cmap="gray", vmin=-1000, vmax=400)
    axes.set_title(f"{title}, -1000 to 400 HU", fontsize=10)
    axes.set_axis_off()
    with atomic_path(path, overwrite=overwrite) as partial:
        figure.savefig(partial, format="png")
