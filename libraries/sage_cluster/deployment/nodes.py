"""What a deployment does with one node: ask what it is, send what it lacks, let it switch or go back."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Sequence
from typing import Any

from sage_cluster.deployment.package import Package, PackageFile
from sage_cluster.deployment.talk import NodeTalk
from sage_cluster.errors import ConnectionLostError
from sage_cluster.nodes.ray_node import RayNode
from sage_cluster.ssh.pool import SshPool

FACTS_SECONDS = 60.0
SHOWN_FILES = 20
REPORT_SECONDS = 1.0


class DeploymentNodes:
    """Works with nodes over the pool. Every method raises SshError, or NodeError with the node's own words."""

    def __init__(self, pool: SshPool) -> None:
        self._pool = pool

    def facts(self, node: RayNode) -> dict[str, Any]:
        """What Ray's Python is there; see `sage_cluster.on_node.deploy_facts.facts`."""
        with NodeTalk(self._pool, node, "facts", {}, FACTS_SECONDS) as talk:
            return talk.answer()

    def rollback(self, node: RayNode, timeout: float) -> dict[str, Any]:
        """Switch to the release before the current one; see `sage_cluster.on_node.deploy.rollback`."""
        with NodeTalk(self._pool, node, "rollback", {}, timeout) as talk:
            return talk.answer()

    def deploy(
        self,
        node: RayNode,
        package: Package,
        *,
        keep: int,
        timeout: float,
        report: Callable[[str, str], None],
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Send what the node lacks, have it installed and tried, and switch; with ``dry_run`` only ask what it lacks.

        The answer is that of `sage_cluster.on_node.deploy.deploy`, with ``package``, ``files_sent``,
        ``files_skipped``, ``bytes_sent`` (as sent, compressed and encoded; for a dry run those of the files) and the
        first SHOWN_FILES paths that were ``sent``.
        """
        by_digest: dict[str, PackageFile] = {}
        for file in package.files:
            by_digest.setdefault(file.digest, file)
        with NodeTalk(self._pool, node, "deploy", {"keep": keep, "dry_run": dry_run}, timeout) as talk:
            talk.say(**package.manifest())
            lacking = [by_digest[digest] for digest in talk.hear("lacking")["lacking"]]
            paths = {file.path for file in package.files if file.digest in {one.digest for one in lacking}}
            sent: dict[str, Any] = {
                "package": package.name,
                "files_sent": len(paths),
                "files_skipped": len(package.files) - len(paths),
                "sent": sorted(paths)[:SHOWN_FILES],
            }
            if dry_run:
                return {**talk.answer(), **sent, "bytes_sent": sum(file.size for file in lacking)}
            talk.bytes_sent = 0
            if lacking:
                _send(talk, lacking, lambda phase: report(node.name, phase))
            sent["bytes_sent"] = talk.bytes_sent
            report(node.name, "installing" if lacking else "checking")
            said = talk.hear("ready", "answer")
            if "ready" in said:
                talk.say(switch=True)
                said = talk.hear("answer")
            return {**said["answer"], **sent}


def _send(talk: NodeTalk, files: Sequence[PackageFile], report: Callable[[str], None]) -> None:
    """Send the files' bytes as they are in their archives, and say now and then how far it is."""
    whole = sum(file.source.packed for file in files)
    sent, told_at = 0, time.monotonic()
    report(f"sending {len(files)} files, {whole:,} bytes")
    for number, file in enumerate(files):
        try:
            talk.say(blob=file.digest, deflated=file.source.deflated)
            for chunk in file.source.chunks():
                talk.say(data=base64.b64encode(chunk).decode())
                sent += len(chunk)
                if time.monotonic() > told_at + REPORT_SECONDS:
                    told_at = time.monotonic()
                    report(f"sent {sent * 100 // whole} %")
            talk.say(end=True)
        except ConnectionLostError as error:
            error.what += f"; {number} of {len(files)} files had been sent, and those that arrived need not go again"
            raise
