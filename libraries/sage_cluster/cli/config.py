"""`sage-cluster config ...`: look at the configuration file and change it safely."""

from __future__ import annotations

import json

import click

from sage_cluster.cli.call import Call
from sage_cluster.cli.console import print_json
from sage_cluster.config.check import doubts
from sage_cluster.config.document import parse_value
from sage_cluster.config.reference import reference
from sage_cluster.config_manager import ConfigManager


@click.group()
def config() -> None:
    """The configuration file: create, check, read, change."""


@config.command("init")
@click.pass_obj
def config_init(call: Call) -> None:
    """Write a first configuration file with comments; an existing one is left alone."""
    click.echo(f"written: {ConfigManager(call.config).create_default_config()}")


@config.command("check")
@click.pass_obj
def config_check(call: Call) -> None:
    """Say everything that is wrong with the file, and what in it may not be meant."""
    manager = ConfigManager(call.config)
    loaded = manager.load()
    for doubt in doubts(loaded):
        click.echo(f"{manager.path}: warning: {doubt}", err=True)
    click.echo(f"{manager.path}: good, {len(loaded.workers)} workers")


@config.command("reference")
def config_reference() -> None:
    """Print every key with its default and its meaning, as Markdown."""
    click.echo(reference(), nl=False)


@config.command("get")
@click.argument("key")
@click.pass_obj
def config_get(call: Call, key: str) -> None:
    """One value by its dotted key, such as head.head_port."""
    value = ConfigManager(call.config).get(key)
    if call.as_json:
        print_json(value)
    else:
        click.echo(value if isinstance(value, str) else json.dumps(value, default=str))


@config.command("set")
@click.argument("key")
@click.argument("value")
@click.pass_obj
def config_set(call: Call, key: str, value: str) -> None:
    """Set one value, read as YAML: `sage-cluster config set head.head_port 6380`."""
    ConfigManager(call.config).set(key, parse_value(key, value))
