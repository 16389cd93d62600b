"""Whether existing machines are as a lab needs them: asked of all at once, and told of all together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sage_lab.errors import LabError, MachineError
from sage_lab.inventory import Inventory, ListedMachine
from sage_lab.providers.ssh_access import SshAccess

_TIMEOUT = 30.0
_ASK = """
import importlib.metadata, json, os, platform, shutil, sys
try:
    ray = importlib.metadata.version("ray")
except importlib.metadata.PackageNotFoundError:
    ray = ""
command = shutil.which(os.path.expanduser(sys.argv[1])) or ""
links = sorted(os.listdir("/sys/class/net"))
print(json.dumps({"python": platform.python_version(), "ray": ray, "command": command, "links": links}))
"""


def check(inventory: Inventory, connections: Mapping[str, SshAccess]) -> dict[str, dict[str, Any]]:
    """Ask every machine; raises MachineError with everything that is wrong on any of them.

    Returns by the machine's name its versions of Python and Ray, the path of its ``ray`` and its network links.
    """
    with ThreadPoolExecutor(max_workers=len(inventory.machines)) as pool:
        found = list(pool.map(lambda one: _ask(one, connections[one.name]), inventory.machines))
    facts = {machine.name: one for machine, (one, _) in zip(inventory.machines, found, strict=True)}
    wrong = [line for _, lines in found for line in lines]
    for what in ("python", "ray"):
        versions = {one[what].rsplit(".", 1)[0] if what == "python" else one[what] for one in facts.values() if one}
        if not wrong and len(versions) > 1:
            told = ", ".join(f"{name} {one[what]}" for name, one in facts.items())
            wrong.append(f"the versions of {what} differ, and Ray joins only like ones: {told}")
    if wrong:
        raise MachineError(
            "\n  ".join([f"{len(wrong)} things are not as a lab needs them:", *wrong]),
            where=inventory.path,
            fix="mend them, or take the machine out of the inventory",
        )
    return facts


def _ask(machine: ListedMachine, connection: SshAccess) -> tuple[dict[str, Any], list[str]]:
    try:
        said = connection.run([machine.python, "-I", "-c", _ASK, machine.ray], timeout=_TIMEOUT)
        root = connection.run(["id", "-u"], root=True, timeout=_TIMEOUT) if machine.become != "none" else None
    except LabError as error:
        return {}, [str(error).replace("\n", "\n  ")]
    if said.returncode != 0:
        return {}, [f"{machine.name}: python {machine.python!r}: {said.stderr.strip()[-500:]}"]
    facts: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    wrong = []
    if not facts["ray"]:
        wrong.append(f"{machine.name}: {machine.python} has no Ray")
    if not facts["command"]:
        wrong.append(f"{machine.name}: there is no program {machine.ray!r}; give its path as 'ray'")
    if root is not None and (root.returncode != 0 or root.stdout.strip() != "0"):
        said_by_sudo = root.stderr.strip()[-300:] or f"'id -u' says {root.stdout.strip()}"
        wrong.append(f"{machine.name}: nobody can be root by 'become: {machine.become}': {said_by_sudo}")
    return facts, wrong
