"""Faults of SSH, on both links of the node. The lab's own path to the node does not use SSH."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from sage_lab.faults.kinds import Family, Kind, Option, Plan
from sage_lab.faults.means import OnNode, Probe
from sage_lab.faults.on_node.environment_faults import MovedAside
from sage_lab.faults.on_node.ssh_faults import ChangedHostKey, FullSshd, NoSshd, StrangeSshd
from sage_lab.lab import Lab
from sage_lab.machine import commands
from sage_lab.providers import Capability
from sage_lab.providers.sshd import greeting

AUTHORIZED_KEYS = "/home/sage/.ssh/authorized_keys"
_PATIENCE = 1.0
_LOGIN = 10.0
_TRIES = 2
_TURNED_AWAY = ("Connection closed by", "Connection reset by", "Not allowed at this time", "Exceeded MaxStartups")
"""What OpenSSH's client says when the server had no place, by the versions of both."""


def _greets(lab: Lab, node: str, timeout: float = _PATIENCE) -> str:
    """What the server says first over the control link; raises OSError."""
    return lab.inside(lambda: greeting(lab.node(node).control_address, timeout))


def _error(lab: Lab, node: str) -> OSError | None:
    try:
        _greets(lab, node)
    except OSError as error:
        return error
    return None


def _fails_by(fits: Callable[[OSError], bool]) -> Probe:
    def look(lab: Lab, node: str, _: Plan) -> str:
        error = _error(lab, node)
        if error is None:
            return "the SSH server greets"
        return "" if fits(error) else f"the SSH server fails otherwise: {error!r}"

    return look


def _login(lab: Lab, node: str, timeout: float = _LOGIN) -> tuple[int, str]:
    """What OpenSSH says to a login of the cluster's user with the lab's key, within so many seconds."""
    options = ["-o", "BatchMode=yes", "-o", f"ConnectTimeout={math.ceil(timeout)}"]
    argv = ["ssh", "-F", str(lab.ssh_config_path), *options, node, "true"]
    done = lab.inside(lambda: commands.try_run(argv, timeout=timeout))
    return done.returncode, done.stderr.strip()


def _login_fails(words: str) -> Probe:
    def look(lab: Lab, node: str, _: Plan) -> str:
        code, said = _login(lab, node)
        return "" if code != 0 and words in said else f"a login ended with {code}: {said or 'nothing said'}"

    return look


def _login_works(lab: Lab, node: str, _: Plan) -> str:
    code, said = _login(lab, node)
    return "" if code == 0 else f"a login ended with {code}: {said}"


def _login_is_slow(lab: Lab, node: str, plan: Plan) -> str:
    """A login succeeds, and takes as long as it was to be delayed."""
    began = time.monotonic()
    code, said = _login(lab, node, float(plan["seconds"]) + _LOGIN)
    took = time.monotonic() - began
    if code != 0:
        return f"a login ended with {code}: {said}"
    return "" if took >= float(plan["seconds"]) else f"a login took {took:.1f} s"


def _turns_away(lab: Lab, node: str, _: Plan) -> str:
    """Login after login is hung up on before it is asked for a key, though somebody listens."""
    for _try in range(_TRIES):
        code, said = _login(lab, node)
        if code == 0 or not any(words in said for words in _TURNED_AWAY):
            return f"a login ended with {code}: {said or 'nothing said'}"
    return ""


def _kind(name: str, does: str, means: OnNode, *options: Option) -> Kind:
    return Kind(name, Family.SSH, does, means, options, Capability.SSH_SERVER)


KINDS = (
    _kind(
        "sshd down",
        "The SSH server does not run; open connections live on.",
        OnNode(
            NoSshd,
            effective_probe=_fails_by(lambda error: isinstance(error, ConnectionRefusedError)),
            recovered_probe=_login_works,
        ),
    ),
    _kind(
        "key refused",
        "The key of the cluster's user is not accepted any more.",
        OnNode(
            MovedAside,
            {"path": AUTHORIZED_KEYS},
            effective_probe=_login_fails("Permission denied"),
            recovered_probe=_login_works,
            lasts=True,
        ),
    ),
    _kind(
        "host key changed",
        "The SSH server shows another host key than the known one.",
        OnNode(
            ChangedHostKey,
            effective_probe=_login_fails("Host key verification failed"),
            recovered_probe=_login_works,
            lasts=True,
        ),
    ),
    _kind(
        "banner silent",
        "Somebody accepts SSH connections and says nothing.",
        OnNode(
            StrangeSshd,
            {"manner": "silent"},
            effective_probe=_fails_by(lambda error: isinstance(error, TimeoutError)),
            recovered_probe=_login_works,
        ),
    ),
    _kind(
        "connections reset",
        "SSH connections are reset as soon as they stand.",
        OnNode(
            StrangeSshd,
            {"manner": "reset"},
            effective_probe=_fails_by(lambda error: isinstance(error, ConnectionResetError)),
            recovered_probe=_login_works,
        ),
    ),
    _kind(
        "slow login",
        "The SSH server lets everybody wait before it greets.",
        OnNode(StrangeSshd, {"manner": "slow"}, effective_probe=_login_is_slow, recovered_probe=_login_works),
        Option("seconds", 5.0, "how long", least=0.1, most=600),
    ),
    _kind(
        "too many sessions",
        "Every place for a new login is taken: the SSH server turns newcomers away.",
        OnNode(
            FullSshd,
            effective_probe=_turns_away,
            recovered_probe=_login_works,
            lasts=True,
        ),
    ),
)
