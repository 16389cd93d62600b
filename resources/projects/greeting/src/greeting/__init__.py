"""A small project to deploy: it greets."""

import sys

from greeting.words import GREETING


def greet(name: str) -> str:
    """A greeting for somebody."""
    return f"{GREETING}, {name}!"


def main() -> None:
    """The command `greet`."""
    sys.stdout.write(greet("world") + "\n")
