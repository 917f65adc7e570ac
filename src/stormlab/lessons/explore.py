"""Sliders that play a simulation again: the figure changes as the hand moves, and stays a picture on paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from stormlab.errors import BadInput
from stormlab.lessons import screen


@dataclass(frozen=True, slots=True, kw_only=True)
class Slider:
    """One number of the reader's: from ``low`` to ``high`` in steps of ``step``, at first ``value``."""

    label: str
    low: float
    high: float
    value: float
    step: float = 1.0

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high or self.step <= 0:
            raise BadInput(f"slider {self.label!r}: needs low <= value <= high and a step above 0")


def explore(draw: Callable[..., Figure], /, **sliders: Slider) -> None:
    """Show ``draw(name=value, ...)``, and draw it again when a slider of that name is moved.

    ``draw`` should take less than a second; the compiled kernel does (``stormlab.run(..., engine="fast")``).
    """
    figure = draw(**{name: slider.value for name, slider in sliders.items()})
    if screen.in_notebook():
        picture = screen.png(figure)
        screen.place(panel(draw, sliders, picture), {"image/png": picture, "text/plain": _values(sliders)})


def panel(draw: Callable[..., Figure], sliders: dict[str, Slider], picture: bytes) -> Any:
    """The widget: all sliders, and ``picture`` below until one of them is moved."""
    import ipywidgets

    image = ipywidgets.Image(value=picture, format="png", layout={"max_width": "100%"})
    knobs = {name: _knob(slider) for name, slider in sliders.items()}

    def redraw(_change: object) -> None:
        image.value = screen.png(draw(**{name: knob.value for name, knob in knobs.items()}))

    for knob in knobs.values():
        knob.observe(redraw, names="value")
    return ipywidgets.VBox([*knobs.values(), image])


def _knob(slider: Slider) -> Any:
    import ipywidgets

    whole = all(float(number).is_integer() for number in (slider.low, slider.high, slider.step, slider.value))
    kind = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
    number = int if whole else float
    return kind(
        description=slider.label,
        min=number(slider.low),
        max=number(slider.high),
        step=number(slider.step),
        value=number(slider.value),
        continuous_update=False,
        style={"description_width": "initial"},
        layout={"width": "70%"},
    )


def _values(sliders: dict[str, Slider]) -> str:
    return ", ".join(f"{slider.label}: {slider.value:g}" for slider in sliders.values())
