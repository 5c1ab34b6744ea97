"""Recipes of trained networks, as files."""

import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from torch import nn

from svct.errors import InputError, unknown_name
from svct.recon.networks import NETWORKS, load_network


@dataclass(frozen=True)
class Recipe:
    """Everything that the weights depend on beside the code.

    Args:
        network: One of `svct.recon.networks.NETWORKS`.
        settings: Keywords of the network.
        steps: Optimiser steps, over which the rate falls along a cosine.
        further: Steps of a second such fall, from half the peak (Loshchilov and Hutter 2017, arXiv 1608.03983).
        batch: Images per step, which share one view set.
        pool: Patients drawn per anatomy, from the cohorts' training splits.
        volumes: Real CT whose axial slices join them: names that `svct data fetch` knows, or files and folders.
        size: Rows and columns of the images; one step in six takes one image of twice the size.
        learning_rate: Peak of the first fall.
        seed: Seed of everything.
        start: Weights to begin with instead of chance: the name of a file that comes with svct, or a path.
        patterns: Share of each of `svct.bench.view_sets.PATTERNS`, which add up to 1.
        widest_gap: Largest gap of a missing wedge over the whole circle.
        off_centre: Share of patients who lie so far off the axis that the image's edge cuts them.
    """

    network: str = "unrolled"
    settings: dict[str, Any] = field(default_factory=dict)
    steps: int = 5000
    further: int = 0
    batch: int = 4
    pool: int = 240
    volumes: list[str] = field(default_factory=list)
    size: int = 128
    learning_rate: float = 1.5e-3
    seed: int = 0
    start: str = ""
    patterns: list[float] = field(default_factory=lambda: [0.4, 0.2, 0.1, 0.2, 0.1])
    widest_gap: float = 1 / 3
    off_centre: float = 0.0


def recipe_named(name: str | Path) -> Recipe:
    """Read a recipe: the name of one that comes with svct, or a TOML file.

    Raises:
        InputError: No such recipe, or one with entries that a recipe does not have.
    """
    shipped = {Path(str(f)).stem: Path(str(f)) for f in (files("svct.bench") / "recipes").iterdir()}
    path = shipped.get(str(name), Path(name))
    if not path.is_file():
        raise unknown_name("recipe", str(name), sorted(shipped))
    try:
        return Recipe(**tomllib.loads(path.read_text()))
    except (tomllib.TOMLDecodeError, TypeError) as error:
        raise InputError(f"{path}: expected the entries of a recipe in TOML ({error})") from error


def build(recipe: Recipe) -> nn.Module:
    """Return the network of a recipe before its first step.

    Raises:
        UnknownNameError: No such network.
        DataFileError: The weights to start from are missing or damaged.
        InputError: They are of another network.
    """
    if recipe.network not in NETWORKS:
        raise unknown_name("network", recipe.network, list(NETWORKS))
    net = NETWORKS[recipe.network](**recipe.settings)
    if recipe.start:
        shipped = Path(str(files("svct.recon") / "weights" / f"{recipe.start}.safetensors"))
        try:
            net.load_state_dict(load_network(shipped if shipped.is_file() else recipe.start).state_dict())
        except RuntimeError as error:
            raise InputError(f"start: expected weights of the recipe's network, got others ({error})") from error
    return net
