"""The book's table, its load-balancer lesson, and how they are printed."""

from __future__ import annotations

import json

import pytest

from stormlab.availability import parse, render, report, to_json
from stormlab.availability.reporting import duration

LESSON = "lb = 0.99; web = 0.99; series(lb, parallel(3 * web))"


@pytest.mark.parametrize(
    ("replicas", "availability", "seconds", "printed"),
    [
        (1, 0.99, 315_576.0, "3.65 d"),
        (2, 0.9999, 52.596 * 60, "52.60 min"),
        (3, 0.999999, 31.5576, "31.56 s"),
        (4, 0.99999999, 0.315576, "0.316 s"),
    ],
)
def test_the_books_table(replicas: int, availability: float, seconds: float, printed: str) -> None:
    result = report(parse(f"parallel({replicas} * 0.99)"))
    assert result.availability == pytest.approx(availability, abs=1e-15)
    assert result.downtime_per_year == pytest.approx(seconds)
    assert duration(result.downtime_per_year) == printed
    assert result.nines == pytest.approx(2 * replicas)


def test_the_load_balancer_lesson() -> None:
    result = report(parse(LESSON))
    assert result.availability == pytest.approx(0.98999901, abs=1e-15)
    assert round(result.downtime_per_year / 86_400, 4) == 3.6529
    assert [entry.component.name for entry in result.matters_most] == ["lb"]
    assert result.matters_most[0].share == pytest.approx(0.01 * 0.999999 / 0.01000099)


def test_thirty_in_a_row() -> None:
    result = report(parse("series(30 * 0.9999)"))
    assert duration(result.downtime_per_year) == "26.26 h"
    assert result.downtime_per_month * 12 == pytest.approx(result.downtime_per_year)
    assert len(result.matters_most) == 30


def test_printed_lesson() -> None:
    assert render(report(parse(LESSON))).splitlines() == [
        "availability   98.999901 %   (1.99 nines)",
        "downtime       3.65 d a year, 7.31 h a month",
        "matters most   lb, with a part in 99.99% of the downtime",
        "",
        "component  importance  part in downtime  availability",
        "lb         0.999999    99.99%            99 %",
        "web #1     9.9e-05     0.01%             99 %",
        "web #2     9.9e-05     0.01%             99 %",
        "web #3     9.9e-05     0.01%             99 %",
    ]


def test_long_lists_are_cut_and_ties_are_named() -> None:
    text = render(report(parse("parallel(2 * series(12 * 0.999))")))
    assert "all components equally" in text
    assert text.endswith("and 14 that matter less or equally")
    assert "0.9 at column 8 and 1 that equal it" in render(report(parse("series(0.9, 0.9, 0.999)")))


def test_json_of_the_lesson() -> None:
    line = to_json(report(parse(LESSON)))
    assert "\n" not in line
    fields = json.loads(line)
    assert fields["availability"] == 0.98999901
    assert fields["matters_most"] == ["lb"]
    assert fields["components"][0]["availability"] == 0.99


def test_what_never_fails_and_what_hardly_does() -> None:
    never = report(parse("1"))
    assert "100 %   (never down)" in render(never)
    assert json.loads(to_json(never))["nines"] is None
    assert "1 - 1e-20   (20.00 nines)" in render(report(parse("parallel(10 * 0.99)")))
    assert "0 %   (0.00 nines)" in render(report(parse("0")))


def test_exact_nines_are_not_rounded_down_by_arithmetic() -> None:
    assert "(3.00 nines)" in render(report(parse("0.999")))
    assert "(1.99 nines)" in render(report(parse("0.9899")))
