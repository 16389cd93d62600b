"""The configuration file as a node gets it: the cluster's, without this machine's secrets, with the node's values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from sage_cluster.nodes.spec import RayNode

HEADER = "# Written by a deployment of sage-cluster: the next one replaces it. Change the controller's file instead.\n"
CONTROLLERS_OWN = {"ssh": ("key_path", "known_hosts"), "deploy": ("project", "wheels", "cache", "exclude")}


def node_configuration(config: Mapping[str, Any], node: RayNode) -> str:
    """The configuration file of a node, made of the controller's content.

    A section ``node`` says which node it is; paths of the controller go.
    """
    data = dict(config)
    for section, keys in CONTROLLERS_OWN.items():
        if isinstance(data.get(section), dict):
            data[section] = {key: value for key, value in data[section].items() if key not in keys}
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
