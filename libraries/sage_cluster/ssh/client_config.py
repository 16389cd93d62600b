"""The user's own settings for SSH (ssh_config(5)): `ssh -G` reads them, so that they mean what they mean to `ssh`.

What the cluster's configuration says takes precedence; its port counts as said unless it is 22.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sage_cluster.config.schema import SshConfig
from sage_cluster.config.workers import SSH_PORT
from sage_cluster.errors import SshError
from sage_cluster.ssh.host_keys import SYSTEM_FILES
from sage_cluster.ssh.text import printable

SYSTEM_CONFIG = Path("/etc/ssh/ssh_config")
DEFAULT_KEYS = ("~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519")
ASK_SECONDS = 10.0
MATTERS = re.compile(
    r"^\s*(HostName|Port|User|Identit\w+|Proxy\w+|UserKnownHostsFile|GlobalKnownHostsFile|HostKeyAlias|Match|Canonical\w+)"
    r"\b",
    re.IGNORECASE | re.MULTILINE,
)
"""What is looked for before a program is asked for each node: most users have none of it."""


@dataclass(frozen=True)
class Route:
    """How a node is reached.

    ``key_path`` is the one key to use; without it the agent's keys (unless ``only_files``) and those ``key_files`` that
    exist. ``known_as`` stands for the host in known hosts files. ``proxy`` is a command that leads there.
    """

    host: str
    port: int
    user: str
    known_hosts: tuple[Path, ...]
    key_path: Path | None = None
    key_files: tuple[Path, ...] = ()
    only_files: bool = False
    agent: str = ""
    known_as: str = ""
    proxy: str = ""


def route(host: str, port: int, settings: SshConfig) -> Route:
    """The route to a host. Raises SshError when the user's settings cannot be read."""
    said = _asked(host, port, settings)
    explicit = settings.model_fields_set
    hostname = said.get("hostname", host)
    port = int(said.get("port", port)) if port == SSH_PORT else port
    user = settings.user if "user" in explicit else said.get("user", settings.user)
    tokens = {
        "%": "%",
        "h": hostname,
        "n": host,
        "p": str(port),
        "r": user,
        "u": os.environ.get("USER", user),
        "d": str(Path.home()),
    }
    own: tuple[Path, ...] = (Path(settings.known_hosts).expanduser(),)
    if "known_hosts" not in explicit and "userknownhostsfile" in said:
        own = _paths(said["userknownhostsfile"].split(), tokens) or (Path(os.devnull),)
    shared = _paths(said["globalknownhostsfile"].split(), tokens) if "globalknownhostsfile" in said else SYSTEM_FILES
    return Route(
        host=hostname,
        port=port,
        user=user,
        known_hosts=(*own, *shared),
        key_path=Path(settings.key_path).expanduser() if settings.key_path else None,
        key_files=_paths(said["identityfile"].split("\n") if "identityfile" in said else DEFAULT_KEYS, tokens),
        only_files=said.get("identitiesonly") == "yes",
        agent=_agent(said.get("identityagent", "SSH_AUTH_SOCK"), tokens),
        known_as=said.get("hostkeyalias", ""),
        proxy=_proxy(said, tokens),
    )


def _asked(host: str, port: int, settings: SshConfig) -> Mapping[str, str]:
    own = Path("~/.ssh/config").expanduser()
    files = [own, SYSTEM_CONFIG, *sorted(SYSTEM_CONFIG.with_name("ssh_config.d").glob("*.conf"))]
    version = []
    for file in files:
        try:
            version.append((str(file), file.stat().st_mtime_ns, file.stat().st_size))
        except OSError:
            continue
    program = shutil.which("ssh")
    if not program or not _matters(own, tuple(version)):
        return {}
    words = [program, "-G", *_file()]
    words += ["-p", str(port)] if port != SSH_PORT else []
    words += ["-l", settings.user] if "user" in settings.model_fields_set else []
    return _ask((*words, "--", host), tuple(version))


def _file() -> tuple[str, ...]:
    """The option that names the user's file, where ssh would not look: it goes by the password file, not by HOME."""
    own = Path("~/.ssh/config").expanduser()
    try:
        home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:  # a user without an entry, as in some containers: ssh itself refuses to run
        return ()
    return ("-F", str(own)) if own.parent.parent != home and own.exists() else ()


@lru_cache(maxsize=8)
def _matters(own: Path, version: tuple[tuple[str, int, int], ...]) -> bool:
    for name, *_ in version:
        try:
            text = Path(name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if MATTERS.search(text) or (Path(name) == own and re.search(r"^\s*Include\b", text, re.I | re.M)):
            return True
    return False


@lru_cache(maxsize=4096)
def _ask(words: tuple[str, ...], _version: tuple[tuple[str, int, int], ...]) -> Mapping[str, str]:
    """What `ssh -G` says: each setting's value, several of one name on lines of their own."""
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=ASK_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
        problem = printable(done.stderr.strip()) if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        problem = str(error)
    if problem:
        raise SshError(
            f"ssh cannot read your settings: {problem}",
            where=words[-1],
            fix=f"see `{shlex.join(words)}`, and correct ~/.ssh/config",
        )
    said: dict[str, str] = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition(" ")
        said[name] = f"{said[name]}\n{value}" if name in said else value
    return said


def _expand(text: str, tokens: Mapping[str, str]) -> str:
    return re.sub(r"%(.)", lambda found: tokens.get(found[1], found[0]), text)


def _paths(texts: list[str] | tuple[str, ...], tokens: Mapping[str, str]) -> tuple[Path, ...]:
    return tuple(Path(_expand(text.strip('"'), tokens)).expanduser() for text in texts if text != "none")


def _agent(text: str, tokens: Mapping[str, str]) -> str:
    """The agent's socket; empty for none."""
    if text == "none":
        return ""
    if text == "SSH_AUTH_SOCK" or text.startswith("$"):
        return os.environ.get(text.strip("${}"), "")
    return os.path.expanduser(_expand(text, tokens))  # noqa: PTH111 - a path of a socket, kept as text


def _proxy(said: Mapping[str, str], tokens: Mapping[str, str]) -> str:
    """The command that leads to the host: the user's, or `ssh` by way of the jump hosts."""
    command = said.get("proxycommand", "none")
    if command != "none":
        return _expand(command, tokens)
    *before, last = said.get("proxyjump", "none").removeprefix("ssh://").split(",")
    if last == "none":
        return ""
    found = re.fullmatch(r"(?:(?P<user>.+)@)?(?P<host>\[[^\]]+\]|[^:]+)(?::(?P<port>\d+))?", last)
    if found is None:
        raise SshError(f"ProxyJump {last} cannot be read", where=tokens["n"], fix="write it as user@host:port")
    words = ["ssh", *_file(), "-o", "BatchMode=yes", *(("-l", found["user"]) if found["user"] else ())]
    words += ["-p", found["port"]] if found["port"] else []
    words += ["-J", ",".join(before)] if before else []
    return shlex.join([*words, "-W", f"[{tokens['h']}]:{tokens['p']}", "--", found["host"].strip("[]")])
