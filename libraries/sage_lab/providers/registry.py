"""Which providers there are, and the one that a lab is made by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sage_lab.errors import LabError
from sage_lab.inventory import Inventory
from sage_lab.providers import Ability, Provider
from sage_lab.providers.compose import provider as compose
from sage_lab.providers.container import provider as container
from sage_lab.providers.static import provider as static
from sage_lab.providers.vagrant import provider as vagrant
from sage_lab.topology import Topology

DEFAULT = container.ContainerProvider.name
LACKS: Mapping[str, Mapping[Ability, str]] = {
    container.ContainerProvider.name: container.LACKS,
    vagrant.VagrantProvider.name: vagrant.LACKS,
    compose.ComposeProvider.name: compose.LACKS,
    static.StaticProvider.name: static.LACKS,
}
"""Every provider, and what it cannot do with the reason why."""


@dataclass(frozen=True)
class Choice:
    """What a lab is made of: so many nodes, made by a provider, or the machines of an inventory."""

    topology: Topology
    provider: str = DEFAULT
    inventory: Inventory | None = None

    @classmethod
    def of(cls, topology: Topology, provider: str = DEFAULT, inventory: str | Path | None = None) -> Choice:
        """Check that the parts fit together; raises LabError."""
        if provider not in LACKS:
            raise LabError(f"there is no provider {provider!r}", where="lab", fix=f"providers: {', '.join(LACKS)}")
        if provider != static.StaticProvider.name:
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
            return static.StaticProvider(lab, directory, self.inventory)
        if self.provider == vagrant.VagrantProvider.name:
            return vagrant.VagrantProvider(lab, directory, self.topology)
        if self.provider == compose.ComposeProvider.name:
            return compose.ComposeProvider(lab, directory, self.topology)
        return container.ContainerProvider(lab, directory, self.topology)
