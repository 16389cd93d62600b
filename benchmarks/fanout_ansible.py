"""Ansible as the fourth client of the fan-out: its command line, as its documentation advises for speed."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.errors import BenchmarkError
from sage_cluster.config.schema import SshConfig

PLAYBOOK = """
- hosts: all
  strategy: free
  gather_facts: false
  tasks:
    - ansible.builtin.raw: "{command}"
      changed_when: false
"""
SECONDS = 300.0
KEPT = "-o ControlMaster=auto -o ControlPersist=60s"
FRESH = "-o ControlMaster=no"


def run_ansible(program: Path, settings: SshConfig, hosts: list[str], warm: bool, at_once: int) -> dict[str, Any]:
    """Run `true` by a playbook on one connection for each host. Answers wall and CPU seconds of the whole command.

    With ``warm`` the playbook ran before and its connections are kept (ControlPersist). Raises BenchmarkError.
    """
    with TemporaryDirectory(prefix="ansible-") as name:
        directory = Path(name)
        # An alias for each connection, with a socket of its own: else those to one host would share one.
        lines = [
            f"n{number} ansible_host={host} ansible_control_path={name}/n{number}" for number, host in enumerate(hosts)
        ]
        (directory / "hosts").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (directory / "play.yaml").write_text(PLAYBOOK.format(command="true"), encoding="utf-8")
        known = f"-o UserKnownHostsFile={settings.known_hosts}"
        environ = {
            **os.environ,
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_LOCAL_TEMP": name,
            "ANSIBLE_PIPELINING": "True",
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
            "ANSIBLE_SSH_ARGS": f"{KEPT if warm else FRESH} {known}",
        }
        argv = [str(program), "-i", name + "/hosts", "-f", str(at_once), "-u", settings.user or ""]
        argv += ["--private-key", settings.key_path or "", name + "/play.yaml"]
        try:
            if warm:
                _run(argv, environ)
            began, before = time.monotonic(), _cpu()
            _run(argv, environ)
            return {"wall": time.monotonic() - began, "cpu": _cpu() - before}
        finally:
            for number, host in enumerate(hosts if warm else ()):
                end = ["ssh", "-O", "exit", "-o", f"ControlPath={name}/n{number}", host]
                subprocess.run(end, capture_output=True, timeout=SECONDS, check=False)


def _run(argv: list[str], environ: dict[str, str]) -> None:
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        raise BenchmarkError((done.stdout + done.stderr)[-1500:], where="ansible", fix="run the playbook by hand")


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
