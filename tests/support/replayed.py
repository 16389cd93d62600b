"""Programs that replay a conversation: each call is answered as the session says, and written down."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PLAYER = """#!{python}
import json, os, sys, time
here = os.path.dirname(os.path.abspath(__file__))
name = os.path.basename(__file__)
words = sys.argv[1:]
told = {{key: value for key, value in os.environ.items() if key.startswith(("SAGE_", "VAGRANT_"))}}
call = {{"words": words, "pid": os.getpid(), "group": os.getpgid(0), "env": told}}
with open(os.path.join(here, name + ".calls"), "a") as calls:
    calls.write(json.dumps(call) + "\\n")
for answer in json.load(open(os.path.join(here, name + ".session"))):
    if words[:len(answer["words"])] == answer["words"]:
        sys.stdout.write(answer.get("says", ""))
        sys.stdout.flush()
        sys.stderr.write(answer.get("complains", ""))
        sys.stderr.flush()
        time.sleep(answer.get("seconds", 0))
        sys.exit(answer.get("status", 0))
sys.stderr.write("the session has no answer to: " + " ".join(words) + "\\n")
sys.exit(97)
"""


@dataclass(frozen=True)
class Replayed:
    """One program in a directory, which has to be on the path."""

    path: Path

    @property
    def calls(self) -> list[dict[str, Any]]:
        """What it was called with, in order."""
        file = self.path.with_name(f"{self.path.name}.calls")
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    @property
    def words(self) -> list[str]:
        """The same as lines."""
        return [" ".join(call["words"]) for call in self.calls]


def replay(directory: Path, program: str, session: list[dict[str, Any]]) -> Replayed:
    """Make the program; the first answer whose words begin the call is given."""
    path = directory / program
    path.write_text(PLAYER.format(python=sys.executable))
    path.chmod(0o755)
    path.with_name(f"{program}.calls").unlink(missing_ok=True)
    path.with_name(f"{program}.session").write_text(json.dumps(session))
    return Replayed(path)


URI = ["--connect", "qemu:///system"]


def virsh(programs: Path, *answers: tuple[str, str] | tuple[str, str, int]) -> Replayed:
    """A virsh that gives these answers; of a failed call the text is its complaint."""
    session: list[dict[str, Any]] = []
    for words, said, *status in answers:
        failed = bool(status and status[0])
        session.append(
            {
                "words": [*URI, *words.split()],
                "complains" if failed else "says": said,
                "status": status[0] if status else 0,
            }
        )
    return replay(programs, "virsh", session)


def said_to(player: Replayed) -> list[str]:
    """The calls of a virsh, without where to connect."""
    return [line.removeprefix(" ".join(URI) + " ") for line in player.words]


LEFT = (
    ("list --all --name", "t-vm_head\nt-vm_worker-1\nt-vm_db\nt-vm2_head\nmine\n"),
    ("list --name", "t-vm_head\nt-vm2_head\nmine\n"),
    ("pool-list --name", "default\n"),
    (
        "vol-list default",
        " Name   Path\n-----------\n t-vm_head.img /p/t-vm_head.img\n t-vm_head-vdb.qcow2 /p/x\n"
        " t-vm_head-mine.img /p/y\n t-vm_db.img /p/t-vm_db.img\n mine.img /p/mine.img\n",
    ),
    ("net-list --all --name", "default\nt-vm_cluster\nt-vm_control\n"),
    ("net-list --name", "default\nt-vm_control\n"),
)
"""What virsh lists: a lab t-vm, another lab, what is nobody's lab, and somebody's t-vm_db, called like the lab's."""
