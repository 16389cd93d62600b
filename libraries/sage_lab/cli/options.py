"""Options that several commands have."""

from __future__ import annotations

import click

name_option = click.option("--name", help="The lab's name; else $SAGE_LAB, else one for this environment.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
