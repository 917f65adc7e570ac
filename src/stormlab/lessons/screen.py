"""Puts figures, text and widgets on the page of a notebook; outside one, text is printed and figures are left out.

An interactive output always carries a static one, which is what a printed page, a web site and a notebook that was
opened without running it show.
"""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure

from stormlab.report import style

#: Dots per inch: figures are 10 inches wide.
DPI = 100

WIDGET = "application/vnd.jupyter.widget-view+json"


def in_notebook() -> bool:
    """Whether a kernel of Jupyter runs this, so that there is a page to put things on."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None


def png(figure: Figure) -> bytes:
    """``figure`` as a picture, byte for byte the same for the same figure."""
    data = io.BytesIO()
    with style.house():
        figure.savefig(data, format="png", dpi=DPI, metadata={"Software": None})
    return data.getvalue()


def show(figure: Figure, *, alt: str = "") -> None:
    """Show ``figure`` below the cell; ``alt`` says in words what it shows, the title of the figure does when empty."""
    if in_notebook():
        publish({"image/png": png(figure), "text/plain": alt or figure.get_suptitle().replace("\n", " ")})


def say(text: str) -> None:
    """A paragraph of Markdown below the cell."""
    if in_notebook():
        publish({"text/markdown": text, "text/plain": text})
    else:
        print(text)


def place(widget: Any, fallback: dict[str, Any]) -> None:
    """Show ``widget`` where a kernel is there to answer it, and ``fallback``, by MIME type, where it is not."""
    bundle = widget._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    publish({WIDGET: data[WIDGET], **fallback})


def publish(data: dict[str, Any]) -> None:
    """One output of the cell, in several forms of which the page shows the richest it can."""
    from base64 import b64encode

    from IPython.display import display

    encoded = {kind: b64encode(value).decode() if isinstance(value, bytes) else value for kind, value in data.items()}
    display(encoded, raw=True)  # type: ignore[no-untyped-call]
