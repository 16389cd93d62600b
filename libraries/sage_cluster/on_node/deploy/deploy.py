"""Deploy on this node: hear what a release consists of, ask for what lacks, install, try, switch; or go back."""

from __future__ import annotations

import base64
import errno
import hashlib
import time
import zlib
from typing import TYPE_CHECKING, cast

from sage_cluster.on_node.deploy import install
from sage_cluster.on_node.deploy.channel import Channel, in_conversation
from sage_cluster.on_node.deploy.store import DeployError, Store
from sage_cluster.on_node.environment import find_environment

if TYPE_CHECKING:
    from sage_cluster.on_node.protocol import Deployed, DeploySpec, Manifest, NodeSpec, OptionalDeployed, RollbackSpec

LOCK_SECONDS = 30.0
RAW_DEFLATE = -15


@in_conversation
def deploy(spec: DeploySpec, channel: Channel) -> Deployed:
    """Take part in a deployment. The conversation: manifest in, what lacks out, blobs in, ready out, switch in.

    With ``dry_run`` it ends with what lacks. Answers ``release`` and ``previous`` (directories of releases),
    ``unchanged``, ``removed``, ``restart_needed`` (a Ray runs that was started without it), ``seconds`` per step and
    what became of the ``configuration``.
    Raises DeployError, EnvironmentNotFoundError; then the current release is the one it was.
    """
    store = Store(spec["sage_home"])
    manifest = cast("Manifest", channel.receive())
    if spec["dry_run"]:
        channel.send(lacking=store.lacking([digest for _, digest, *_ in manifest["files"]]))
        return {"release": store.current(), "previous": store.current()}
    with store.locked(LOCK_SECONDS):
        return _deploy(spec, store, channel, manifest)


@in_conversation
def rollback(spec: RollbackSpec, _channel: Channel) -> Deployed:
    """Switch to the release before the current one, once it has been tried. Answers as `deploy`. Raises DeployError."""
    store = Store(spec["sage_home"])
    environment = find_environment(spec["ray_command"], spec["python_path"], spec["conda_env"])
    with store.locked(LOCK_SECONDS):
        current = store.current()
        older = [name for name in store.complete() if name < current]
        if not older:
            known = ", ".join(store.complete()) or "none"
            raise DeployError(f"there is no release before {current or 'the first'}; releases here: {known}")
        install.try_out(store.releases / older[-1], store.manifest(older[-1]), environment, spec["timeout"])
        store.switch(older[-1])
        return {"release": older[-1], "previous": current, **_afterwards(spec, store, older[-1])}


def _deploy(spec: DeploySpec, store: Store, channel: Channel, manifest: Manifest) -> Deployed:
    began = time.monotonic()
    environment = find_environment(spec["ray_command"], spec["python_path"], spec["conda_env"])
    store.remove_partial()
    previous = store.current()
    lacking = store.lacking([digest for _, digest, *_ in manifest["files"]])
    if not lacking and previous and install.is_intact(store, previous, manifest):
        channel.send(lacking=[])
        return {"release": previous, "previous": previous, "unchanged": True, **_afterwards(spec, store, previous)}
    sizes = {digest: (size, executable) for _, digest, size, executable in manifest["files"]}
    copies = sum(size for size, executable in sizes.values() if executable)
    store.check_room(sum(sizes[digest][0] for digest in lacking) + copies)
    directory = store.new_release(manifest["name"])
    try:
        channel.send(lacking=lacking)
        for digest in lacking:
            _receive(store, channel, digest)
        received = time.monotonic()
        install.lay_out(store, directory, manifest, environment)
        install.try_out(directory, manifest, environment, spec["timeout"])
        install.finish(directory, manifest)
        tried = time.monotonic()
        channel.send(ready=True)
        channel.receive()
        store.switch(directory.name)
    except OSError as error:
        install.remove(directory)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        store.drop_unused_blobs()
        raise DeployError(
            f"the disk of {store.root} became full; what had arrived was removed; make room, then deploy again"
        ) from error
    except BaseException:
        install.remove(directory)
        raise
    return {
        "release": directory.name,
        "previous": previous,
        "unchanged": False,
        "removed": store.prune(spec["keep"]),
        "seconds": {"receive": round(received - began, 3), "install and try": round(tried - received, 3)},
        **_afterwards(spec, store, directory.name),
    }


def _afterwards(spec: NodeSpec, store: Store, release: str) -> OptionalDeployed:
    return {
        "restart_needed": store.is_outdated(release, spec["temp_dir"]),
        "configuration": install.link_configuration(store),
    }


def _receive(store: Store, channel: Channel, digest: str) -> None:
    """Take in one blob; it gets its name only when its digest is right."""
    head = channel.receive()
    unpack = zlib.decompressobj(RAW_DEFLATE) if head["deflated"] else None
    whole = hashlib.sha256()
    half = store.blobs / f".{digest}"
    try:
        with half.open("wb") as file:
            while "data" in (message := channel.receive()):
                data = base64.b64decode(message["data"])
                data = unpack.decompress(data) if unpack else data
                whole.update(data)
                file.write(data)
    except zlib.error as error:
        half.unlink()
        raise DeployError(f"file {digest} arrived damaged ({error}); deploy again") from error
    if head["blob"] != digest or whole.hexdigest() != digest:
        half.unlink()
        raise DeployError(f"file {digest} arrived damaged (its digest is {whole.hexdigest()}); deploy again")
    half.chmod(0o444)
    half.replace(store.blobs / digest)
