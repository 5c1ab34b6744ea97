"""`svct train-backbone`: training of the shared network, and of those it is measured against."""

from pathlib import Path

import click

from svct.cli import options


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Weights to write (.safetensors).")
@click.option(
    "--recipe", "name", default="backbone-3", show_default=True, help="A recipe that comes with svct, or a TOML file."
)
@click.option(
    "--state", type=click.Path(path_type=Path), help="Checkpoint to write and to resume from.  [default: OUT.state]"
)
@click.option("--steps", type=click.IntRange(min=1), help="Optimiser steps.  [default: the recipe's]")
@click.option("--pool", type=click.IntRange(min=4), help="Drawn patients per anatomy.  [default: the recipe's]")
@click.option("--seed", type=int, help="Seed of everything.  [default: the recipe's]")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), help="Where to train.  [default: a GPU if there is one]")
@options.overwrite
def command(
    out: Path,
    name: str,
    state: Path | None,
    steps: int | None,
    pool: int | None,
    seed: int | None,
    device: str | None,
    overwrite: bool,
) -> None:
    """Train the backbone on drawn patients of every anatomy, scanned in every way.

    The defaults are the recipe of the weights that come with svct: about an hour on one core. Stopped half way, the
    same command goes on from the checkpoint.
    """
    from dataclasses import asdict, replace

    import torch

    from svct import __version__
    from svct.bench.recipe import recipe_named
    from svct.bench.scores import score_network
    from svct.bench.training import train
    from svct.cli.progress import progress
    from svct.errors import BackendUnavailable
    from svct.files import require_writable
    from svct.recon.networks import backbone_path, file_sha256, save_network

    recipe = recipe_named(name)
    recipe = replace(
        recipe, steps=steps or recipe.steps, further=0 if steps else recipe.further, pool=pool or recipe.pool
    )
    recipe = recipe if seed is None else replace(recipe, seed=seed)
    require_writable(out, overwrite=overwrite)
    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if where == "cuda" and not torch.cuda.is_available():
        raise BackendUnavailable("--device cuda: expected a GPU that torch can use, found none; use --device cpu")
    checkpoint = state or out.with_suffix(".state")
    try:
        with progress(recipe.steps + recipe.further, what="drawing patients") as bar:
            mean, done = None, 0
            for step, loss, net in train(recipe, checkpoint=checkpoint, device=where):
                mean = loss if mean is None else 0.98 * mean + 0.02 * loss
                bar.update(step - done)
                done, averaged = step, net
                bar.set_description_str(f"ln RMSE {mean:.3f}")
    except KeyboardInterrupt as stop:
        stop.add_note(f"the last checkpoint is {checkpoint}; the same command goes on from there")
        raise
    about: dict[str, object] = {"recipe": asdict(recipe), "svct": __version__}
    if recipe.network == "uncertainty":
        about["backbone_sha256"] = file_sha256(backbone_path())
        save_network(averaged, out, about=about, overwrite=overwrite)
        click.echo(str(out))
        return
    scores = score_network(averaged.to("cpu"))
    save_network(averaged, out, about={**about, "scores": [asdict(s) for s in scores]}, overwrite=overwrite)
    click.echo(
        f"{'task':<10}{'views':>6}{'FBP':>8}{'TV':>8}{'network':>10}   PSNR in dB over test patients, range 2000 HU"
    )
    for s in scores:
        click.echo(f"{s.task:<10}{s.views:>6}{s.fbp_db:>8.2f}{s.tv_db:>8.2f}{s.network_db:>10.2f}")
    click.echo(str(out))
