"""The expression language of ``stormlab availability``: text in, :class:`Expression` out, errors that name the column.

    program   = { name "=" value ";" } value [ ";" ]
    value     = number [ "%" ] | name | call
    call      = ( "series" | "parallel" ) "(" members [ "," "beta" "=" number ] ")"
              | "kofn" "(" count "," members [ "," "beta" "=" number ] ")"
              | "bridge" "(" value "," value "," value "," value "," value ")"
              | "unit" "(" "mttf" "=" duration "," "mttr" "=" duration ")"
    members   = member { "," member }
    member    = [ count "*" ] value
    duration  = number ( "s" | "min" | "h" | "d" | "w" | "y" )

A number is an availability between 0 and 1, or a percentage. A name stands for one physical thing: used twice, it is
up in both places or in neither. ``3 * x`` makes three independent copies of ``x`` and of everything in it. ``beta`` is
the share of each member's unavailability that strikes all members at once; members are then equal components. In
``unit`` the units are seconds, minutes, hours, days, weeks and years of 365.25 days. ``#`` starts a comment that ends
with the line.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from difflib import get_close_matches
from itertools import chain, islice

from stormlab.availability.model import (
    MAX_COMPONENTS,
    MAX_NODES,
    Bridge,
    Component,
    Expression,
    KofN,
    Node,
    Parallel,
    Series,
    leaves,
)
from stormlab.availability.tokens import Token, Tokens
from stormlab.errors import BadInput

MAX_LENGTH = 10_000
MAX_DEPTH = 32

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 7 * 86_400.0, "y": 365.25 * 86_400.0}
FUNCTIONS = ("series", "parallel", "kofn", "bridge", "unit")


def parse(text: str) -> Expression:
    """The arrangement that ``text`` describes.

    Raises ``BadInput`` naming column and remedy; also when the text is longer than ``MAX_LENGTH`` characters, nested
    deeper than ``MAX_DEPTH``, or too large to be evaluated exactly (limits in :mod:`stormlab.availability.model`).
    """
    if len(text) > MAX_LENGTH:
        raise BadInput(f"the expression has {len(text)} characters; shorten it to {MAX_LENGTH}")
    return _Parser(text).program()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = Tokens(text)
        self._depth = 0
        self._copies: Counter[str] = Counter()
        self._names: dict[str, Node] = {}
        self._unused: dict[str, Token] = {}

    def program(self) -> Expression:
        while self._tokens.peek().kind == "name" and self._tokens.peek(1).text == "=":
            self._definition()
        root = self._value()
        if self._tokens.peek().text == ";":
            self._tokens.take()
        if self._tokens.peek().kind != "end":
            self._tokens.fail(
                self._tokens.peek(), f"{self._tokens.peek()} follows the end", "separate definitions with ';'"
            )
        for name, token in self._unused.items():
            self._tokens.fail(token, f"{name!r} is never used", "use it or remove it")
        expression = Expression(root)
        self._require_one_meaning(expression)
        return expression

    def _definition(self) -> None:
        token = self._tokens.take()
        if token.text in FUNCTIONS:
            self._tokens.fail(token, f"{token.text!r} is a function", "choose another name")
        if token.text in self._names:
            self._tokens.fail(token, f"{token.text!r} is already defined", "choose another name")
        self._tokens.expect("=")
        is_fresh = self._tokens.peek().kind == "number" or self._tokens.peek().text == "unit"
        node = self._value()
        if is_fresh and isinstance(node, Component):
            node = replace(node, name=token.text)
        self._tokens.expect(";")
        self._names[token.text] = node
        self._unused[token.text] = token

    def _value(self) -> Node:
        token = self._tokens.take()
        if token.kind == "number":
            return self._component(token)
        if token.kind != "name":
            self._tokens.fail(token, f"{token} stands where a value should", "write 0.99, a name or series(...)")
        if self._tokens.peek().text == "(":
            return self._call(token)
        if token.text not in self._names:
            self._tokens.fail(token, f"{token.text!r} is not defined", self._suggestion(token.text))
        self._unused.pop(token.text, None)
        return self._names[token.text]

    def _component(self, token: Token) -> Component:
        up = self._fraction(token)
        name = f"{token.text}{token.unit} at {self._tokens.place(token)}"
        return Component(name=name, up=float(up), down=float(1 - up))

    def _call(self, token: Token) -> Node:
        parsers: dict[str, Callable[[Token], Node]] = {
            "series": self._series,
            "parallel": self._parallel,
            "kofn": self._kofn,
            "bridge": self._bridge,
            "unit": self._unit,
        }
        if token.text not in parsers:
            self._tokens.fail(token, f"{token.text!r} is not a function", f"use one of {', '.join(FUNCTIONS)}")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._tokens.fail(token, f"nested deeper than {MAX_DEPTH}", "name an inner part and use the name")
        self._tokens.expect("(")
        node = parsers[token.text](token)
        self._tokens.expect(")")
        self._depth -= 1
        self._require_size(token, [node])
        if _height(node) > MAX_DEPTH:
            self._tokens.fail(token, f"nested deeper than {MAX_DEPTH} through its names", "flatten it")
        return node

    def _series(self, token: Token) -> Node:
        return Series(self._members())

    def _parallel(self, token: Token) -> Node:
        parts = self._members()
        return self._with_common_cause(token, parts, Parallel)

    def _kofn(self, token: Token) -> Node:
        count = self._tokens.peek()
        needed = self._count(MAX_COMPONENTS)
        self._tokens.expect(",")
        parts = self._members()
        if needed > len(parts):
            self._tokens.fail(
                count, f"{needed} of only {len(parts)} can never be up", f"give at least {needed} members"
            )
        return self._with_common_cause(token, parts, lambda members: KofN(needed, members))

    def _bridge(self, token: Token) -> Node:
        parts = self._members()
        if len(parts) != 5:
            self._tokens.fail(
                token, f"bridge has {len(parts)} members", "give five: a, b (one path), c, d (the other), e (link)"
            )
        return Bridge(parts)

    def _unit(self, token: Token) -> Node:
        mttf = self._duration("mttf")
        self._tokens.expect(",")
        mttr = self._duration("mttr")
        if mttf + mttr == 0:
            self._tokens.fail(token, "mttf and mttr are both 0", "give at least one of them a length")
        up = mttf / (mttf + mttr)
        return Component(name=f"unit at {self._tokens.place(token)}", up=up, down=mttr / (mttf + mttr), mttr=mttr)

    def _members(self) -> tuple[Node, ...]:
        members = list(self._member())
        while self._tokens.peek().text == "," and self._tokens.peek(2).text != "=":
            comma = self._tokens.take()
            members.extend(self._member())
            self._require_size(comma, members)
        return tuple(members)

    def _member(self) -> Iterator[Node]:
        if self._tokens.peek(1).text != "*":
            yield self._value()
            return
        count = self._count(MAX_COMPONENTS)
        self._tokens.expect("*")
        token, original = self._tokens.peek(), self._value()
        self._require_size(token, [original] * count)
        for _ in range(count):
            yield self._copy(original, {})

    def _copy(self, node: Node, copied: dict[Component, Component]) -> Node:
        if not isinstance(node, Component):
            return replace(node, parts=tuple(self._copy(part, copied) for part in node.parts))
        if node not in copied:
            self._copies[node.name] += 1
            copied[node] = replace(node, name=f"{node.name} #{self._copies[node.name]}")
        return copied[node]

    def _with_common_cause(
        self, token: Token, parts: tuple[Node, ...], group: Callable[[tuple[Node, ...]], Node]
    ) -> Node:
        if self._tokens.peek().text != ",":
            return group(parts)
        self._tokens.take()
        self._tokens.expect("beta")
        self._tokens.expect("=")
        beta = float(self._fraction(self._tokens.take()))
        members = [part for part in parts if isinstance(part, Component)]
        if len(members) < len(parts) or len({(member.up, member.mttr) for member in members}) > 1:
            self._tokens.fail(
                token, "beta joins members that differ", "give it single components with the same availability"
            )
        if len(set(members)) < len(members):
            self._tokens.fail(token, "beta joins a component with itself", "use '2 * name' for independent copies")
        shared = members[0].down * beta
        cause = replace(members[0], name=f"common cause at {self._tokens.place(token)}", up=1 - shared, down=shared)
        alone = tuple(_weakened(member, member.down * (1 - beta)) for member in members)
        return Series((cause, group(alone))) if beta else group(parts)

    def _count(self, most: int) -> int:
        token = self._tokens.take()
        if token.kind != "number" or token.unit or not token.text.isdecimal() or not 1 <= float(token.text) <= most:
            self._tokens.fail(token, f"{token} is not a count", f"write a whole number from 1 to {most}")
        return int(token.text)

    def _fraction(self, token: Token) -> Decimal:
        if token.kind != "number" or token.unit.strip() not in ("", "%"):
            self._tokens.fail(token, f"{token} is not a fraction", "write a number such as 0.99 or 99%")
        value = Decimal(token.text) / (100 if token.unit else 1)
        if not 0 <= value <= 1:
            self._tokens.fail(token, f"{token.text}{token.unit} is not between 0 and 1", "write 0.99 or 99%")
        return value

    def _duration(self, key: str) -> float:
        self._tokens.expect(key)
        self._tokens.expect("=")
        token = self._tokens.take()
        if token.kind != "number" or token.unit not in SECONDS:
            remedy = f"write a number with one of the units {', '.join(SECONDS)}, as in {key}=10h"
            self._tokens.fail(token, f"{token} is not a duration", remedy)
        seconds = float(token.text) * SECONDS[token.unit]
        if not math.isfinite(seconds):
            self._tokens.fail(token, f"{token} is too long", "write 1 instead of unit(...) for what never fails")
        return seconds

    def _require_size(self, token: Token, nodes: list[Node]) -> None:
        places = chain.from_iterable(leaves(node) for node in nodes)
        if sum(1 for _ in islice(places, MAX_NODES + 1)) > MAX_NODES:
            self._tokens.fail(token, f"more than {MAX_NODES} components", "split the expression up")

    def _require_one_meaning(self, expression: Expression) -> None:
        seen: set[str] = set()
        for component in expression.components:
            if component.name in seen:
                raise BadInput(
                    f"{component.name!r} stands both in a group with beta and elsewhere; "
                    "give the group components of its own"
                )
            seen.add(component.name)

    def _suggestion(self, name: str) -> str:
        if name in FUNCTIONS:
            return f"write {name}(...)"
        close = get_close_matches(name, [*self._names, *FUNCTIONS], n=1)
        return f"did you mean {close[0]!r}?" if close else f"define it first: {name} = 0.99; ..."


def _weakened(component: Component, down: float) -> Component:
    return replace(component, up=1 - down, down=down)


def _height(node: Node) -> int:
    return 1 if isinstance(node, Component) else 1 + max(_height(part) for part in node.parts)
