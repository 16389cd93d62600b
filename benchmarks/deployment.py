"""A deployment to all nodes by the manager, and the same files by rsync: fresh, unchanged, one file changed."""

from __future__ import annotations

import base64
import hashlib
import random
import shlex
import shutil
import subprocess
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.cpu import await_quiet
from benchmarks.errors import BenchmarkError
from benchmarks.lab import measured_lab, say
from benchmarks.samples import Sample, in_turn, measure
from sage_cluster import ClusterManager, ConfigManager
from sage_lab import Lab

FILES, BYTES = 200, 20_000
CASES = ("fresh", "unchanged", "one file changed")
MANAGER, RSYNC = "manager", "rsync"
RSYNC_SECONDS = 120.0


def measure_deployment(name: str, workers: int, repeat: int) -> dict[str, Any]:
    """Deploy ``repeat`` times in each case by both; a way is who and the case: "rsync fresh"."""
    samples: list[Sample] = []
    with measured_lab(name, workers) as lab, tempfile.TemporaryDirectory() as directory:
        trees = [_tree(Path(directory) / str(version), version) for version in (1, 2)]
        config = ConfigManager(lab.config_path)
        (Path(directory) / "wheels").mkdir()
        config.set("deploy.wheels", f"{directory}/wheels")
        config.set("deploy.cache", f"{directory}/cache")
        for number in range(repeat):
            _remove(lab)
            await_quiet(lab.name)
            for case in CASES:
                tree = trees[case == CASES[-1]]
                for who in in_turn((MANAGER, RSYNC), number):
                    work = _by_manager if who == MANAGER else _by_rsync
                    do = lambda work=work, tree=tree: work(lab, tree)  # noqa: E731
                    samples.append(measure(f"{who} {case}", number, do, lab.name, children=True))
                    say(f"deployment, round {number + 1}, {samples[-1].way}: {samples[-1].seconds:.2f} s")
    return {
        "workers": workers,
        "files": FILES,
        "bytes": FILES * BYTES,
        "cases": list(CASES),
        "samples": [sample.to_dict() for sample in samples],
    }


def _tree(directory: Path, version: int) -> Path:
    """A package of FILES files of random digits, and its wheel beside it; version 2 differs in one file."""
    package = directory / "tree" / "bench_payload"
    package.mkdir(parents=True)
    for number in range(FILES):
        seed = number if number else version * 1_000_000
        text = random.Random(seed).randbytes(BYTES // 2 - 10).hex()
        name = "__init__.py" if number == 0 else f"part_{number}.py"
        (package / name).write_text(f"DATA = '{text}'\n", encoding="ascii")
    info = directory / "tree" / f"bench_payload-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: bench-payload\nVersion: {version}\n")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nGenerator: benchmarks\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    _zip(directory / "tree", directory / f"bench_payload-{version}-py3-none-any.whl", info.name)
    return directory


def _zip(tree: Path, wheel: Path, info: str) -> None:
    record = []
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(path for path in tree.rglob("*") if path.is_file()):
            name = file.relative_to(tree).as_posix()
            digest = base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{file.stat().st_size}\n")
            archive.write(file, name)
        archive.writestr(f"{info}/RECORD", "".join([*record, f"{info}/RECORD,,\n"]))


def _by_manager(lab: Lab, directory: Path) -> dict[str, Any]:
    manager = ClusterManager(ConfigManager(lab.config_path), report=lambda _node, _phase: None)
    result = manager.deployment.deploy(project=next(directory.glob("*.whl")))
    manager.close()
    if not result.success:
        raise BenchmarkError(result.message, where=MANAGER, fix="see the message")
    return {"sent": sum(node.details["bytes_sent"] for node in result.nodes)}


def _by_rsync(lab: Lab, directory: Path) -> dict[str, Any]:
    """One rsync for each node, all at once, with compression and the same check of host keys."""
    settings = ConfigManager(lab.config_path).load().ssh
    program = shutil.which("rsync")
    if not program:
        raise BenchmarkError("there is no rsync", where="this machine", fix="provision/controller/install.sh bench")
    shell = ["ssh", "-i", settings.key_path or "", "-o", f"UserKnownHostsFile={settings.known_hosts}"]
    shell += ["-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"]

    def send(host: str) -> None:
        argv = [program, "-az", "--delete", "-e", shlex.join(shell), f"{directory}/tree/"]
        argv.append(f"{settings.user}@{host}:bench-rsync/")
        done = subprocess.run(argv, capture_output=True, text=True, timeout=RSYNC_SECONDS, check=False)
        if done.returncode:
            raise BenchmarkError(done.stderr[-1000:], where=f"rsync to {host}", fix="run it by hand")

    with ThreadPoolExecutor(max_workers=len(lab.nodes)) as executor:
        list(executor.map(send, (node.name for node in lab.nodes)))
    return {}


def _remove(lab: Lab) -> None:
    for node in lab.nodes:
        lab.run(node.name, ["rm", "-rf", "/home/sage/.sage/deploy", "/home/sage/bench-rsync"], timeout=RSYNC_SECONDS)
