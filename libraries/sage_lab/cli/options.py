"""Options that several commands have."""

from __future__ import annotations

import click


def _not_empty(_context: click.Context, _option: click.Parameter, name: str | None) -> str | None:
    """A script's `--name "$LAB"` with LAB unset means no lab, not the default one."""
    if name is not None and not name.strip():
        raise click.BadParameter("it is empty; name a lab, or leave --name out")
    return name


name_option = click.option(
    "--name", callback=_not_empty, help="The lab's name; else $SAGE_LAB, else one for this environment."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
