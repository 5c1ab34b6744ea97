"""A picture of the first patients of a task."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from svct.tasks.task import Task

PATIENTS = 4


def draw_patients(path: Path, task: "Task", *, overwrite: bool) -> None:
    """Draw the first four patients side by side, in a window from air to what all but 2 % of their pixels are below.

    Args:
        path: A PNG file.
        task: The task.
        overwrite: Replace a file that is there.
    """
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from svct.files import atomic_path
    from svct.units import mu_to_hu

    images = mu_to_hu(task.cohort.images(range(min(PATIENTS, task.cohort.size))).numpy())
    inside = images[images > -900]
    top = max(400.0, float(np.percentile(inside, 98))) if inside.size else 400.0
    figure = Figure(figsize=(3 * len(images), 3.3), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(images), squeeze=False)[0]
    for index, (axes, image) in enumerate(zip(panels, images, strict=True)):
        axes.imshow(image, cmap="gray", vmin=-1000, vmax=top)
        axes.set_title(f"patient {index}", fontsize=8)
        axes.set_axis_off()
    figure.suptitle(f"{task.title}, -1000 to {top:.0f} HU", fontsize=9)
    with atomic_path(path, overwrite=overwrite) as partial:
        figure.savefig(partial, format="png")
