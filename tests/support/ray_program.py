"""A shell script that plays `ray start` and leaves real processes, and what a node is told to start it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.support.ports import free_port
from tests.support.programs import make_program
from tests.support.sessions import SESSION

# Plays `ray start`: keeps its arguments, and leaves the processes named by the first line's variable.
RAY = """#!/bin/bash
temp=$(printf '%s\\n' "$@" | sed -n 's/^--temp-dir=//p')
address=$(printf '%s\\n' "$@" | sed -n 's/^--node-ip-address=//p')
gcs=$(printf '%s\\n' "$@" | sed -n 's/^--address=//p')
mkdir -p "$temp/@SESSION@/logs"
printf '%s\\n' "$@" > "$temp/@SESSION@/logs/arguments"
begin() {  # NAME OPTION...
    name=$1; shift
    (exec -a "$name" "@PYTHON@" -I -S -c "import sys, time; open(sys.argv[1], 'w'); time.sleep(60)" \\
        "$temp/$name.ready" "$@" < /dev/null > /dev/null 2>&1) &
    until [ -e "$temp/$name.ready" ]; do sleep 0.02; done
    rm "$temp/$name.ready"
}
raylet() {
    begin raylet "--raylet_socket_name=$temp/@SESSION@/sockets/raylet" --node-id=abc \\
        "--node-ip-address=$address" "--gcs-address=$gcs"
}
gcs() { begin gcs_server "--log_dir=$temp/@SESSION@/logs"; }
"""


def fake_ray(tmp_path: Path, lines: str) -> str:
    """The path of a `ray` that runs these ``lines`` of shell, which can say ``raylet`` and ``gcs``."""
    text = RAY.replace("@SESSION@", SESSION).replace("@PYTHON@", sys.executable)
    return str(make_program(tmp_path / "bin/ray", f"{text}{lines}\n"))


def head_spec(temp_dir: Path, ray: str, **more: object) -> dict[str, Any]:
    """What the node of a head is told; ``more`` wins."""
    return {
        "role": "head",
        "name": "head",
        "temp_dir": str(temp_dir),
        "log_dir": f"{temp_dir}-logs",
        "keep_logs": 5,
        "ray_command": ray,
        "python_path": "",
        "conda_env": "",
        "head_host": "localhost",
        "head_port": free_port(),
        "dashboard": False,
        "dashboard_host": "0.0.0.0",
        "dashboard_port": 8265,
        "num_cpus": None,
        "object_store_memory": None,
        "ray_args": [],
        "session": "",
        "fence": False,
        "recover": False,
        "gcs_storage": False,
        "bind_host": "",
        "sage_home": "",
        "answer_timeout": 15.0,
        "version_check": False,
        "head_versions": {},
        "timeout": 20.0,
        "ssh_address": "127.0.0.1",
        **more,
    }


def worker_spec(temp_dir: Path, ray: str, head_port: int, **more: object) -> dict[str, Any]:
    """What the node of a worker is told; ``more`` wins."""
    return head_spec(temp_dir, ray, **{"role": "worker", "name": "worker-1", "head_port": head_port, **more})
