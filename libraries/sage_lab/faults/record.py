"""Active faults on disk: an entry in the lab's ledger and a record file each, written before the injection."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sage_lab.faults.catalogue import FaultKind
from sage_lab.faults.errors import FaultError
from sage_lab.faults.kinds import Plan
from sage_lab.ledger import Ledger

LEDGER_KIND = "fault"
DIRECTORY = "faults"


@dataclass(frozen=True)
class Record:
    """All that is needed to heal a fault, by whoever finds it. ``lease`` is in seconds."""

    id: str
    kind: FaultKind
    targets: tuple[str, ...]
    options: dict[str, Any]
    lease: float
    plans: dict[str, Plan] = field(default_factory=dict)


def write(directory: Path, record: Record) -> None:
    """Put the record into the ledger and on disk; call it before anything is done to a node."""
    path = path_of(directory, record.id)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    Ledger(directory).record(LEDGER_KIND, path)
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps(asdict(record)) + "\n", encoding="utf-8")
    scratch.replace(path)


def remove(directory: Path, fault: str) -> None:
    """The fault is healed; removed already is no error."""
    path_of(directory, fault).unlink(missing_ok=True)


def is_active(directory: Path, fault: str) -> bool:
    """Whether the fault was injected and is not healed."""
    return path_of(directory, fault).exists()


def read_all(directory: Path) -> list[Record]:
    """Every fault of the ledger that is not healed, the oldest first."""
    found: list[Record] = []
    for entry in Ledger(directory).entries():
        if entry.kind == LEDGER_KIND and (record := _read(Path(entry.target))) is not None:
            found.append(record)
    return found


def path_of(directory: Path, fault: str) -> Path:
    """Where the record of a fault lies while it is active."""
    return directory / DIRECTORY / f"{fault}.json"


def _read(path: Path) -> Record | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Record(**{**content, "kind": FaultKind(content["kind"]), "targets": tuple(content["targets"])})
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise FaultError(
            f"is no record of a fault: {error}",
            where=str(path),
            fix="take the lab down: 'sage-lab down' discards its faults",
        ) from error
