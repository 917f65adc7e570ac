"""A lesson asks for predictions, scores them against what the runs show, and can be handed in.

Variant 0 of a lesson is the one that is printed; every other number draws the parameters that the lesson varies, so
that neighbours in a classroom have different right answers and the same explanations.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from stormlab.errors import BadInput
from stormlab.lessons import screen
from stormlab.lessons.scoring import Answer, score

T = TypeVar("T")

#: Which variant to play when the lesson's own line says 0.
VARIANT = "STORMLAB_LESSON_VARIANT"


@dataclass(slots=True, kw_only=True)
class Question:
    """One prediction: ``guess`` is asked for when it is needed, ``actual`` is there once it was observed."""

    key: str
    text: str
    among: tuple[str, ...]
    unit: str
    guess: Callable[[], Answer | None]
    made: Answer | None = None
    actual: Answer | None = None

    @property
    def score(self) -> float:
        return 0.0 if self.actual is None else score(self.made, self.actual)

    def as_json(self) -> dict[str, Any]:
        """The question as it is handed in."""
        return {
            "key": self.key,
            "question": self.text,
            "unit": self.unit,
            "guess": self.made,
            "actual": self.actual,
            "score": round(self.score, 3),
        }


@dataclass(slots=True)
class Lesson:
    """Predict, then observe: ``lesson = Lesson("retry-storm")``.

    Args:
        name: of the lesson, as it appears in what is handed in.
        variant: 0 for the lesson as printed; any other number for one with parameters of its own.
    """

    name: str
    variant: int = 0
    questions: dict[str, Question] = field(default_factory=dict)
    drawn: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.variant = self.variant or _chosen(os.environ.get(VARIANT, "0"))

    def vary(self, key: str, printed: T, *, among: Sequence[T]) -> T:
        """``printed`` in variant 0, else one of ``among``, decided by the variant, the lesson and ``key`` alone."""
        chance = random.Random(f"{self.name}/{key}/{self.variant}")
        self.drawn[key] = chance.choice(list(among)) if self.variant else printed
        return self.drawn[key]  # type: ignore[no-any-return]

    def predict(
        self, key: str, question: str, *, among: Sequence[str] = (), unit: str = "", guess: Answer | None = None
    ) -> None:
        """Ask ``question``; the answer is one of ``among`` or, without them, a number in ``unit``.

        In a notebook the reader answers in a form. ``guess`` answers for them, as a script has to.

        Raises:
            BadInput: a question of that name was asked already with other words, or ``guess`` is none of ``among``.
        """
        if key in self.questions and self.questions[key].text != question:
            raise BadInput(f"lesson {self.name!r}: {key!r} was asked already; give every question a name of its own")
        if guess is not None and among and guess not in among:
            raise BadInput(f"lesson {self.name!r}: {guess!r} is none of {', '.join(among)}")
        asked = Question(key=key, text=question, among=tuple(among), unit=unit, guess=lambda: guess)
        self.questions[key] = asked
        if screen.in_notebook() and guess is None:
            _ask(asked)

    def observe(self, key: str, actual: Answer, *, because: str) -> None:
        """Score the prediction ``key`` against what was observed, and say why it is so.

        Raises:
            BadInput: nothing of that name was asked.
        """
        if key not in self.questions:
            raise BadInput(f"lesson {self.name!r}: {key!r} was not asked; there is {', '.join(self.questions)}")
        question = self.questions[key]
        question.made = question.guess()
        question.actual = actual if isinstance(actual, str) else float(actual)
        screen.say(f"{_compared(question)} {because}")

    def as_json(self, learner: str = "") -> dict[str, Any]:
        """What is handed in: every question with prediction, observation and score."""
        scored = [one for one in self.questions.values() if one.actual is not None]
        return {
            "lesson": self.name,
            "variant": self.variant,
            "parameters": self.drawn,
            "learner": learner,
            "score": round(sum(one.score for one in scored), 3),
            "out_of": len(self.questions),
            "questions": [one.as_json() for one in self.questions.values()],
        }

    def hand_in(self, learner: str, folder: str | Path = "answers") -> None:
        """Write the answers for the instructor, who collects them with ``stormlab lesson collect``.

        They go to ``folder``/LESSON-VARIANT-LEARNER.json; nothing is written when ``learner`` is empty.

        Raises:
            BadInput: the name of the learner cannot be a part of a file's name.
        """
        if not learner:
            screen.say("Write your name between the quotation marks to hand in your answers.")
            return
        if not learner.replace(" ", "").replace("-", "").replace(".", "").isalnum():
            raise BadInput(f"learner {learner!r}: use letters, digits, spaces, dots and hyphens")
        path = Path(folder) / f"{self.name}-{self.variant}-{learner.replace(' ', '_')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_json(learner), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        screen.say(f"Handed in: `{path}`")


def _chosen(text: str) -> int:
    """Raises BadInput when the environment names no variant."""
    if not text.isdecimal():
        raise BadInput(f"{VARIANT} is {text!r}; give the number of a variant, 0 or more")
    return int(text)


def _ask(question: Question) -> None:
    """Put a form on the page whose value is the guess from now on."""
    import ipywidgets

    if question.among:
        box = ipywidgets.RadioButtons(options=question.among, value=None)
    else:
        box = ipywidgets.Text(placeholder="a number", layout={"width": "12em"})
    unit = ipywidgets.Label(question.unit)
    label = ipywidgets.HTML(f"<b>Predict.</b> {question.text}")
    question.guess = lambda: _number(box.value) if not question.among else box.value
    text = f"**Predict.** {question.text}" + (f" *({' / '.join(question.among) or question.unit})*")
    screen.place(
        ipywidgets.VBox([label, ipywidgets.HBox([box, unit])]), {"text/markdown": text, "text/plain": question.text}
    )


def _number(text: str) -> float | None:
    """The number that was typed, ``None`` for nothing or for what is no number."""
    try:
        return float(text.replace(",", ".")) if text.strip() else None
    except ValueError:
        return None


def _compared(question: Question) -> str:
    """Prediction and observation in a sentence or two."""
    seen = _written(question.actual, question.unit)
    if question.made is None:
        return f"Observed: **{seen}**."
    verdict = "right" if question.score == 1 else "close" if question.score > 0 else "not so"
    return (
        f"Predicted: {_written(question.made, question.unit)}; observed: **{seen}** ({verdict}, {question.score:.2g})."
    )


def _written(answer: Answer | None, unit: str) -> str:
    if not isinstance(answer, int | float):
        return str(answer)
    number = f"{answer:,.0f}" if abs(answer) >= 1000 else f"{answer:.3g}"
    return f"{number} {unit}".rstrip()
