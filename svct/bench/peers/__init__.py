"""The packages whose projectors are measured beside svct's, one file each, imported where one is measured."""

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from svct.bench.peers.base import Tool
from svct.errors import unknown_name

NATIVE = "svct"


@dataclass(frozen=True)
class Peer:
    """Where a package's adapter is.

    Args:
        target: Module below this one, and class.
        package: Distribution that must be installed.
        slow: Whether it is left out unless it is named.
    """

    target: str
    package: str
    slow: bool = False

    @property
    def version(self) -> str | None:
        """The installed version, or nothing."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return None

    def load(self) -> type[Tool]:
        """Import the adapter, and with it the package."""
        module, name = self.target.split(":")
        tool: type[Tool] = getattr(import_module(f"svct.bench.peers.{module}"), name)
        return tool


PEERS = {
    NATIVE: Peer("native:Native", "svct"),
    "astra-linear": Peer("astra:AstraLinear", "astra-toolbox"),
    "astra-line": Peer("astra:AstraLine", "astra-toolbox"),
    "astra-matrix": Peer("astra_matrix:AstraMatrix", "astra-toolbox", slow=True),
    "rtk": Peer("rtk:Rtk", "itk-rtk"),
    "mbirjax": Peer("mbirjax:Mbirjax", "mbirjax"),
    "svmbir": Peer("svmbir:Svmbir", "svmbir", slow=True),
    "deepinv": Peer("deepinv:Deepinv", "deepinv"),
    "scikit-image": Peer("scikit_image:ScikitImage", "scikit-image", slow=True),
}


def choose_peers(names: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
    """Return the peers to measure, and those left out with the reason.

    Args:
        names: Names of `PEERS`, or ``"all"``. Default where empty: all that are installed and quick to set up.

    Raises:
        UnknownNameError: No such peer; the message lists those that exist.
    """
    known = [name for name in PEERS if name != NATIVE]
    for name in names:
        if name not in (*known, "all"):
            raise unknown_name("peer", name, [*known, "all"])
    wanted = known if "all" in names else [name for name in known if name in names]
    left_out: dict[str, str] = {}
    if not names:
        wanted = [name for name in known if not PEERS[name].slow]
        left_out = {name: "slow; name it to measure it" for name in known if PEERS[name].slow}
    missing = {name: "not installed" for name in known if name in (*wanted, *left_out) and not PEERS[name].version}
    return [name for name in wanted if name not in missing], {**left_out, **missing}
