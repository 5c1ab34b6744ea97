"""The same slice under each effect of the acquisition, switched on alone."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

import torch
from torch import Tensor

from svct.files import atomic_path
from svct.geometry import FanBeam, Grid, Projector
from svct.physics.converter import Converter
from svct.physics.counting import PhotonCounting
from svct.physics.integrating import EnergyIntegrating
from svct.physics.lag import Lag
from svct.physics.logarithm import log_data
from svct.physics.motion import Breathing, Heartbeat, Motion, Sway
from svct.physics.moving import project_moving, view_times
from svct.physics.pixels import gain_drift, repair
from svct.physics.poly import attenuate, basis_attenuation
from svct.physics.scatter import ForwardScatter
from svct.physics.spectrum import tube_spectrum
from svct.recon import fbp
from svct.tasks.cohort import Cohort
from svct.units import MU_WATER, mu_to_hu

VIEWS, BINS, BIN_MM = 720, 560, 1.5
PHOTONS = 2e5
"""Per ray without an object; 600 of them arrive behind the thickest part."""
GRID = Grid((256, 256), 1.6)
TURN_S = 1.0
BONE_FROM = 1.15 * MU_WATER
"""Attenuation beyond which the tube's spectrum meets bone, 1/mm."""


class Slice:
    """A drawn chest, its scan and its noise-free line integrals."""

    def __init__(self) -> None:
        angles = [2 * math.pi * view / VIEWS for view in range(VIEWS)]
        scan = FanBeam(angles, bins=BINS, bin_mm=BIN_MM, source_mm=570, detector_mm=470, curved=True)
        patient = Cohort("chest", GRID, size=10).patient(3)
        self.half_depth_mm = patient.truth.half_axes_mm[1]
        self.image = patient.image
        self.A = Projector(scan, GRID)
        self.lines: Tensor = self.A(self.image)

    def read(self, detector: EnergyIntegrating) -> Tensor:
        """Return log data of a detector at 70 keV."""
        energies, air = torch.tensor([70.0]), torch.full((1, VIEWS, BINS), PHOTONS)
        reading = detector.signal(air * torch.exp(-self.lines), energies, torch.Generator().manual_seed(0))
        return log_data(reading, detector.mean(air, energies))

    def count(self, counter: PhotonCounting, *, photons: float) -> Tensor:
        """Return log data of the expected counts at 70 keV."""
        air = torch.full((1, VIEWS, BINS), photons)
        energies = torch.tensor([70.0])
        return log_data(counter.mean(air * torch.exp(-self.lines), energies)[0], counter.mean(air, energies)[0])

    def scatter(self) -> Tensor:
        """Return log data with scattered photons."""
        air = torch.full((1, VIEWS, BINS), PHOTONS)
        photons = air * torch.exp(-self.lines)
        scattered = ForwardScatter(bin_mm=BIN_MM).scattered(photons, air, torch.tensor([70.0]))
        return log_data((photons + scattered)[0], air[0])

    def harden(self, counter: PhotonCounting | None = None) -> Tensor:
        """Return log data of a tube at 120 kVp, by the energy or by a counter of one window, scaled to 70 keV."""
        spectrum = tube_spectrum(120.0).filtered("aluminium", 5.0).rebinned(24)
        energies = torch.tensor(spectrum.energies_kev, dtype=torch.float32)
        mu = basis_attenuation(["water", "bone"], torch.cat([energies, torch.tensor([70.0])]))
        bone = (self.image - BONE_FROM).clamp(min=0)
        lines = self.A(torch.stack([(self.image - bone), bone])) / mu[-1, :, None, None].float()
        shares = torch.tensor(spectrum.photons, dtype=torch.float32)
        air = (PHOTONS * shares / shares.sum())[:, None, None].expand(-1, VIEWS, BINS)
        behind = attenuate(lines, mu[:-1], air)
        if counter:
            y = log_data(counter.mean(behind, energies)[0], counter.mean(air, energies)[0])
        else:
            detector = EnergyIntegrating()
            y = log_data(detector.mean(behind, energies), detector.mean(air, energies))
        thin = shares * (counter.response(energies)[0] if counter else energies)
        return y * float(mu[-1, 0] / (thin * mu[:-1, 0] / thin.sum()).sum())

    def move(self, motion: Motion, *, in_turn: bool = True) -> Tensor:
        """Return line integrals of a patient who moves during one turn, or during views in another order."""
        step = 1 if in_turn else 271  # prime to the number of views: every 135 degrees
        order = [view * step % VIEWS for view in range(VIEWS)]
        times = view_times(order, interval_s=TURN_S / VIEWS)
        return project_moving(self.A, self.image, [motion], times_s=times)


@dataclass(frozen=True)
class Effect:
    """An effect, the line that switches it on, and the log data it gives.

    Args:
        name: In a few words.
        line: What a user writes.
        scan: From the slice to log data.
    """

    name: str
    line: str
    scan: Callable[[Slice], Tensor]


_calm = partial(EnergyIntegrating, quantum_noise=False)


