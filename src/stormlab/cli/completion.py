"""Names that the shell completes: scenarios and their variants."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from stormlab.errors import BadInput


def scenario_names(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Scenarios by name, then files."""
    from stormlab.scenario.loader import catalogue

    names = [CompletionItem(name) for name in catalogue() if name.startswith(incomplete)]
    return names or [CompletionItem(incomplete, type="file")]


def variant_names(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Variants of the scenario already on the line; after a comma the next one."""
    from stormlab.scenario.loader import read

    # behind an option that lacks its value click leaves arguments unassigned
    named = ctx.params.get("scenario") or next(iter(ctx.args), "")
    try:
        variants = read(named).variants
    except BadInput:
        return []
    before, comma, last = incomplete.rpartition(",")
    return [CompletionItem(f"{before}{comma}{name}") for name in variants if name.startswith(last)]
