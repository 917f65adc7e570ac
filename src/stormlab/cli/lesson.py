"""``stormlab lesson``: notebooks for a class, each learner with parameters of their own, and what they handed in."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stormlab.cli.group import StormlabGroup
from stormlab.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stormlab.lessons.classroom import HandedIn


@click.group(cls=StormlabGroup)
def lesson() -> None:
    """Lessons for a class: variants of a notebook, and the answers that came back."""


@lesson.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("--first", metavar="N", type=click.IntRange(1), default=1, show_default=True, help="The first variant.")
@click.option("--count", metavar="N", type=click.IntRange(1, 1000), required=True, help="How many variants.")
@click.option(
    "--out", metavar="DIR", type=click.Path(path_type=Path), required=True, help="The folder to write them to."
)
def make(*, notebook: Path, first: int, count: int, out: Path) -> None:
    """Write --count variants of NOTEBOOK, an .ipynb with a lesson.

    Every variant has parameters of its own; the same variant is the same everywhere. Files that are there already
    are not overwritten.
    """
    from stormlab.lessons.classroom import with_variant

    text = _read(notebook)
    paths = {variant: out / f"{notebook.stem}-{variant}.ipynb" for variant in range(first, first + count)}
    taken = [path for path in paths.values() if path.exists()]
    if taken:
        raise BadInput(f"{taken[0]}: exists already; choose another --out or --first")
    try:
        made = {path: with_variant(text, variant) for variant, path in paths.items()}
    except BadInput as error:
        raise BadInput(f"{notebook}: {error}") from None
    out.mkdir(parents=True, exist_ok=True)
    for path, variant_text in made.items():
        path.write_text(variant_text, encoding="utf-8")
        click.echo(path)


@lesson.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object per learner and line instead of a table.")
def collect(*, folder: Path, as_json: bool) -> None:
    """What learners handed in to FOLDER, and which questions were the hardest."""
    from stormlab.lessons.classroom import read

    answers = read(folder)
    if as_json:
        for one in answers:
            click.echo(json.dumps(asdict(one), ensure_ascii=False))
    else:
        _print(answers)


def _read(notebook: Path) -> str:
    try:
        return notebook.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{notebook}: cannot be read ({error}); name an .ipynb file of notebooks/") from None


def _print(answers: Sequence[HandedIn]) -> None:
    from stormlab.lessons.classroom import hardest

    for one in answers:
        click.echo(f"{one.lesson}  variant {one.variant:<4} {one.learner:<24} {one.score:5.2f} of {one.out_of}")
    click.echo("\nHardest first (mean score, answers):")
    for lesson_name, question, mean, number in hardest(answers):
        click.echo(f"  {mean:.2f}  {number:>3}  {lesson_name}: {question}")