EFFECTS = (
    Effect("quantum noise", "EnergyIntegrating()", lambda s: s.read(EnergyIntegrating())),
    Effect("electronic noise", "electronic_noise=60_000",
           lambda s: s.read(_calm(electrons_per_kev=17.0, electronic_noise=60_000.0))),
    Effect("optical blur", "blur_bins=1.0", lambda s: s.read(_calm(blur_bins=1.0))),
    Effect("crosstalk", "crosstalk=0.05", lambda s: s.read(_calm(crosstalk=0.05))),
    Effect("lag", "lag=Lag(rates=(0.7, 0.1), amounts=(0.03, 0.005))",
           lambda s: s.read(_calm(lag=Lag(rates=(0.7, 0.1), amounts=(0.03, 0.005))))),
    Effect("rings", "gain=gain_drift((560,), spread=0.01, seed=0)",
           lambda s: s.read(_calm(gain=gain_drift((BINS,), spread=0.01, seed=0)))),
    Effect("dead bins", "dead=(230, 330)", lambda s: s.read(_calm(dead=(230, 330)))),
    Effect("dead bins, repaired", "repair(y, (230, 330))",
           lambda s: repair(s.read(_calm(dead=(230, 330))), (230, 330))),
    Effect("saturation", "converter=Converter(full=0.3 * air)",
           lambda s: s.read(_calm(converter=Converter(full=0.3 * 70 * PHOTONS)))),
    Effect("quantisation", "converter=Converter(full=air, bits=12)",
           lambda s: s.read(_calm(converter=Converter(full=70 * PHOTONS, bits=12)))),
    Effect("pile-up", "PhotonCounting((25,), dead_time_ns=20, exposure_ms=1.4)",
           lambda s: s.count(PhotonCounting((25.0,), dead_time_ns=20.0, exposure_ms=1.4), photons=3e4)),
    Effect("beam hardening", "tube_spectrum(120)", lambda s: s.harden()),
    Effect("the same, counted, with charge sharing", "PhotonCounting((30,), cloud_mm=0.03, pixel_mm=0.25)",
           lambda s: s.harden(PhotonCounting((30.0,), cloud_mm=0.03, pixel_mm=0.25))),
    Effect("scatter", "ForwardScatter(bin_mm=1.5)", lambda s: s.scatter()),
    Effect("rigid motion", "Sway(shift_mm=(4, 0), period_s=2)", lambda s: s.move(Sway((4.0, 0.0), period_s=2.0))),
    Effect("breathing", "Breathing(12, front_mm=half_depth, back_mm=-half_depth)",
           lambda s: s.move(Breathing(12.0, s.half_depth_mm, -s.half_depth_mm))),
    Effect("breathing, views every 135 degrees", "view_times(order, interval_s=1 / 720)",
           lambda s: s.move(Breathing(12.0, s.half_depth_mm, -s.half_depth_mm), in_turn=False)),
    Effect("heartbeat", "Heartbeat((20, 20), radius_mm=35)", lambda s: s.move(Heartbeat((20.0, 20.0), 35.0))),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Shown:
    """One effect's image beside that without any.

    Args:
        effect: Which.
        hu: Its image, HU.
        change: Its image less that without any effect, HU.
        spread: Root mean square of the change within the body, HU.
        shift: Mean of the change within the body, HU.
    """

    effect: Effect
    hu: Tensor
    change: Tensor
    spread: float
    shift: float


def show_effects(each: Callable[[str], object] = lambda name: None) -> list[Shown]:
    """Reconstruct the slice under every effect of `EFFECTS`.

    Args:
        each: Called with an effect's name before its turn.
    """
    subject = Slice()
    plain = fbp(subject.lines, subject.A)
    body = subject.image > 0
    found = []
    for effect in EFFECTS:
        each(effect.name)
        hu = mu_to_hu(fbp(effect.scan(subject).float(), subject.A))
        change = hu - mu_to_hu(plain)
        inside = change[body].double()
        found.append(Shown(effect, hu, change, float(inside.square().mean().sqrt()), float(inside.mean())))
    return found


def draw_effects(found: list[Shown], path: Path, *, overwrite: bool = False) -> None:
    """Draw every image with its change below it.

    Raises:
        OutputExistsError: The file exists and `overwrite` is false.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = 6
    rows = math.ceil(len(found) / columns)
    figure = Figure(figsize=(2.4 * columns, 4.4 * rows), dpi=64, layout="constrained")
    FigureCanvasAgg(figure)
    cells = figure.subplots(2 * rows, columns)
    for axes in cells.flat:
        axes.set_axis_off()
    for number, shown in enumerate(found):
        row, column = divmod(number, columns)
        cells[2 * row, column].imshow(shown.hu[24:-24], cmap="gray", vmin=-1000, vmax=400)
        cells[2 * row, column].set_title(shown.effect.name, fontsize=8)
        cells[2 * row + 1, column].imshow(shown.change[24:-24], cmap="RdBu_r", vmin=-100, vmax=100)
        cells[2 * row + 1, column].set_title(f"change: {shown.spread:.0f} HU rms", fontsize=8)
    with atomic_path(path, overwrite=overwrite) as partial:
        figure.savefig(partial, format="png")


def page(found: list[Shown], picture: str) -> str:
    """Return the page in Markdown.

    Args:
        found: What `show_effects` gave.
        picture: Path of the picture, from the page.
    """
    lines = [f"| {s.effect.name} | `{s.effect.line}` | {s.spread:.1f} | {s.shift:+.1f} |" for s in found]
    text = (files("svct.bench") / "effects.md").read_text(encoding="utf-8")
    return text.format(
        picture=picture, views=VIEWS, bins=BINS, photons=PHOTONS, table="\n".join(lines)
    )  # fmt: skip
