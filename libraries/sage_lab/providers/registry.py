"""Which providers there are, and the one that a lab is made by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sage_lab.errors import LabError
from sage_lab.inventory import Inventory
from sage_lab.providers import Provider
from sage_lab.providers.compose.provider import ComposeProvider
from sage_lab.providers.container.provider import ContainerProvider
from sage_lab.providers.static.provider import StaticProvider
from sage_lab.providers.vagrant.provider import VagrantProvider
from sage_lab.topology import Topology

DEFAULT = ContainerProvider.name
_MAKERS = {kind.name: kind for kind in (ContainerProvider, VagrantProvider, ComposeProvider)}
PROVIDERS: Mapping[str, type[Provider]] = {**_MAKERS, StaticProvider.name: StaticProvider}
"""Every kind of provider by its name."""


@dataclass(frozen=True)
class Choice:
    """What a lab is made of: so many nodes, made by a provider, or the machines of an inventory."""

    topology: Topology
    provider: str = DEFAULT
    inventory: Inventory | None = None

    @classmethod
    def of(cls, topology: Topology, provider: str = DEFAULT, inventory: str | Path | None = None) -> Choice:
        """Check that the parts fit together; raises LabError."""
        if provider not in PROVIDERS:
            raise LabError(f"there is no provider {provider!r}", where="lab", fix=f"providers: {', '.join(PROVIDERS)}")
        if provider != StaticProvider.name:
            if inventory is not None:
                raise LabError(f"{provider} makes its own machines", where=str(inventory), fix="use --provider static")
            return cls(topology, provider)
        if inventory is None:
            raise LabError("no inventory of existing machines is given", where="lab", fix="add --inventory FILE")
        machines = Inventory.load(inventory)
        machines.need(topology)
        return cls(machines.topology(), provider, machines)

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any], where: str) -> Choice:
        """The choice that ``as_dict`` gave."""
        machines = content.get("inventory")
        return cls(
            Topology.from_mapping(content["topology"], where=where),
            content.get("provider", DEFAULT),
            Inventory.from_mapping(machines) if machines else None,
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values that ``from_mapping`` reads back."""
        return {
            "provider": self.provider,
            "topology": self.topology.as_dict(),
            "inventory": self.inventory.as_dict() if self.inventory else None,
        }

    def make(self, lab: str, directory: Path) -> Provider:
        """The provider of this lab; makes no machine yet."""
        if self.inventory is not None:
            return StaticProvider(lab, directory, self.inventory)
        return _MAKERS[self.provider](lab, directory, self.topology)
