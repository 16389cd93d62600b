"""Every fault there is: one row each, from the files of their families."""

from __future__ import annotations

from enum import EnumType, StrEnum
from typing import TYPE_CHECKING

from sage_lab.faults.errors import UnknownFaultError
from sage_lab.faults.families import clock, disk, environment, link, node, partition, process, resource, ssh
from sage_lab.faults.kinds import Kind

_FAMILIES = (process, node, partition, link, ssh, disk, resource, clock, environment)
_ALL: tuple[Kind, ...] = tuple(kind for family in _FAMILIES for kind in family.KINDS)


class _Catalogued(EnumType):
    if TYPE_CHECKING:  # which members there are is known when the families are read

        def __getattr__(cls, name: str) -> FaultKind: ...


class FaultKind(StrEnum, metaclass=_Catalogued):
    """Every fault by its plain name; a member is called as its fault, in capitals."""

    _ignore_ = "member kind"
    member = vars()
    for kind in _ALL:
        member[kind.name.upper().replace(" ", "_").replace("-", "_")] = kind.name


def catalogue() -> tuple[Kind, ...]:
    """All faults, family by family."""
    return _ALL


def kind_of(name: str) -> Kind:
    """The fault of that name; small or large letters, and ``_`` or ``-`` between words, are the same.

    Raises UnknownFaultError that names the nearest ones.
    """
    plain = _plain(name)
    for kind in _ALL:
        if _plain(kind.name) == plain:
            return kind
    near = [kind.name for kind in _ALL if set(plain.split()) & set(kind.name.split())]
    raise UnknownFaultError(
        f"there is no fault {str(name)!r}",
        where="faults",
        fix=f"did you mean: {', '.join(near)}" if near else "'sage-lab faults list' shows all",
    )


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())
