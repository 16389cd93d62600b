# ruff: noqa: SIM905 - lists of words read best as text
"""Which files of a source tree belong into a package: git's ignore rules, and a list of what never leaves."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from sage_cluster.errors import DeploymentError

DENIED = """
    .git/ .hg/ .svn/ .env .env.* !.env.example !.env.template
    *.pem *.key *.p12 *.pfx *.jks *.kdbx *.gpg *.asc id_rsa* id_dsa* id_ecdsa* id_ed25519*
    .netrc .pypirc .npmrc .htpasswd .git-credentials .aws/ .ssh/ .kube/ .docker/ .gnupg/
    credentials.json credentials.y*ml credentials.ini credentials.toml
    secrets.json secrets.y*ml secrets.ini secrets.toml
    __pycache__/ *.pyc *.pyo .venv/ venv/ node_modules/ *.egg-info/ .eggs/ .tox/ .nox/ .cache/ .*_cache/ .coverage*
    /build/ /dist/ /data/ /datasets/ /results/ /logs/ *.log *.sqlite* *.db *.parquet *.h5 *.ckpt *.safetensors
    .DS_Store .idea/ .vscode/ *.swp
""".split()
"""Secrets, caches and data, in git's notation. ``deploy.exclude`` adds to it; a "!pattern" there takes one back."""

IGNORED = "ignored by git"
DENIED_REASON = "secret, cache or data"
OUTSIDE = "a link, or no regular file"
PRIVATE_KEY = "contains a private key"
_HEAD_BYTES = 200


@dataclass(frozen=True)
class LeftOut:
    """A file or directory that does not go into the package, relative to the tree, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class SourceTree:
    """The files of a tree that go into its package, relative to it, in order; and those that do not."""

    root: Path
    files: tuple[str, ...]
    left_out: tuple[LeftOut, ...]

    def digest(self) -> str:
        """SHA-256 over all names, modes and contents."""
        whole = hashlib.sha256()
        for name in self.files:
            path = self.root / name
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            whole.update(f"{name}\0{os.access(path, os.X_OK)}\0{content}\n".encode())
        return whole.hexdigest()

    def copy_to(self, directory: Path) -> None:
        """Copy the files, and nothing else, into an empty directory: what is built there cannot contain more."""
        for name in self.files:
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.root / name, target)


def read_source_tree(root: Path, exclude: Sequence[str] = ()) -> SourceTree:
    """Read a project's directory. Raises DeploymentError when it is none.

    A .gitignore counts wherever git reads one: in the tree, above it up to the repository, and in .git/info/exclude.
    """
    if not any((root / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise DeploymentError(
            "this is no Python project: it has neither pyproject.toml nor setup.py",
            where=str(root),
            fix="name the directory of a project, or a wheel (deploy.project, --project)",
        )
    deny = GitIgnoreSpec.from_lines([*DENIED, *exclude])
    files: list[str] = []
    left_out: list[LeftOut] = []
    for name, reason in _walk(root, "", _rules_above(root), deny):
        if reason:
            left_out.append(LeftOut(name, reason))
        else:
            files.append(name)
    return SourceTree(root, tuple(sorted(files)), tuple(sorted(left_out, key=lambda one: one.path)))


Rules = list[tuple[Path, GitIgnoreSpec]]


def _walk(root: Path, inside: str, rules: Rules, deny: GitIgnoreSpec) -> Iterator[tuple[str, str]]:
    """Each file with an empty reason, and each thing left out with its reason; what is in it is not looked at."""
    directory = root / inside
    rules = [*rules, *_rules_of(directory, directory / ".gitignore")]
    for entry in sorted(os.scandir(directory), key=lambda one: one.name):
        name = f"{inside}{entry.name}"
        is_directory = entry.is_dir(follow_symlinks=False)
        shown = f"{name}/" if is_directory else name
        if deny.match_file(shown):
            yield shown, DENIED_REASON
        elif _is_ignored(Path(entry.path), is_directory, rules):
            yield shown, IGNORED
        elif is_directory:
            yield from _walk(root, shown, rules, deny)
        elif not entry.is_file() or not Path(entry.path).resolve().is_relative_to(root.resolve()):
            yield shown, OUTSIDE
        elif _is_private_key(Path(entry.path)):
            yield shown, PRIVATE_KEY
        else:
            yield name, ""


def _is_ignored(path: Path, is_directory: bool, rules: Rules) -> bool:
    """The rule nearest to the file decides, as in git."""
    for directory, spec in reversed(rules):
        relative = path.relative_to(directory).as_posix() + ("/" if is_directory else "")
        decided = spec.check_file(relative).include
        if decided is not None:
            return decided
    return False


def _is_private_key(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return head.startswith(b"-----BEGIN ") and b"PRIVATE KEY" in head


def _rules_above(root: Path) -> Rules:
    """Git's rules that hold for the tree from outside of it: none when it is in no repository."""
    root = root.absolute()
    repository = next((one for one in (root, *root.parents) if (one / ".git").exists()), None)
    if repository is None:
        return []
    rules = _rules_of(repository, repository / ".git/info/exclude")
    for directory in reversed(root.parents):
        if directory.is_relative_to(repository):
            rules += _rules_of(directory, directory / ".gitignore")
    # A tree that the repository ignores as a whole is a project of its own.
    return [] if _is_ignored(root, True, rules) else rules


def _rules_of(directory: Path, file: Path) -> Rules:
    if not file.is_file():
        return []
    return [(directory.absolute(), GitIgnoreSpec.from_lines(file.read_text("utf-8", "replace").splitlines()))]
