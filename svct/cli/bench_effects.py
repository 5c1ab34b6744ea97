"""`svct bench effects`: the same slice under each effect of the acquisition."""

from pathlib import Path

import click


@click.command()
@click.option("--page", "page_path", type=click.Path(path_type=Path), help="Page to write (.md).")
@click.option("--plot", type=click.Path(path_type=Path), help="Picture to write (.png).")
@click.option("--overwrite", is_flag=True, help="Replace files that are there already.")
def command(page_path: Path | None, plot: Path | None, overwrite: bool) -> None:
    """Reconstruct a drawn chest under each effect alone: noise, blur, lag, rings, scatter, motion and more."""
    import os

    from svct.bench.effects import EFFECTS, draw_effects, page, show_effects
    from svct.cli.progress import progress
    from svct.files import atomic_path, require_writable

    if page_path and not plot:
        raise click.UsageError("--page shows a picture: say where to write it with --plot")
    for path in (page_path, plot):
        if path:
            require_writable(path, overwrite=overwrite)

    with progress(len(EFFECTS), what="effects") as bar:

        def each(name: str) -> None:
            bar.set_description_str(name)
            bar.update()

        found = show_effects(each)
    if plot:
        draw_effects(found, plot, overwrite=overwrite)
    if page_path and plot:
        picture = Path(os.path.relpath(plot, page_path.parent)).as_posix()
        with atomic_path(page_path, overwrite=overwrite) as partial:
            partial.write_text(page(found, picture), encoding="utf-8")
    for shown in found:
        click.echo(f"{shown.effect.name:40} {shown.spread:7.1f} HU rms {shown.shift:+8.1f} HU mean")
