"""Motions written in one word with a few numbers, as a command takes them."""

import dataclasses
import typing

from svct.errors import InputError, unknown_name
from svct.physics.motion import Breathing, Heartbeat, Motion, Sway

KINDS: dict[str, type[Sway] | type[Breathing] | type[Heartbeat]] = {
    "rigid": Sway,
    "breathing": Breathing,
    "cardiac": Heartbeat,
}
"""What the first word names; the numbers are its arguments."""

USUAL: dict[str, dict[str, float | tuple[float, float]]] = {
    "rigid": {"shift_mm": (4.0, 0.0)},
    "breathing": {"rise_mm": 10.0},
    "cardiac": {"centre_mm": (20.0, 20.0), "radius_mm": 35.0},
}
"""Arguments that a motion has where the text does not give them; svct's own choice."""


def read_motion(text: str, *, front_mm: float, back_mm: float) -> Motion:
    """Return the motion that a text names, such as ``breathing`` or ``rigid:shift_mm=4/2,period_s=1``.

    Args:
        text: Its kind, then its arguments by name where they are not the usual ones, pairs with a stroke.
        front_mm: y of the front of the body, which breathing takes where the text gives none.
        back_mm: y of its back.

    Raises:
        UnknownNameError: No such motion, or no such argument.
        InputError: An argument is no number, or impossible.

    Example:
        >>> read_motion("cardiac:period_s=0.8", front_mm=100, back_mm=-100)
        Heartbeat(centre_mm=(20.0, 20.0), radius_mm=35.0, contraction=0.15, period_s=0.8)
    """
    kind, _, rest = text.partition(":")
    if kind not in KINDS:
        raise unknown_name("motion", kind, list(KINDS))
    known = typing.get_type_hints(KINDS[kind])
    values = dict(USUAL[kind])
    if kind == "breathing":
        values |= {"front_mm": front_mm, "back_mm": back_mm}
    for part in rest.split(",") if rest else []:
        name, equals, value = part.partition("=")
        if name not in known:
            raise unknown_name(f"argument of {kind}", name, [field.name for field in dataclasses.fields(KINDS[kind])])
        try:
            numbers = [float(number) for number in value.split("/")]
        except ValueError:
            numbers = []
        wanted = 1 if known[name] is float else 2
        if not equals or len(numbers) != wanted:
            raise InputError(f"motion {kind}: expected {name}={'A' if wanted == 1 else 'A/B'} in numbers, got {part!r}")
        values[name] = numbers[0] if wanted == 1 else (numbers[0], numbers[1])
    made: Motion = KINDS[kind](**values)  # type: ignore[arg-type]
    return made
