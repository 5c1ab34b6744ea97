"""Tables of `svct bench recon`: for the terminal, for Markdown, and as plain JSON."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from svct.bench.recon import POLISHED, REFERENCE, Row, change_from_equidistant, gain_over
from svct.sampling.gain import Gain

CONDITION = ("case", "views", "photons", "pattern")


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows as plain JSON, each with its means and its paired differences.

    Args:
        rows: Of `svct.bench.recon.bench_reconstructions`.
    """
    out = []
    for row in rows:
        gain, change = gain_over(rows, row), change_from_equidistant(rows, row)
        scores = asdict(row.scores)
        means = {f"mean_{key}": _mean(scores[key]) for key, value in scores.items() if isinstance(value, tuple)}
        condition = {key: value for key, value in asdict(row).items() if key != "scores"}
        out.append(
            {
                **condition,
                **scores,
                **means,
                f"gain_of_{REFERENCE}": None if gain is None else asdict(gain),
                "change_from_equidistant": None if change is None else asdict(change),
            }
        )
    return out


def as_text(rows: Sequence[Row]) -> list[str]:
    """Return the lines of a table of at most 120 columns, and of a second one where patterns can be compared.

    Args:
        rows: Of `svct.bench.recon.bench_reconstructions`.
    """
    lines = [
        f"{'case':<11}{'views':>5}{'photons':>9}  {'pattern':<12}{'method':<10}{'setting':<9}{'PSNR dB':>8}"
        f"{'SSIM':>7}{'s/image':>8}{'false':>6}{'kept':>6}  gain of {REFERENCE}, dB"
    ]
    for row in rows:
        scores, gain = row.scores, gain_over(rows, row)
        false, kept = _mean(scores.false_structures), _mean(scores.kept_contrast)
        lines.append(
            f"{_start(row)}{row.method[:9]:<10}{scores.setting:<9}{_mean(scores.psnr_db):>8.2f}"
            f"{_mean(scores.ssim):>7.3f}{scores.seconds:>8.3f}{'' if false is None else f'{false:.1f}':>6}"
            f"{'' if kept is None else f'{100 * kept:.0f} %':>6}  {_interval(gain)}".rstrip()
        )
    changes = [(row, change) for row in rows if (change := change_from_equidistant(rows, row))]
    if changes:
        lines += ["", f"{'case':<11}{'views':>5}{'photons':>9}  {'pattern':<12}{'method':<10}PSNR less equidistant, dB"]
        lines += [f"{_start(row)}{row.method[:9]:<10}{_interval(change)}" for row, change in changes]
    return lines


def as_markdown(rows: Sequence[Row]) -> str:
    """Return Markdown tables: one line per case, views, flux and pattern, one column per method.

    Args:
        rows: Of `svct.bench.recon.bench_reconstructions`.
    """

    def false_and_kept(row: Row) -> str:
        false, kept = _mean(row.scores.false_structures), _mean(row.scores.kept_contrast)
        return "" if false is None or kept is None else f"{false:.2f}, {100 * kept:.0f} %"

    lungs = max((len(row.scores.false_structures) for row in rows), default=0)
    tables: dict[str, Callable[[Row], str]] = {
        "PSNR, dB": lambda row: f"{_mean(row.scores.psnr_db):.2f}",
        f"Gain of {REFERENCE} in PSNR, dB, with 95 % interval": lambda row: _interval(gain_over(rows, row)),
        f"Gain of {POLISHED} in PSNR, dB, with 95 % interval": lambda row: _interval(gain_over(rows, row, POLISHED)),
        "PSNR less that of equidistant views of upright subjects, dB, with 95 % interval": lambda row: _interval(
            change_from_equidistant(rows, row)
        ),
        "SSIM": lambda row: f"{_mean(row.scores.ssim):.3f}",
        f"False structures per lesion-free lung, kept contrast of an inserted nodule; {lungs} lungs": false_and_kept,
        "Seconds per image": lambda row: f"{row.scores.seconds:.3f}",
    }
    parts = (_pivot(title, rows, cell) for title, cell in tables.items())
    return "\n".join(part for part in parts if part)


def _pivot(title: str, rows: Sequence[Row], cell: Callable[[Row], str]) -> str:
    found = {(_condition(row), row.method): text for row in rows if (text := cell(row))}
    if not found:
        return ""
    conditions = dict.fromkeys(condition for condition, _ in found)
    methods = [m for m in dict.fromkeys(row.method for row in rows) if any(m == method for _, method in found)]
    lines = [f"**{title}**", "", f"| {' | '.join((*CONDITION, *methods))} |", "|" + "---|" * (4 + len(methods))]
    for condition in conditions:
        cells = (*condition, *(found.get((condition, method), "") for method in methods))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _condition(row: Row) -> tuple[str, ...]:
    return row.case, str(row.views), _flux(row.photons), row.pattern


def _start(row: Row) -> str:
    return f"{row.case[:10]:<11}{row.views:>5}{_flux(row.photons):>9}  {row.pattern:<12}"


def _flux(photons: float) -> str:
    mantissa, exponent = f"{photons:.2e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def _interval(gain: Gain | None) -> str:
    return "" if gain is None else gain.told


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None
