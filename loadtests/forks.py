"""Workers that Locust forks (``--processes``) end with their master, however that ends."""

from __future__ import annotations

import os

from stormlab.live.children import BOUND


def end_with_parent() -> None:
    """From now on, on Linux, forked children are killed when the process that forked them is gone."""
    if BOUND is not None:
        os.register_at_fork(after_in_child=BOUND)
