"""Faults of a node's disk."""

from __future__ import annotations

import re

from sage_lab.faults.kinds import Family, Kind, Option, Plan
from sage_lab.faults.means import ByLab, OnNode
from sage_lab.faults.on_node.device_faults import BrokenDisk
from sage_lab.faults.on_node.disk_faults import FullDisk, UnwritableDirectory
from sage_lab.files import TEMP_DIRECTORY
from sage_lab.lab import Lab
from sage_lab.model import Completed
from sage_lab.providers import Capability


def _takes_no_file(lab: Lab, node: str, plan: Plan) -> str:
    done = _touch(lab, node, plan)
    return (
        "" if "Read-only file system" in done.stderr else f"touch ended with {done.returncode}: {done.stderr.strip()}"
    )


def _is_writable(lab: Lab, node: str, plan: Plan) -> str:
    said = _touch(lab, node, plan).stderr
    return said.strip() if "Read-only file system" in said else ""


def _touch(lab: Lab, node: str, plan: Plan) -> Completed:
    """What the directory says to a new file, which is removed again."""
    path = f"{plan['directory']}/.sage-fault-probe"
    done = lab.run(node, ["touch", "--", path])
    lab.run(node, ["rm", "-f", "--", path])
    return done


def _is_slow(lab: Lab, node: str, plan: Plan) -> str:
    """What is written past the page cache takes as long as the limit says, half of it at least."""
    path = f"{plan['directory']}/.sage-fault-probe"
    limit = int(plan["kilobytes"]) * 1024
    argv = ["dd", "if=/dev/zero", f"of={path}", "bs=64k", f"count={max(4, limit // 65536)}", "oflag=direct"]
    done = lab.run(node, argv, timeout=60)
    lab.run(node, ["rm", "-f", "--", path])
    if done.returncode != 0:
        return f"dd ended with {done.returncode}: {done.stderr.strip()}"
    written, seconds = re.findall(r"(\d+) bytes.*?, ([\d.e-]+) s,", done.stderr)[-1]
    speed = int(written) / float(seconds)
    return "" if speed <= 2 * limit else f"{speed / 1024:.0f} kilobytes were written in a second"


def _is_quick(lab: Lab, node: str, plan: Plan) -> str:
    return "the disk is still slow" if not _is_slow(lab, node, plan) else ""


def _broken(name: str, how: str, does: str) -> Kind:
    return Kind(
        name,
        Family.DISK,
        f"{does}; healing ends who has files open there, checks the file system and mounts it again.",
        OnNode(BrokenDisk, {"how": how}),
        (_OWN_DISK,),
        Capability.OWN_DISK,
    )


_OWN_DISK = Option("directory", TEMP_DIRECTORY, "where the disk is mounted")
KINDS = (
    Kind(
        "disk slow",
        Family.DISK,
        "The disk of Ray's temporary files carries few kilobytes in a second.",
        ByLab(
            begin=lambda lab, node, plan: lab.node(node).slow_disk(int(plan["kilobytes"]) * 1024),
            end=lambda lab, node, _: lab.node(node).slow_disk(None),
            effective_probe=_is_slow,
            recovered_probe=_is_quick,
            before=lambda _lab, _node: {"directory": TEMP_DIRECTORY},
        ),
        (Option("kilobytes", 256, "in a second", least=64, most=4096),),
        needs=Capability.OWN_DISK,
    ),
    _broken("disk failed", "failed", "Every access to the disk of Ray's temporary files is an I/O error"),
    _broken("disk read-only", "read-only", "After an error the disk of Ray's temporary files is read-only"),
    Kind(
        "disk full",
        Family.DISK,
        "The node's disk is filled to the last block.",
        OnNode(FullDisk, lasts=True),
        (
            Option("directory", "/var/tmp", "a directory on the disk that is filled"),  # noqa: S108 - on the node
            Option("leave", 0, "bytes that stay free", least=0, most=2**40),
        ),
    ),
    Kind(
        "read-only temp dir",
        Family.DISK,
        "The temp dir is mounted read-only; files that are open for writing already stay so.",
        ByLab(
            begin=lambda lab, node, plan: lab.node(node).write_protect(plan["directory"], protect=True),
            end=lambda lab, node, plan: lab.node(node).write_protect(plan["directory"], protect=False),
            effective_probe=_takes_no_file,
            recovered_probe=_is_writable,
            lasts=False,
        ),
        (Option("directory", "/tmp", "the directory; everything below it too"),),  # noqa: S108 - on the node,
        needs=Capability.WRITE_PROTECTION,
    ),
    Kind(
        "unwritable temp dir",
        Family.DISK,
        "The cluster's user may not write into its temp dir; directories that are in it already stay writable.",
        OnNode(UnwritableDirectory, lasts=True),
        (Option("directory", TEMP_DIRECTORY, "the temp dir; made for the time of the fault when missing"),),
    ),
)
