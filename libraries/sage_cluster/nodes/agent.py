"""The node's agent: runs functions of `sage_cluster.on_node` there. Nothing else knows how Ray is run on a node.

The function's program goes to the node's Python over SSH (`sage_cluster.nodes.program`), and its answer comes back
(`sage_cluster.nodes.answers`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from sage_cluster.errors import CommandTimeoutError, NodeError
from sage_cluster.nodes.answers import answer_of, find_answer, new_nonce, shown
from sage_cluster.nodes.program import ANSWER, command_line
from sage_cluster.nodes.spec import RayNode
from sage_cluster.nodes.watch_stream import WatchStream
from sage_cluster.on_node import protocol, ray_view
from sage_cluster.on_node.head import start_head
from sage_cluster.on_node.logs import read_log
from sage_cluster.on_node.probe import probe
from sage_cluster.on_node.start import start
from sage_cluster.on_node.stop import kill_raylet, stop
from sage_cluster.on_node.watch import watch
from sage_cluster.ssh.pool import SshPool

Spec = TypeVar("Spec", bound=protocol.NodeSpec)
Answer = TypeVar("Answer")
SILENT_HEARTBEATS = 10
SILENCE_SECONDS = 20.0
"""A watch whose controller is silent for so long ends, and for so many heartbeats."""


class RayNodes:
    """Runs the node-side commands over SSH. Every method raises SshError, or NodeError with the node's own words."""

    def __init__(self, pool: SshPool) -> None:
        self._pool = pool

    def start(
        self,
        node: RayNode,
        *,
        session: str,
        fence: bool,
        timeout: float,
        head_versions: protocol.Versions | None = None,
    ) -> protocol.Started:
        """Start Ray there within ``timeout`` seconds, unless it runs in this ``session`` (any, when empty) already.

        With ``fence`` what runs there is ended first. A worker whose Ray or Python are not ``head_versions`` is refused
        before anything is started.
        """
        spec = self._start_spec(node, session=session, fence=fence, timeout=timeout, head_versions=head_versions)
        return self._ask(node, start, spec, timeout + 3 * node.spec["answer_timeout"])

    def start_head(self, node: RayNode, *, fence: bool, timeout: float, recover: bool) -> protocol.HeadStarted:
        """Start the head there, unless it runs already, and ask Ray and the dashboard; all within ``timeout`` seconds.

        With ``fence`` what runs there is ended first. It may ``recover`` the tables that its GCS left on disk.
        """
        spec = self._start_spec(node, session="", fence=fence, timeout=timeout, recover=recover)
        return self._ask(node, start_head, spec, timeout + 3 * node.spec["answer_timeout"])

    def stop(self, node: RayNode, *, grace: float) -> protocol.Stopped:
        """Stop Ray there: ``grace`` seconds to end by itself, then by force. NodeError when a process survives."""
        spec: protocol.StopSpec = {**node.spec, "grace": grace}
        answer = self._ask(node, stop, spec, grace + 2 * node.spec["answer_timeout"])
        if answer["remaining"]:
            raise NodeError(
                f"processes {answer['remaining']} survived even SIGKILL",
                where=node.name,
                fix="they are stuck in the kernel (state D in ps): look at the node's disks and network mounts",
            )
        return answer

    def probe(self, node: RayNode, *, versions: bool = False) -> protocol.Probe:
        """What the node says of itself, with its ``versions`` if asked."""
        spec: protocol.ProbeSpec = {**node.spec, "versions": versions}
        return self._ask(node, probe, spec, node.spec["answer_timeout"])

    def ray_view(
        self, head: RayNode, *, address: str, await_alive: tuple[str, ...] = (), timeout: float = 0.0
    ) -> list[protocol.RayRow]:
        """The nodes that Ray knows, asked on the head, whose own ``address`` is given.

        Waits up to ``timeout`` seconds until the nodes ``await_alive`` are ALIVE; the last answer counts either way.
        """
        spec: protocol.RayViewSpec = {
            **head.spec,
            "address": address,
            "await_alive": list(await_alive),
            "timeout": timeout,
        }
        return self._ask(head, ray_view.ray_view, spec, timeout + 2 * head.spec["answer_timeout"])["nodes"]

    def dashboard(self, head: RayNode, *, address: str) -> protocol.Dashboard:
        """Ask the dashboard over HTTP, on the head."""
        spec: protocol.HeadSpec = {**head.spec, "address": address}
        return self._ask(head, ray_view.dashboard, spec, head.spec["answer_timeout"])

    def drain(self, head: RayNode, *, address: str, node_id: str, timeout: float) -> None:
        """Tell Ray to give a node no more work; running work has ``timeout`` seconds to end."""
        spec: protocol.DrainSpec = {**head.spec, "address": address, "node_id": node_id, "timeout": timeout}
        self._ask(head, ray_view.drain, spec, 2 * head.spec["answer_timeout"])

    def kill_raylet(self, node: RayNode) -> int | None:
        """SIGKILL the raylet there, as a crash would. Its pid, or None when none ran."""
        return self._ask(node, kill_raylet, node.spec, node.spec["answer_timeout"])["pid"]

    def read_log(self, node: RayNode, log: str, lines: int) -> protocol.LogText:
        """The last ``lines`` of a log there."""
        spec: protocol.LogSpec = {**node.spec, "log": log, "lines": lines}
        return self._ask(node, read_log, spec, node.spec["answer_timeout"])

    def follow_log(self, node: RayNode, log: str, on_output: Callable[[str], None], seconds: float) -> None:
        """Pass on what is written to a log there, for at most ``seconds``."""
        path = self.read_log(node, log, 0)["path"]
        with suppress(CommandTimeoutError):
            self._pool.run(node.target, ["tail", "-n", "0", "-F", path], timeout=seconds, on_output=on_output)

    def await_raylet_end(self, node: RayNode, timeout: float) -> bool:
        """Whether the raylet there ended by itself within ``timeout`` seconds."""
        spec: protocol.AwaitEndSpec = {**node.spec, "timeout": timeout}
        return self._ask(node, ray_view.await_raylet_end, spec, timeout + node.spec["answer_timeout"])["ended"]

    def forget(self, node: RayNode) -> None:
        """Drop the connection to a node, so that the next call makes a new one."""
        self._pool.drop(node.target)

    def watch(self, node: RayNode) -> WatchStream:
        """Begin to watch the node. It gives a heartbeat for each line sent, and ends when none comes any more."""
        silence = max(SILENCE_SECONDS, SILENT_HEARTBEATS * node.spec["heartbeat_interval"])
        nonce = new_nonce()
        spec: protocol.WatchSpec = {**node.spec, "message_frame": f"{ANSWER}{nonce}", "silence": silence}
        words = command_line(node.spec["python"], watch, spec, "")
        return WatchStream(self._pool.connection(node.target).stream(words), nonce, node.name)

    def _start_spec(
        self,
        node: RayNode,
        *,
        session: str,
        fence: bool,
        timeout: float,
        recover: bool = False,
        head_versions: protocol.Versions | None = None,
    ) -> protocol.StartSpec:
        return {
            **node.spec,
            "session": session,
            "fence": fence,
            "recover": recover,
            "timeout": timeout,
            "ssh_address": self._pool.connection(node.target).peer_address,
            "head_versions": head_versions or {},
        }

    def _ask(self, node: RayNode, command: Callable[[Spec], Answer], spec: Spec, timeout: float) -> Answer:
        nonce = new_nonce()
        done = self._pool.run(node.target, command_line(node.spec["python"], command, spec, nonce), timeout=timeout)
        said = find_answer(done.stdout, nonce)
        if said is not None:
            return answer_of(command, said, node.name)
        output = done.stderr.strip()[-2000:] or shown(done.stdout)
        raise NodeError(
            f"'{command.__name__}' ended with status {done.returncode} and no answer: {output}",
            where=node.name,
            fix=f"see whether {node.spec['python']} runs there, and whether a login script ends the shell "
            f"(ssh {node.target.host} true); set python_path or ray_command in the configuration",
        )
