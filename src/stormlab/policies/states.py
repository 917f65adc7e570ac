"""Draws the state table of a policy: the table is the specification, the diagram follows from it."""

from __future__ import annotations

from collections.abc import Mapping


def mermaid(transitions: Mapping[tuple[str, str], str], start: str) -> str:
    """A Mermaid state diagram of ``{(state, signal): next state}``.

    Example:
        >>> print(mermaid({("shut", "knock"): "open", ("open", "slam"): "shut"}, start="shut"))
        stateDiagram-v2
            [*] --> shut
            shut --> open: knock
            open --> shut: slam
    """
    names = {state: state.replace("-", "_") for pair in transitions.items() for state in (pair[0][0], pair[1])}
    arrows = [f"{names[before]} --> {names[after]}: {signal}" for (before, signal), after in transitions.items()]
    return "\n    ".join(["stateDiagram-v2", f"[*] --> {names[start]}", *arrows])
