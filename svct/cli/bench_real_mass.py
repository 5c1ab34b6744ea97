"""`svct bench real-mass`: from how many views on the mass of a real chest CT is found by who saw drawn lungs alone."""

import json
from pathlib import Path

import click

from svct.cli import options


@click.command()
@click.option("--views", type=click.IntRange(2, 360), multiple=True, help="Equidistant views.  [default: 8 to 360]")
@click.option("--method", "methods", type=click.Choice(["fbp", "unrolled"]), multiple=True, help="[default: both]")
@click.option(
    "--fit-on", "fits", type=click.Choice(["full", "same"]), multiple=True,
    help="Views of the drawn lungs that the classifier is fitted on.  [default: full]",
)  # fmt: skip
@click.option("--train", type=click.IntRange(8), default=60, show_default=True, help="Drawn cases to fit to.")
@click.option("--pixels", type=click.IntRange(48, 512), default=96, show_default=True, help="Along an edge.")
@options.seed
@click.option("--out", type=click.Path(path_type=Path), help="JSON to write.")
@options.as_json
def command(
    views: tuple[int, ...],
    methods: tuple[str, ...],
    fits: tuple[str, ...],
    train: int,
    pixels: int,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Look for the mass of `svct data fetch chest-ct` with a classifier fitted to drawn lungs.

    Patches of 40 mm slide over the lungs of five slices with the mass and of twenty without, all scanned anew. A slice
    counts as found where its patch on the mass scores above all but 1 % (5 %) of the patches without one. One patient
    is a case study.
    """
    from dataclasses import asdict

    from svct.bench.real_mass import as_markdown, find_mass
    from svct.cli.progress import progress
    from svct.data.catalogue import locate
    from svct.data.open import read_volume
    from svct.files import atomic_path, require_writable
    from svct.recon.networks import load_backbone

    if out is not None:
        require_writable(out, overwrite=False)
    volume = read_volume(locate("chest-ct"))
    views = views or (8, 12, 16, 24, 36, 48, 96, 180, 360)
    methods = methods or ("fbp", "unrolled")
    with progress(len(methods) * len({360, *views}) + 1, what="starting") as bar:

        def each(what: str) -> None:
            bar.set_description_str(what)
            bar.update(1)

        rows = list(
            find_mass(
                volume, load_backbone(), views=views, methods=methods, fits=fits or ("full",), pixels=pixels,
                train=train, seed=seed, each=each,
            )
        )  # fmt: skip
    text = json.dumps({"train": train, "pixels": pixels, "seed": seed, "rows": [asdict(row) for row in rows]}, indent=2)
    if out is not None:
        with atomic_path(out) as partial:
            partial.write_text(text + "\n", encoding="utf-8")
    click.echo(text if as_json else as_markdown(rows))
