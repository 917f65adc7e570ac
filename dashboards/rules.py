"""Recording rules and alerts; each alert links the page of docs/runbooks that says what to do.

Burn rates follow the Site Reliability Workbook, chapter 5: an alert needs a long window that shows it matters and a
short one that shows it still goes on. Windows here are minutes, not hours: a testbed's incidents last minutes.
"""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

from stormlab.telemetry import names

#: The objective: the share of requests that succeed.
OBJECTIVE = 0.99
RUNBOOKS = "docs/runbooks"
_MILLISECONDS = {"s": 1000, "m": 60_000}
#: A window or an offset in PromQL: what stands before it, and the duration.
_DURATION = re.compile(r"(\[|\boffset )(\d+[sm])")
_AMPLIFICATION, _SUCCESS = "edge:amplification:ratio_rate10s", "edge:success:ratio_rate10s"
_GOODPUT, _REQUESTS, _ATTEMPTS = "edge:goodput:rate10s", "edge:requests:rate10s", "edge:attempts:rate10s"


def groups() -> dict[str, Any]:
    """The rule file."""
    return {
        "groups": [
            {"name": "stormlab-edges", "interval": "1s", "rules": [*_rates(), *_error_ratios()]},
            {"name": "stormlab-alerts", "interval": "1s", "rules": _alerts()},
        ]
    }


def compressed(tree: dict[str, Any], factor: float) -> dict[str, Any]:
    """The rules of ``tree`` for a world that runs ``factor`` times as fast: all windows, offsets and waits are shorter.

    Names keep the windows that they had. Windows have to stay longer than two scrapes.
    """
    tree = deepcopy(tree)
    for rule in (rule for group in tree["groups"] for rule in group["rules"]):
        rule["expr"] = _DURATION.sub(lambda found: found[1] + _shorter(found[2], factor), rule["expr"])
        if "for" in rule:
            rule["for"] = _shorter(rule["for"], factor)
    return tree


def _shorter(duration: str, factor: float) -> str:
    return f"{int(duration[:-1]) * _MILLISECONDS[duration[-1]] / factor:.0f}ms"


def _rates() -> list[dict[str, Any]]:
    requests = f"sum by (edge) (rate({names.EDGE_REQUESTS}[10s]))"
    good = f'sum by (edge) (rate({names.EDGE_REQUESTS}{{ending="ok"}}[10s]))'
    return [
        _record(_REQUESTS, requests),
        _record(_ATTEMPTS, f"sum by (edge) (rate({names.EDGE_ATTEMPTS}[10s]))"),
        _record(_GOODPUT, f"{good} or 0 * {requests}"),
        _record(_AMPLIFICATION, f"{_ATTEMPTS} / ({_REQUESTS} > 0)"),
        _record(_SUCCESS, f"{_GOODPUT} / ({_REQUESTS} > 0)"),
    ]


def _error_ratios() -> list[dict[str, Any]]:
    return [_record(f"edge:errors:ratio_rate{window}", _errors(window)) for window in ("30s", "1m", "5m", "10m")]


def _errors(window: str) -> str:
    total = f"sum by (edge) (rate({names.EDGE_REQUESTS}[{window}]))"
    good = f'sum by (edge) (rate({names.EDGE_REQUESTS}{{ending="ok"}}[{window}]))'
    return f"1 - ({good} or 0 * {total}) / ({total} > 0)"


def _alerts() -> list[dict[str, Any]]:
    return [
        _alert("FastBurn", _burn(14.4, "5m", "30s"), "page", "budget of {{ $labels.edge }} burns 14 times too fast"),
        _alert("SlowBurn", _burn(6, "10m", "1m"), "ticket", "budget of {{ $labels.edge }} burns 6 times too fast"),
        _alert(
            "Amplification",
            f"{_AMPLIFICATION} > 1.5",
            "page",
            "{{ $labels.edge }} sends {{ $value | humanize }} attempts per request",
            lasting="5s",
        ),
        _alert(
            "BreakerOpen",
            f'max by (edge, policy) ({names.EDGE_STATE}{{state="open"}}) == 1',
            "ticket",
            "{{ $labels.policy }} of {{ $labels.edge }} is open",
        ),
        _alert(
            "GoodputCollapse",
            f"{_GOODPUT} < 0.5 * (avg_over_time({_GOODPUT}[1m] offset 1m) > 1)",
            "page",
            "goodput of {{ $labels.edge }} is less than half of what it was",
            lasting="5s",
        ),
        _alert(
            "SuspectedMetastability",
            f"({_SUCCESS} < 0.5 and {_AMPLIFICATION} > 1.5) unless on () (max({names.FAULT_ACTIVE}) > 0)",
            "page",
            "{{ $labels.edge }} stays down with no fault active, and is retried",
            lasting="10s",
        ),
    ]


def _burn(factor: float, long: str, short: str) -> str:
    bound = f"{factor * (1 - OBJECTIVE):g}"
    return f"edge:errors:ratio_rate{long} > {bound} and edge:errors:ratio_rate{short} > {bound}"


def _record(name: str, expr: str) -> dict[str, Any]:
    return {"record": name, "expr": expr}


def _alert(name: str, expr: str, severity: str, summary: str, *, lasting: str = "2s") -> dict[str, Any]:
    page = f"{RUNBOOKS}/{_file(name)}.md"
    notes = {"summary": summary, "runbook_url": page}
    return {"alert": name, "expr": expr, "for": lasting, "labels": {"severity": severity}, "annotations": notes}


def _file(name: str) -> str:
    """``FastBurn`` → ``fast-burn``."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("-")
