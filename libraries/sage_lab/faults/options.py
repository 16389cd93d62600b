"""Options of a fault: filled in, checked, and read from text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sage_lab.faults.errors import FaultOptionError
from sage_lab.faults.kinds import Kind, Option

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h)\s*")


def complete(kind: Kind, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of all options, those not given by their defaults; text becomes a number where one is due.

    Raises FaultOptionError that names the option, the value and what would do.
    """
    known = {option.name: option for option in kind.options}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise FaultOptionError(
            f"there is no option {unknown[0]!r}",
            where=kind.name,
            fix=f"options: {', '.join(known) or 'none'}",
        )
    return {name: _value(kind, option, given.get(name, option.default)) for name, option in known.items()}


def parse(words: tuple[str, ...]) -> dict[str, str]:
    """Options as a person writes them, ``name=value`` each; raises FaultOptionError."""
    parsed: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise FaultOptionError(f"{word!r} is no option", where="--option", fix="write name=value")
        parsed[name] = value
    return parsed


def seconds(text: str) -> float:
    """A length of time such as ``30s``, ``1m30s`` or ``500ms``, in seconds; a bare number is seconds.

    Raises FaultOptionError.
    """
    try:
        return _positive(float(text), text)
    except ValueError:
        pass
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text).strip():
        raise FaultOptionError(f"{text!r} is no length of time", where="time", fix="write for example 30s or 1m30s")
    return _positive(sum(float(number) * _UNITS[unit] for number, unit in parts), text)


def _positive(value: float, text: str) -> float:
    if not 0 <= value < float("inf"):
        raise FaultOptionError(f"{text!r} is no length of time", where="time", fix="write for example 30s")
    return value


def _value(kind: Kind, option: Option, given: object) -> int | float | str:
    wanted = type(option.default)
    try:
        value = wanted(str(given))
    except (TypeError, ValueError):
        raise _wrong(kind, option, given, f"use {_named(wanted)}") from None
    if option.choices and value not in option.choices:
        raise _wrong(kind, option, given, f"use {' or '.join(option.choices)}")
    if isinstance(value, int | float) and not (
        (option.least is None or value >= option.least) and (option.most is None or value <= option.most)
    ):
        raise _wrong(kind, option, given, f"use {option.least:g} to {option.most:g}")
    return value


def _wrong(kind: Kind, option: Option, given: object, fix: str) -> FaultOptionError:
    return FaultOptionError(f"option {option.name} cannot be {given!r}", where=kind.name, fix=fix)


def _named(wanted: type) -> str:
    return {"int": "a whole number", "float": "a number"}.get(wanted.__name__, "text")
