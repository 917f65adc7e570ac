"""An instructor makes variants of a notebook and collects what came back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from stormlab.cli import cli
from stormlab.lessons import Lesson


def notebook(line: str = 'lesson = Lesson("storm")') -> str:
    code = {"cell_type": "code", "source": ["x = 1\n", line], "outputs": [{}], "execution_count": 3, "metadata": {}}
    return json.dumps({"cells": [{"cell_type": "markdown", "source": ["# Storm"], "metadata": {}}, code]})


def source(path: Path) -> str:
    return "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][1]["source"])


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(cli, [str(word) for word in words], prog_name="stormlab")
    return result.exit_code, result.output


def test_variants_differ_in_one_line_and_hold_no_answers(tmp_path: Path) -> None:
    (tmp_path / "02_storm.ipynb").write_text(notebook(), encoding="utf-8")
    status, _ = run("lesson", "make", tmp_path / "02_storm.ipynb", "--count", 2, "--first", 5, "--out", tmp_path / "v")
    assert status == 0
    made = sorted((tmp_path / "v").iterdir())
    assert [path.name for path in made] == ["02_storm-5.ipynb", "02_storm-6.ipynb"]
    assert source(made[1]) == 'x = 1\nlesson = Lesson("storm", variant=6)'
    assert json.loads(made[0].read_text(encoding="utf-8"))["cells"][1]["outputs"] == []


def test_a_variant_of_a_variant_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text(notebook('lesson = Lesson("storm", variant=4)'), encoding="utf-8")
    run("lesson", "make", tmp_path / "a.ipynb", "--count", 1, "--out", tmp_path)
    assert source(tmp_path / "a-1.ipynb").endswith('Lesson("storm", variant=1)')


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not a notebook"), ("[]", "not a notebook"), (notebook("pass"), "one line Lesson")],
)
def test_what_is_no_lesson_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.ipynb").write_text(text, encoding="utf-8")
    status, output = run("lesson", "make", tmp_path / "a.ipynb", "--count", 1, "--out", tmp_path / "v")
    assert (status, message in output, "a.ipynb" in output, (tmp_path / "v").exists()) == (2, True, True, False)


def test_a_missing_notebook_and_a_taken_name_are_refused(tmp_path: Path) -> None:
    assert run("lesson", "make", tmp_path / "no.ipynb", "--count", 1, "--out", tmp_path)[0] == 2
    (tmp_path / "a.ipynb").write_text(notebook(), encoding="utf-8")
    (tmp_path / "a-1.ipynb").write_text("mine", encoding="utf-8")
    status, output = run("lesson", "make", tmp_path / "a.ipynb", "--count", 2, "--out", tmp_path)
    assert (status, "exists already" in output) == (2, True)
    assert (tmp_path / "a-1.ipynb").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "a-2.ipynb").exists()


def test_what_was_handed_in_is_collected_hardest_first(tmp_path: Path) -> None:
    for learner, guess in (("Ada", 4.0), ("Grace", 8.0)):
        lesson = Lesson("storm", variant=1)
        lesson.predict("attempts", "Attempts?", guess=guess)
        lesson.predict("recovers", "Does it?", among=["yes", "no"], guess="no")
        lesson.observe("attempts", 4, because="")
        lesson.observe("recovers", "no", because="")
        lesson.hand_in(learner, tmp_path)
    status, output = run("lesson", "collect", tmp_path)
    assert status == 0
    assert [line.split()[-3:] for line in output.splitlines()[:2]] == [["2.00", "of", "2"], ["1.00", "of", "2"]]
    assert output.index("Attempts?") < output.index("Does it?")
    status, output = run("lesson", "collect", tmp_path, "--json")
    assert [json.loads(line)["learner"] for line in output.splitlines()] == ["Ada", "Grace"]


def test_an_empty_folder_and_a_strange_file_are_refused(tmp_path: Path) -> None:
    assert "holds no answers" in run("lesson", "collect", tmp_path)[1]
    edited = {"lesson": "storm", "variant": 1, "learner": "Ada", "score": 1, "out_of": 1, "questions": [{"score": 1}]}
    for strange in ({}, edited):
        (tmp_path / "x.json").write_text(json.dumps(strange), encoding="utf-8")
        status, output = run("lesson", "collect", tmp_path)
        assert (status, "no lesson wrote this file" in output) == (2, True)
