"""What the expression language accepts, and that its complaints name the column and the remedy."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormlab.availability import evaluate, parse
from stormlab.availability.model import Component
from stormlab.errors import BadInput


@pytest.mark.parametrize(
    ("text", "availability"),
    [
        ("0.99", 0.99),
        ("99%", 0.99),
        ("99.9 %", 0.999),
        (".5", 0.5),
        ("1", 1.0),
        ("9.9e-1", 0.99),
        ("series(0.9, 0.8)", 0.72),
        ("parallel(0.9, 0.8)", 0.98),
        ("kofn(2, 0.9, 0.9, 0.9)", 0.972),
        ("kofn(2, 3 * 0.9)", 0.972),
        ("bridge(.9, .8, .95, .85, .7)", 0.959435),
        ("unit(mttf=1000h, mttr=10h)", 1000 / 1010),
        ("unit(mttf=1y, mttr=365.25d)", 0.5),
        ("unit(mttf=59min, mttr=60s)", 59 / 60),
        ("lb = 0.99; a = 0.9; series(lb, parallel(a, 0.9));", 0.99 * 0.99),
        ("a = 0.9 ; # the first\nb=0.8;\n series(a, b)", 0.72),
        ("rack = series(0.9, 0.8); parallel(2 * rack)", 1 - 0.28**2),
        ("two = parallel(2 * 0.9); series(2 * two, 2 * two)", 0.99**4),
    ],
)
def test_values(text: str, availability: float) -> None:
    assert evaluate(parse(text)) == pytest.approx(availability)


def test_a_name_is_one_thing_wherever_it_stands() -> None:
    assert evaluate(parse("a = 0.9; series(a, a)")) == pytest.approx(0.9)
    assert evaluate(parse("a = 0.9; parallel(a, a)")) == pytest.approx(0.9)
    assert evaluate(parse("a = 0.9; b = a; series(a, b)")) == pytest.approx(0.9)
    assert evaluate(parse("rack = series(0.9, 0.8); parallel(rack, rack)")) == pytest.approx(0.72)


def test_copies_are_things_of_their_own() -> None:
    assert evaluate(parse("a = 0.9; parallel(2 * a)")) == pytest.approx(0.99)
    assert evaluate(parse("a = 0.9; parallel(2 * a, a)")) == pytest.approx(0.999)
    assert evaluate(parse("a = 0.9; x = parallel(a, a); parallel(2 * x)")) == pytest.approx(0.99)


def test_components_are_named_for_the_reader() -> None:
    names = [one.name for one in parse("lb = 0.99; series(lb, unit(mttf=1h, mttr=1h), 2 * 0.5, 2 * lb)").components]
    assert names == ["lb", "unit at column 23", "0.5 at column 51 #1", "0.5 at column 51 #2", "lb #1", "lb #2"]
    spread = parse("series(\n  0.99,\n  0.98)").components
    assert spread[1].name == "0.98 at line 3, column 3"


def test_a_unit_keeps_its_repair_time() -> None:
    (component,) = parse("unit(mttf=1000h, mttr=10h)").components
    assert component.mttr == 36_000
    assert component.mttf == pytest.approx(3_600_000)


def test_digits_of_a_literal_are_kept_on_both_sides() -> None:
    (component,) = parse("99.99999999999999999999%").components
    assert component == Component(name="99.99999999999999999999% at column 1", up=1.0, down=1e-22)


@pytest.mark.parametrize(
    ("beta", "printed"),
    [("0", "1.00e-04"), ("0.01", "1.98e-04"), ("5%", "5.90e-04"), ("0.1", "1.081e-03"), ("0.2", "2.064e-03")],
)
def test_common_cause(beta: str, printed: str) -> None:
    digits = len(printed.split("e")[0]) - 2
    expression = parse(f"parallel(0.99, 0.99, beta={beta})")
    assert f"{1 - evaluate(expression):.{digits}e}" == printed


def test_common_cause_is_a_component_of_its_own() -> None:
    expression = parse("kofn(2, 3 * 0.99, beta=0.1)")
    assert expression.components[0].name == "common cause at column 1"
    assert expression.components[0].down == pytest.approx(0.001)
    assert expression.components[1].down == pytest.approx(0.009)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "column 1: the end stands where a value should; write 0.99, a name or series(...)"),
        ("99", "column 1: 99 is not between 0 and 1; write 0.99 or 99%"),
        ("series(0.9, 120%)", "column 13: 120% is not between 0 and 1; write 0.99 or 99%"),
        ("0.9h", "column 1: '0.9h' is not a fraction; write a number such as 0.99 or 99%"),
        ("1e9999", "column 1: 1e999 is not between 0 and 1; write 0.99 or 99%"),
        ("series(0.9", "column 11: the end stands where ')' should; write ')' here"),
        ("series 0.9", "column 1: 'series' is not defined; write series(...)"),
        ("series(0.9))", "column 12: ')' follows the end; separate definitions with ';'"),
        ("series(0.9,, 0.9)", "column 12: ',' stands where a value should"),
        ("series()", "column 8: ')' stands where a value should"),
        ("serial(0.9)", "column 1: 'serial' is not a function; use one of series, parallel, kofn, bridge, unit"),
        ("series(lb)", "column 8: 'lb' is not defined; define it first: lb = 0.99; ..."),
        ("web = 0.9; series(wbe)", "column 19: 'wbe' is not defined; did you mean 'web'?"),
        ("a = 0.9; a = 0.8; a", "column 10: 'a' is already defined; choose another name"),
        ("a = 0.9; 0.8", "column 1: 'a' is never used; use it or remove it"),
        ("a = a; a", "column 5: 'a' is not defined"),
        ("series = 0.9; series", "column 1: 'series' is a function; choose another name"),
        ("kofn(4, 3 * 0.9)", "column 6: 4 of only 3 can never be up; give at least 4 members"),
        ("kofn(0, 0.9)", "column 6: '0' is not a count; write a whole number from 1 to 256"),
        ("kofn(1.5, 0.9)", "column 6: '1.5' is not a count"),
        ("series(999 * 0.9)", "column 8: '999' is not a count"),
        ("bridge(0.9, 0.9)", "column 1: bridge has 2 members; give five"),
        ("unit(mttf=10, mttr=1h)", "column 11: '10' is not a duration; write a number with one of the units s, min, h"),
        ("unit(mttr=1h, mttf=1h)", "column 6: 'mttr' stands where 'mttf' should; write 'mttf' here"),
        ("unit(mttf=0h, mttr=0h)", "column 1: mttf and mttr are both 0"),
        ("unit(mttf=1e999h, mttr=1h)", "column 11: '1e999h' is too long"),
        ("series(0.9, beta=0.1)", "column 11: ',' stands where ')' should"),
        ("parallel(0.9, 0.8, beta=0.1)", "column 1: beta joins members that differ"),
        ("parallel(series(0.9, 0.9), 0.81, beta=0.1)", "column 1: beta joins members that differ"),
        ("a = 0.9; parallel(a, a, beta=0.1)", "column 10: beta joins a component with itself; use '2 * name'"),
        ("a = 0.9; series(a, parallel(a, 0.9, beta=0.1))", "'a' stands both in a group with beta and elsewhere"),
        ("0.9 & 0.8", "column 5: '&' means nothing here; remove it"),
        ("a = 0.9;\nseries(a, b)", "line 2, column 11: 'b' is not defined"),
    ],
)
def test_complaints(text: str, complaint: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(text)
    assert str(caught.value).startswith(complaint)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("series(" * 40 + "0.9" + ")" * 40, "nested deeper than 32"),
        ("a0 = 0.9;" + "".join(f"a{i} = series(a{i - 1});" for i in range(1, 60)) + "a59", "through its names"),
        ("a0 = 0.9;" + "".join(f"a{i} = series(a{i - 1}, a{i - 1});" for i in range(1, 30)) + "a29", "more than 2000"),
        ("series(250 * series(250 * 0.9))", "more than 2000"),
        ("a = series(200 * 0.9); series(" + ", ".join(["9 * a"] * 1000) + ")", "more than 2000"),
        ("series(200 * 0.9, 200 * 0.9)", "400 components; an expression may have 256"),
        ("".join(f"a{i} = 0.9;" for i in range(13)) + "x = series(" + ",".join(f"a{i}" for i in range(13)) + ");"
         "series(x, x)", "13 components are used in more than one place; at most 12"),
        ("0.9" + " " * 10_000, "10003 characters"),
        ("series(" + "9" * 9_000 + " * 0.9)", "is not a count"),
    ],
)  # fmt: skip
def test_everything_is_bounded(text: str, complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        parse(text)


@settings(deadline=None)
@given(st.text(alphabet="abkof n.0159%=;,()*#\nseriesunitmttfh", max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        expression = parse(text)
    except BadInput as refusal:
        assert ";" in str(refusal)
    else:
        assert 0 <= evaluate(expression) <= 1
