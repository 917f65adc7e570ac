"""Predictions are asked for, scored and handed in; variants are drawn; widgets answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from stormlab.errors import BadInput
from stormlab.lessons import Lesson, Slider, explore, screen
from stormlab.lessons.explore import panel
from stormlab.lessons.lesson import VARIANT


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a notebook would show."""
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr(screen, "in_notebook", lambda: True)
    monkeypatch.setattr(screen, "publish", shown.append)
    return shown


def a_figure(value: float = 1) -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, value])
    figure.suptitle("It rises")
    return figure


def test_a_prediction_is_scored_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    lesson = Lesson("storm")
    lesson.predict("recovers", "Does it recover?", among=["recovers", "stays down"], guess="recovers")
    lesson.predict("attempts", "Attempts per request?", unit="per request", guess=3.9)
    lesson.observe("recovers", "stays down", because="Retries feed themselves.")
    assert lesson.questions["recovers"].score == 0
    lesson.observe("attempts", 4.0, because="One try and three retries.")
    assert lesson.questions["attempts"].score == 1
    assert capsys.readouterr().out.splitlines() == [
        "Predicted: recovers; observed: **stays down** (not so, 0). Retries feed themselves.",
        "Predicted: 3.9 per request; observed: **4 per request** (right, 1). One try and three retries.",
    ]
    assert (lesson.as_json()["score"], lesson.as_json()["out_of"]) == (1, 2)


def test_what_was_not_predicted_is_still_explained(capsys: pytest.CaptureFixture[str]) -> None:
    lesson = Lesson("storm")
    lesson.predict("p99", "How long is the tail?", unit="s")
    lesson.observe("p99", 0.5, because="Queues.")
    assert lesson.questions["p99"].score == 0
    assert capsys.readouterr().out == "Observed: **0.5 s**. Queues.\n"
    assert lesson.as_json()["questions"][0]["guess"] is None


def test_a_form_on_the_page_answers(page: list[dict[str, Any]]) -> None:
    lesson = Lesson("storm")
    lesson.predict("recovers", "Does it recover?", among=["yes", "no"])
    lesson.predict("attempts", "How many?", unit="per request")
    assert page[0]["text/markdown"] == "**Predict.** Does it recover? *(yes / no)*"
    assert all(screen.WIDGET in one for one in page)
    boxes = [_widgets(one)[0] for one in page]
    boxes[0].value, boxes[1].value = "no", "3,9"
    lesson.observe("recovers", "no", because="")
    assert lesson.questions["recovers"].score == 1
    lesson.observe("attempts", 3.9, because="")
    assert lesson.questions["attempts"].score == 1


def _widgets(shown: dict[str, Any]) -> Any:
    """The form's box and unit."""
    from ipywidgets.widgets.widget import _instances

    return _instances[shown[screen.WIDGET]["model_id"]].children[1].children


def test_text_that_is_no_number_is_no_prediction(page: list[dict[str, Any]]) -> None:
    lesson = Lesson("storm")
    lesson.predict("attempts", "How many?")
    _widgets(page[0])[0].value = "many"
    lesson.observe("attempts", 3.9, because="")
    assert lesson.questions["attempts"].score == 0


def test_variant_zero_is_the_printed_one_and_others_are_drawn_and_the_same_everywhere() -> None:
    loads = [50, 60, 70]
    assert Lesson("storm").vary("load", 60, among=loads) == 60
    drawn = [Lesson("storm", variant=v).vary("load", 60, among=loads) for v in range(1, 41)]
    assert set(drawn) == set(loads)
    assert drawn == [Lesson("storm", variant=v).vary("load", 60, among=loads) for v in range(1, 41)]


def test_the_environment_chooses_a_variant_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIANT, "7")
    assert Lesson("storm").variant == 7
    assert Lesson("storm", variant=2).variant == 2
    monkeypatch.setenv(VARIANT, "seven")
    with pytest.raises(BadInput, match="STORMLAB_LESSON_VARIANT is 'seven'; give the number"):
        Lesson("storm")


def test_questions_keep_their_names_and_answers_their_choices() -> None:
    lesson = Lesson("storm")
    lesson.predict("load", "What load?", guess=1)
    lesson.predict("load", "What load?", guess=2)
    with pytest.raises(BadInput, match="asked already"):
        lesson.predict("load", "Which load?")
    with pytest.raises(BadInput, match="'maybe' is none of yes, no"):
        lesson.predict("other", "Is it?", among=["yes", "no"], guess="maybe")
    with pytest.raises(BadInput, match="'lod' was not asked; there is load"):
        lesson.observe("lod", 1, because="")


def test_answers_are_handed_in_under_the_learners_name(tmp_path: Path) -> None:
    lesson = Lesson("storm", variant=3)
    lesson.predict("load", "What load?", guess=2)
    lesson.observe("load", 2, because="")
    lesson.hand_in("Ada Lovelace", tmp_path / "answers")
    path = tmp_path / "answers" / "storm-3-Ada_Lovelace.json"
    tree = json.loads(path.read_text(encoding="utf-8"))
    assert (tree["learner"], tree["variant"], tree["score"], tree["out_of"]) == ("Ada Lovelace", 3, 1, 1)
    lesson.hand_in("", tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["answers"]
    with pytest.raises(BadInput, match="letters, digits"):
        lesson.hand_in("../Eve", tmp_path)


def test_a_slider_draws_again(page: list[dict[str, Any]]) -> None:
    drawn: list[float] = []

    def draw(load: float) -> Figure:
        drawn.append(load)
        return a_figure(load)

    sliders = {"load": Slider(label="load (1/s)", low=0, high=10, value=2)}
    explore(draw, **sliders)
    assert page[0]["image/png"] == screen.png(a_figure(2))
    knob, image = panel(draw, sliders, page[0]["image/png"]).children
    before = image.value
    knob.value = 7
    assert drawn == [2, 7]
    assert image.value == screen.png(a_figure(7)) != before


def test_a_slider_between_wrong_bounds_is_refused() -> None:
    with pytest.raises(BadInput, match="low <= value <= high"):
        Slider(label="load", low=1, high=2, value=3)


def test_outside_a_notebook_figures_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    screen.show(a_figure())
    explore(lambda load: a_figure(load), load=Slider(label="load", low=1, high=2, value=1))
    assert capsys.readouterr().out == ""


def test_a_figure_is_described_by_its_title(page: list[dict[str, Any]]) -> None:
    screen.show(a_figure())
    assert page[0]["text/plain"] == "It rises"
    assert page[0]["image/png"].startswith(b"\x89PNG")
