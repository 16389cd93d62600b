"""What a node's Python is: for which platform wheels must be, what is there already, and whether it fits the head's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sage_cluster.errors import NodeError
from sage_cluster.on_node.protocol import Facts

OLDEST_GLIBC = 5  # manylinux1, see https://peps.python.org/pep-0600/
OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True)
class NodePlatform:
    """A node's Python, as it says itself; nodes with equal platforms get the same package.

    ``python`` such as "3.11.7", ``libc`` such as "glibc 2.36", ``installed`` the (name, version) of what is installed.
    """

    python: str
    implementation: str
    machine: str
    libc: str
    installed: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, facts: Facts) -> NodePlatform:
        """From the answer of `sage_cluster.on_node.deploy.facts`."""
        installed = {normal(name): version for name, version in facts["installed"]}
        return cls(
            facts["python"], facts["implementation"], facts["machine"], facts["libc"], tuple(sorted(installed.items()))
        )

    @property
    def ray(self) -> str:
        """The version of Ray there; empty when Python does not find one."""
        return dict(self.installed).get("ray", "")

    def pip_options(self) -> list[str]:
        """What tells pip to choose wheels for this platform rather than for its own."""
        short = ".".join(self.python.split(".")[:2])
        abi = f"{self.implementation}{short.replace('.', '')}"
        options = ["--only-binary=:all:", "--python-version", short, "--implementation", self.implementation]
        options += ["--abi", abi, "--abi", "abi3", "--abi", "none"]
        for tag in self._tags():
            options += ["--platform", tag]
        return options

    def _tags(self) -> list[str]:
        tags = []
        glibc = re.fullmatch(r"glibc 2\.(\d+)", self.libc)
        if glibc:
            for minor in range(int(glibc[1]), OLDEST_GLIBC - 1, -1):
                tags.append(f"manylinux_2_{minor}_{self.machine}")
                if minor in OLD_NAMES:
                    tags.append(f"{OLD_NAMES[minor]}_{self.machine}")
        else:
            tags += [f"musllinux_1_{minor}_{self.machine}" for minor in (2, 1)]
        return [*tags, f"linux_{self.machine}"]


def check_versions(node: str, here: NodePlatform, head: str, there: NodePlatform) -> None:
    """Raise NodeError unless a node's Python and Ray are exactly the head's: Ray refuses all others."""
    for what, mine, heads in (("Python", here.python, there.python), ("Ray", here.ray, there.ray)):
        if mine != heads:
            raise NodeError(
                f"{what} {mine or 'is missing'} here, but {heads or 'none'} on the head {head}; nothing was sent",
                where=node,
                fix=f"install {what} {heads} there, or name another python_path, ray_command or conda_env",
            )


def normal(name: str) -> str:
    """A distribution's name as the packaging rules compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
