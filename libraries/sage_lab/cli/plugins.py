"""Commands that other packages add to ``sage-lab`` by entry points: this package imports none of them."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

import click

GROUP = "sage_lab.commands"


class OpenGroup(click.Group):
    """A group with commands of its own and those of the entry points; these are loaded when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all."""
        return sorted({*super().list_commands(ctx), *_added()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None. ClickException when it is there but cannot be loaded."""
        own = super().get_command(ctx, cmd_name)
        if own or cmd_name not in _added():
            return own
        added = _added()[cmd_name]
        try:
            command: click.Command = added.load()
        except ImportError as error:
            raise click.ClickException(
                f"{cmd_name}: {added.value} cannot be loaded: {error}; 'make lint' installs what is missing"
            ) from error
        return command


def _added() -> dict[str, EntryPoint]:
    return {found.name: found for found in entry_points(group=GROUP)}
