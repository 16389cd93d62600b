"""Which files of a source tree belong in a package: git's ignore rules, and what never leaves this machine."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from sage_cluster.deployment.never_packaged import holds_private_key, is_never_packaged
from sage_cluster.errors import DeploymentError

IGNORED = "ignored by git"
DENIED_REASON = "secret, cache or data"
EXCLUDED = "excluded by deploy.exclude"
OUTSIDE = "a link to what is not in the package, or no regular file"
PRIVATE_KEY = "contains a private key"
UNREADABLE = "cannot be read"


@dataclass(frozen=True, order=True)
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
        try:
            for name in self.files:
                target = directory / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.root / name, target)
        except OSError as error:
            raise DeploymentError(
                f"the project changed while it was read: {error.strerror}",
                where=str(error.filename or self.root),
                fix="deploy again when nothing writes there",
            ) from error


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
    found = dict(_walk(root, "", _rules_above(root), GitIgnoreSpec.from_lines(exclude)))
    files = {name for name, reason in found.items() if not reason}
    for name in sorted(files):
        # What a link leads to must be in the package by itself: else a secret goes there by another name.
        if not _leads_to_one_of(root, name, files):
            files.remove(name)
            found[name] = OUTSIDE
    left_out = sorted(LeftOut(name, reason) for name, reason in found.items() if reason)
    return SourceTree(root, tuple(sorted(files)), tuple(left_out))


def _leads_to_one_of(root: Path, name: str, files: Set[str]) -> bool:
    if not (root / name).is_symlink():
        return True
    target = (root / name).resolve()
    return target.is_relative_to(root.resolve()) and target.relative_to(root.resolve()).as_posix() in files


Rules = list[tuple[Path, GitIgnoreSpec]]


def _walk(root: Path, inside: str, rules: Rules, exclude: GitIgnoreSpec) -> Iterator[tuple[str, str]]:
    """Each file with an empty reason, and each thing left out with its reason; what is in it is not looked at."""
    directory = root / inside
    rules = [*rules, *_rules_of(directory, directory / ".gitignore")]
    for entry in sorted(os.scandir(directory), key=lambda one: one.name):
        name = f"{inside}{entry.name}"
        is_directory = entry.is_dir(follow_symlinks=False)
        shown = f"{name}/" if is_directory else name
        excluded = exclude.check_file(shown).include
        if excluded:
            yield shown, EXCLUDED
        elif excluded is None and is_never_packaged(shown):
            yield shown, DENIED_REASON
        elif _is_ignored(Path(entry.path), is_directory, rules):
            yield shown, IGNORED
        elif is_directory:
            yield from _walk(root, shown, rules, exclude)
        elif not entry.is_file():
            yield shown, OUTSIDE
        else:
            yield name, _why_not(Path(entry.path))


def _why_not(path: Path) -> str:
    try:
        return PRIVATE_KEY if holds_private_key(path) else ""
    except OSError:
        return UNREADABLE


def _is_ignored(path: Path, is_directory: bool, rules: Rules) -> bool:
    """The rule nearest to the file decides, as in git."""
    for directory, spec in reversed(rules):
        relative = path.relative_to(directory).as_posix() + ("/" if is_directory else "")
        decided = spec.check_file(relative).include
        if decided is not None:
            return decided
    return False


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
