"""What the lab and the managers both say has to agree: neither package imports the other, and neither could tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from sage_cluster.config.schema import Config, WorkerConfig
from sage_lab import Topology, files
from sage_lab.faults import FaultKind, kind_of
from sage_lab.inventory import Inventory
from sage_lab.model import nodes_of

MADE: dict[str, Any] = yaml.safe_load(
    files.sage_config(nodes_of(Topology.of(workers=1)), Path("/key"), Path("/known"), dashboard=False)
)


def test_the_managers_know_every_key_that_the_lab_writes() -> None:
    config = Config.model_validate(MADE)
    assert not config.model_extra
    assert not {f"{name}.{key}" for name in MADE for key in getattr(config, name).model_extra}


def test_the_lab_writes_no_wait_of_the_managers_but_its_own() -> None:
    """The nodes are on this machine: one that does not answer at once does not answer."""
    waits = {
        f"{name}.{key}" for name, section in MADE.items() for key in section if "timeout" in key or "_after" in key
    }
    assert waits == {"ssh.connect_timeout"}


def test_machines_of_an_inventory_keep_their_logs_where_the_managers_would() -> None:
    assert Inventory.log_dir == WorkerConfig().log_dir


@pytest.mark.parametrize("kind", [FaultKind.PORT_CUT, FaultKind.PORT_TAKEN])
def test_the_port_that_a_fault_hits_is_the_one_that_the_lab_gives_the_head(kind: FaultKind) -> None:
    (port,) = (option.default for option in kind_of(kind).options if option.name == "port")
    assert port == MADE["head"]["head_port"]


@pytest.mark.parametrize("kind", [FaultKind.UNWRITABLE_TEMP_DIR, FaultKind.STALE_SESSION_DIRECTORY])
def test_the_directory_that_a_fault_hits_is_the_one_that_the_lab_gives_ray(kind: FaultKind) -> None:
    (directory,) = (option.default for option in kind_of(kind).options if option.name == "directory")
    assert directory == MADE["worker"]["temp_dir"] == MADE["head"]["temp_dir"]
