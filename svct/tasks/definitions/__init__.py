"""The tasks that come with svct, one TOML file each; registered as entry points."""

from importlib.resources import files

_FOLDER = files(__name__)

ABDOMEN = _FOLDER / "abdomen.toml"
CHEST = _FOLDER / "chest.toml"
HEAD = _FOLDER / "head.toml"
HIPS = _FOLDER / "hips.toml"
PART = _FOLDER / "part.toml"
SHOULDER = _FOLDER / "shoulder.toml"
WATER = _FOLDER / "water.toml"
