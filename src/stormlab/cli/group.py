"""A click group whose errors a stranger can act on: one message, a hint at what was meant, the right exit status."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import click

from stormlab.errors import BadInput, RunVoid, StormlabError

#: As shells report a process that Ctrl-C ended.
INTERRUPTED = 130
#: For errors that are ours (EX_SOFTWARE of sysexits.h), so that 1 keeps its meaning.
OUR_FAULT = 70

#: The first that fits.
_STATUS: dict[type[StormlabError], int] = {BadInput: 2, RunVoid: 3, StormlabError: OUR_FAULT}


class StormlabGroup(click.Group):
    """Turns the errors of the library into messages; knows what a mistyped command was meant to be."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except StormlabError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(next(status for kind, status in _STATUS.items() if isinstance(error, kind)))
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            near = get_close_matches(name, self.list_commands(ctx), n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"there is: {', '.join(self.list_commands(ctx))}"
            ctx.fail(f"there is no command {name!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """With the first sentence of each in full, of which click would leave one line."""
        rows = [(name, command.get_short_help_str(limit=200)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a newcomer needs them, not in that of the alphabet."""
        return list(self.commands)
