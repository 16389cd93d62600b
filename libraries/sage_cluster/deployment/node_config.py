"""The configuration file as a node gets it: the cluster's, without this machine's secrets, with the node's values."""

from __future__ import annotations

import copy
from typing import Any

import yaml

from sage_cluster.nodes.spec import RayNode

HEADER = "# Written by a deployment of sage-cluster: the next one replaces it. Change the controller's file instead.\n"
CONTROLLERS_OWN = {"ssh": ("key_path", "known_hosts"), "deploy": ("project", "wheels", "cache", "exclude")}


def node_configuration(text: str, node: RayNode) -> str:
    """The configuration ``text`` for a node: a section ``node`` says which one it is; paths of the controller go."""
    data: dict[str, Any] = copy.deepcopy(yaml.safe_load(text) or {})
    for section, keys in CONTROLLERS_OWN.items():
        for key in keys:
            if isinstance(data.get(section), dict):
                data[section].pop(key, None)
    data["node"] = {
        "name": node.name,
        "role": node.role,
        "host": node.target.host,
        "ssh_port": node.target.port,
        **{
            key: node.spec[key]
            for key in ("sage_home", "temp_dir", "log_dir", "ray_command", "python_path", "conda_env")
        },
    }
    return HEADER + yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
