"""The gallery shows every experiment, and its pictures are there and small."""

from __future__ import annotations

from simulations import gallery


def test_the_page_is_what_the_experiments_say() -> None:
    assert gallery.PAGE.read_text(encoding="utf-8") == gallery.page()


def test_every_experiment_has_a_small_picture() -> None:
    sizes = {path.stem: path.stat().st_size for path in gallery.IMAGES.glob("*.png")}
    assert sorted(sizes) == gallery.experiments()
    assert max(sizes.values()) < 100_000
