"""Every fault there is: one row each, from the files of their families."""

from __future__ import annotations

from sage_lab.faults.errors import UnknownFaultError
from sage_lab.faults.families import clock, disk, environment, link, link_down, node, partition, process, resource, ssh
from sage_lab.faults.kinds import FaultKind, Kind

_ALL: tuple[Kind, ...] = (
    *process.KINDS,
    *node.KINDS,
    *partition.KINDS,
    *link.KINDS,
    *link_down.KINDS,
    *ssh.KINDS,
    *disk.KINDS,
    *resource.KINDS,
    *clock.KINDS,
    *environment.KINDS,
)
_BY_KIND = {kind.kind: kind for kind in _ALL}


def catalogue() -> tuple[Kind, ...]:
    """All faults, family by family."""
    return _ALL


def kind_of(name: FaultKind | str) -> Kind:
    """The fault of that name; small or large letters, and ``_`` or ``-`` between words, are the same.

    Raises UnknownFaultError that names the nearest ones.
    """
    plain = " ".join(str(name).lower().replace("_", " ").replace("-", " ").split())
    for kind in _ALL:
        if kind.name.replace("-", " ") == plain:
            return kind
    near = [kind.name for kind in _ALL if set(plain.split()) & set(kind.name.split())]
    raise UnknownFaultError(
        f"there is no fault {str(name)!r}",
        where="faults",
        fix=f"did you mean: {', '.join(near)}" if near else "'sage-lab faults list' shows all",
    )
