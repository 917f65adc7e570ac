"""What an instructor does: variants of a lesson for a class, and what came back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stormlab.errors import BadInput

#: The line of a notebook that an instructor's variant changes.
LINE = re.compile(r'(Lesson\("[^"]+")(?:, variant=\d+)?\)')


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedIn:
    """One learner's answers to one lesson, as :meth:`stormlab.lessons.Lesson.hand_in` wrote them."""

    lesson: str
    variant: int
    learner: str
    score: float
    out_of: int
    questions: tuple[dict[str, Any], ...]


def with_variant(notebook: str, variant: int) -> str:
    """The text of ``notebook`` (the JSON of an .ipynb) for one learner: ``variant`` chosen, outputs removed.

    Raises:
        BadInput: it is no notebook, or it has no line ``Lesson("...")``.
    """
    try:
        tree = json.loads(notebook)
        cells = [cell for cell in tree["cells"] if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError):
        raise BadInput("not a notebook: expected the JSON of an .ipynb file with cells") from None
    changed = 0
    for cell in cells:
        text, times = LINE.subn(rf"\1, variant={variant})", "".join(cell["source"]))
        cell.update(source=text, outputs=[], execution_count=None)
        changed += times
    if changed != 1:
        raise BadInput(f'a lesson has one line Lesson("name"), here are {changed}')
    return json.dumps(tree, indent=1, ensure_ascii=False) + "\n"


def read(folder: Path) -> list[HandedIn]:
    """All that was handed in to ``folder``, by lesson and learner.

    Raises:
        BadInput: there is nothing, or a file that no lesson wrote; the message names it.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise BadInput(f"{folder}: holds no answers (*.json); learners write them with lesson.hand_in(name)")
    return sorted((_one(file) for file in files), key=lambda one: (one.lesson, one.learner, one.variant))


#: What is read of every question.
_ASKED = ("question", "guess", "score")


def _one(file: Path) -> HandedIn:
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
        fields = {name: tree[name] for name in ("lesson", "variant", "learner", "score", "out_of")}
        questions = tuple({name: one[name] for name in _ASKED} | one for one in tree["questions"])
        return HandedIn(**fields, questions=questions)
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"{file}: no lesson wrote this file; move it out of the folder") from None


def hardest(answers: Iterable[HandedIn]) -> list[tuple[str, str, float, int]]:
    """(lesson, question, mean score, how many answered) of every question, the hardest first."""
    scores: dict[tuple[str, str], list[float]] = {}
    for one in answers:
        for question in one.questions:
            if question["guess"] is not None:
                scores.setdefault((one.lesson, question["question"]), []).append(question["score"])
    means = [(lesson, text, sum(own) / len(own), len(own)) for (lesson, text), own in scores.items()]
    return sorted(means, key=lambda row: row[2])
