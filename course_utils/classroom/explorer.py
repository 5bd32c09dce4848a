"""Sliders over a simulated pipeline: what would help, found out by trying.

    explore()

In JupyterLab this is a row of sliders with a chart below, which is drawn anew for each value.
Where no kernel runs, as in a stored notebook or a static book, the same output is the chart of the
values that it began with, and its words: both are compared when a notebook is tested, the sliders
aren't.
"""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING, Any

from course_utils.classroom import figures
from course_utils.measuring.simulate import Run, Stage, simulate

if TYPE_CHECKING:
    from ipywidgets import Box

ITEMS = 12
AT_ONCE = 6  # photos of a burst
LONGEST = 100  # milliseconds
MOST = 8  # workers, places, cores
NOBODY, DECODE, BOTH = "nobody", "decode", "decode and train"
HOLDERS = (NOBODY, DECODE, BOTH)


def explore(
    *,
    read: int = 20,
    decode: int = 10,
    train: int = 20,
    bursts: bool = False,
    prefetch: bool = True,
    workers: int = 1,
    buffer: int = 2,
    gil: str = NOBODY,
    cores: int = 2,
) -> Explorer:
    """Return sliders over a simulated pipeline of photos, and its chart.

    A photo is read, which waits; then decoded, which computes; then the step trains on it, which
    waits too, as for a GPU, unless it holds the GIL. The arguments are the values to begin with.

    Args:
        read: milliseconds for a photo, 0 to 100.
        decode: the same.
        train: the same.
        bursts: six photos are read at once, in six times the time.
        prefetch: workers read and decode ahead of the step. False: the step calls both and waits,
            and `workers` and `buffer` play no part.
        workers: threads that read and decode, 1 to 8.
        buffer: how many decoded photos may wait for the step, 1 to 8.
        gil: who computes in Python: "nobody" (decoding is C code, as OpenCV's is), "decode" or
            "decode and train".
        cores: how many may compute at once, 1 to 8.

    Raises ValueError for any other value.
    """
    return Explorer(
        read=read,
        decode=decode,
        train=train,
        bursts=bursts,
        prefetch=prefetch,
        workers=workers,
        buffer=buffer,
        gil=gil,
        cores=cores,
    )


class Explorer:
    """What `explore` returns. `controls` are the sliders by name; `run` is what they say now."""

    def __init__(self, **values: Any) -> None:
        import ipywidgets

        _check(values)
        self.controls = _controls(values)
        self.chart = ipywidgets.HTML()
        self.line = ipywidgets.HTML()
        self.words = ipywidgets.HTML()
        for control in self.controls.values():
            control.observe(self._redraw, "value")
        self._redraw()
        self.start = self.run

    def widget(self) -> Box:
        """Return the sliders, the chart, and a line on how fast it is."""
        import ipywidgets

        columns = [
            ipywidgets.VBox([self.controls[name] for name in names])
            for names in (
                ("read", "bursts", "decode", "train", "gil"),
                ("prefetch", "workers", "buffer", "cores"),
            )
        ]
        return ipywidgets.VBox([ipywidgets.HBox(columns), self.line, self.chart, self.words])

    def _redraw(self, _: Any = None) -> None:
        values = {name: control.value for name, control in self.controls.items()}
        for name in ("workers", "buffer"):
            self.controls[name].disabled = not values["prefetch"]
        self.run = _simulated(**values)
        picture = figures.as_svg(self.run.figure(), self.run.describe())
        words = html.escape(picture.alt)
        # As a picture, not as part of the page: its ids would be those of other figures, too.
        data = base64.b64encode(picture.svg.encode()).decode()
        self.chart.value = f'<img alt="{words}" src="data:image/svg+xml;base64,{data}">'
        self.line.value = html.escape(_in_brief(self.run))
        lines = words.replace("\n", "<br>\n")
        self.words.value = f"<details><summary>This figure in words</summary>\n{lines}\n</details>"

    def __repr__(self) -> str:
        return self.start.describe()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        # A front end shows the first of these that it can: the sliders, the picture, the words.
        still = figures.as_svg(self.start.figure(), self.start.describe())
        return {**self.widget()._repr_mimebundle_(), **still._repr_mimebundle_()}


def _simulated(
    read: int,
    decode: int,
    train: int,
    bursts: bool,
    prefetch: bool,
    workers: int,
    buffer: int,
    gil: str,
    cores: int,
) -> Run:
    threads, ahead = (workers, buffer) if prefetch else (1, 0)
    times = [AT_ONCE * read / 1000] + [0] * (AT_ONCE - 1) if bursts else read / 1000
    stages = [
        Stage("read", times, workers=threads),
        Stage(
            "decode",
            decode / 1000,
            workers=threads,
            ahead=ahead,
            holds_gil=gil in (DECODE, BOTH),
            computes=True,
        ),
    ]
    step = Stage("train", train / 1000, holds_gil=gil == BOTH)
    return simulate(stages, consumer=step, items=ITEMS, cores=cores)


def _in_brief(run: Run) -> str:
    return (
        f"{run.per_second:.0f} photos a second; the step is idle for {run.idle_share:.0%} of the "
        "time after the first photo."
    )


def _controls(values: dict[str, Any]) -> dict[str, Any]:
    import ipywidgets

    style = {"description_width": "9em"}

    def slider(name: str, words: str, least: int, most: int) -> Any:
        return ipywidgets.IntSlider(
            values[name],
            least,
            most,
            description=words,
            continuous_update=False,  # drawn once it is let go
            style=style,
        )

    def box(name: str, words: str) -> Any:
        return ipywidgets.Checkbox(values[name], description=words, style=style)

    return {
        "read": slider("read", "read (ms, waits)", 0, LONGEST),
        "decode": slider("decode", "decode (ms)", 0, LONGEST),
        "train": slider("train", "train (ms)", 0, LONGEST),
        "bursts": box("bursts", f"read {AT_ONCE} at once"),
        "prefetch": box("prefetch", "prefetch: work ahead"),
        "workers": slider("workers", "workers", 1, MOST),
        "buffer": slider("buffer", "buffer (photos)", 1, MOST),
        "gil": ipywidgets.Dropdown(
            options=HOLDERS,
            value=values["gil"],
            description="holds the GIL",
            style=style,
        ),
        "cores": slider("cores", "cores", 1, MOST),
    }


def _check(values: dict[str, Any]) -> None:
    limits = dict.fromkeys(("read", "decode", "train"), (0, LONGEST))
    limits |= dict.fromkeys(("workers", "buffer", "cores"), (1, MOST))
    for name, (least, most) in limits.items():
        value = values[name]
        if type(value) is not int or not least <= value <= most:
            unit = " of milliseconds" if most == LONGEST else ""
            raise ValueError(
                f"{name} is {value!r}. A whole number{unit} from {least} to {most} was expected."
            )
    for name in ("bursts", "prefetch"):
        if type(values[name]) is not bool:
            raise ValueError(f"{name} is True or False, not {values[name]!r}.")
    if values["gil"] not in HOLDERS:
        raise ValueError(f"gil is one of {', '.join(map(repr, HOLDERS))}, not {values['gil']!r}.")
