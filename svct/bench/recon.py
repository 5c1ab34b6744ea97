"""All reconstructions under one protocol: the same subjects, views and noise, each method at its best."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

from torch import nn

from svct.bench.compare import paired_gain
from svct.bench.recon_methods import CLASSIC, FIRST_GUESS, STRENGTHS, cost, tune_tv
from svct.bench.recon_patterns import Pattern
from svct.bench.recon_subjects import Group, Scanned
from svct.bench.recon_trial import Scores, Trial
from svct.errors import InputError, unknown_name
from svct.geometry.projector import Projector
from svct.recon.reconstructor import find_reconstructor, reconstructor_names
from svct.sampling.fixed import ViewSet
from svct.sampling.gain import Gain

REFERENCE = "unrolled"
"""The method whose gain over all others is given."""

POLISHED = "polished"
"""The method whose gain over all others Markdown tables give too, where it is compared."""

TRIES = 5
"""About how many strengths the tuning of TV tries."""


@dataclass(frozen=True)
class Protocol:
    """What is compared.

    Args:
        views: Numbers of views.
        photons: Photons per ray.
        patterns: How views are taken.
        methods: Names: ``fbp``, ``tv``, those of networks, and of methods registered in ``svct.reconstructors``.
        iterations: Of TV.
        seed: Seed of noise, random views and inserted nodules.
    """

    views: tuple[int, ...] = (16, 24, 48, 360)
    photons: tuple[float, ...] = (2e4, 2e5)
    patterns: tuple[Pattern, ...] = (Pattern("equidistant"),)
    methods: tuple[str, ...] = (*CLASSIC, REFERENCE)
    iterations: int = 300
    seed: int = 0


@dataclass(frozen=True)
class Row:
    """One method on one case, number of views, flux and pattern.

    Args:
        case: Name of the case.
        unit: What one subject is.
        views: Number of views.
        photons: Photons per ray.
        pattern: Name of the pattern.
        method: Name of the method.
        scores: How it did.
    """

    case: str
    unit: str
    views: int
    photons: float
    pattern: str
    method: str
    scores: Scores

    def of(self, rows: Iterable["Row"], *, pattern: str | None = None, method: str | None = None) -> "Row | None":
        """Return the row that differs from this one in its pattern or method alone, or None."""
        wanted = replace(self, pattern=pattern or self.pattern, method=method or self.method)
        return next((row for row in rows if replace(row, scores=self.scores) == wanted), None)


def bench_reconstructions(
    cases: Sequence[Scanned],
    protocol: Protocol,
    networks: Mapping[str, nn.Module],
    *,
    tick: Callable[[float], object] = lambda seconds: None,
    say: Callable[[str], object] = lambda what: None,
) -> Iterator[list[Row]]:
    """Reconstruct all subjects with all methods.

    Args:
        cases: The subjects.
        protocol: What is compared.
        networks: Trained networks by name, called ``(y, A)``.
        tick: Called with the expected seconds of what is done, see `work`.
        say: Called with what is being done.

    Returns:
        An iterator over the rows of one case, pattern, number of views and flux after another.

    Raises:
        UnknownNameError: A method that is neither a network nor registered.
        InputError: A pattern that has not so many views, or a scan of volumes.
    """
    known = {*CLASSIC, *networks, *reconstructor_names()}
    for method in protocol.methods:
        if method not in known:
            raise unknown_name("method", method, sorted(known))
        if method not in (*CLASSIC, *networks) and not find_reconstructor(method).gives_image:
            raise InputError(f"method {method!r}: expected one that gives images, got one of error bars; leave it out")
    for case in cases:
        if case.task.scan.ndim != 2:
            raise InputError(f"case {case.name!r}: expected a scan of images, got one of volumes; take another case")
        for pattern, count in product(protocol.patterns, protocol.views):
            pattern.views(case.task.scan, count, seed=protocol.seed)
    return (rows for case in cases for rows in _measure(case, protocol, networks, tick, say))


def work(cases: Sequence[Scanned], protocol: Protocol, *, patients: int) -> float:
    """Return about how many seconds the comparison takes on one core."""
    total = 0.0
    for case, count, method in product(cases, protocol.views, protocol.methods):
        A = Projector(case.task.scan, case.task.grid)[list(range(count))]
        images = patients + (TRIES * len(case.tuning) if method == "tv" else 0)
        total += images * cost(method, A, iterations=protocol.iterations)
    return total * len(protocol.photons) * len(protocol.patterns)


def gain_over(rows: Iterable[Row], row: Row, reference: str = REFERENCE) -> Gain | None:
    """Return the paired gain in PSNR of a reference over the method of a row, or None without its counterpart."""
    ours = None if row.method == reference else row.of(rows, method=reference)
    return None if ours is None else _paired(ours, row, row.method)


def change_from_equidistant(rows: Iterable[Row], row: Row) -> Gain | None:
    """Return the paired change in PSNR from equidistant views to the pattern of a row, or None without those."""
    theirs = None if row.pattern == "equidistant" else row.of(rows, pattern="equidistant")
    return None if theirs is None else _paired(row, theirs, "equidistant views")


def _paired(ours: Row, theirs: Row, baseline: str) -> Gain:
    return paired_gain(ours.scores.psnr_db, theirs.scores.psnr_db, baseline=baseline)


def _measure(
    case: Scanned,
    protocol: Protocol,
    networks: Mapping[str, nn.Module],
    tick: Callable[[float], object],
    say: Callable[[str], object],
) -> Iterator[list[Row]]:
    iterations = protocol.iterations
    # A turned patient gets the strength of the upright ones.
    strengths: dict[tuple[float, ViewSet], int] = {}
    place = FIRST_GUESS
    groups: dict[float, Group] = {}
    for pattern, count in product(protocol.patterns, protocol.views):
        if pattern.turn_deg not in groups:
            say(f"{case.name}: {case.unit}s")
            groups[pattern.turn_deg] = case.test(pattern.turn_deg)
        views = pattern.views(case.task.scan, count, seed=protocol.seed)
        A = Projector(case.task.scan, case.task.grid)[list(views)]
        for photons in protocol.photons:
            physics = replace(case.task.acquisition, photons=photons)
            trial = Trial(groups[pattern.turn_deg], A, physics, seed=protocol.seed)
            rows = []
            for method in protocol.methods:
                say(f"{case.name} {count} {pattern.name} {method}")
                share = cost(method, A, iterations=iterations)
                if method == "tv" and (photons, views) not in strengths:
                    y = physics.measure(A(case.tuning), seed=1_000_003 * protocol.seed + 2)
                    tried = partial(tick, len(y) * share)
                    place = tune_tv(y, A, case.tuning, iterations=iterations, start=place, each=tried)
                    strengths[photons, views] = place
                strength = STRENGTHS[strengths.get((photons, views), place)]
                scores = trial.scores(method, networks.get(method), strength=strength, iterations=iterations)
                rows.append(Row(case.name, case.unit, count, photons, pattern.name, method, scores))
                tick(len(trial.images) * share)
            yield rows
