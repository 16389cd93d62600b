"""What of a source tree goes into a package: git itself is asked for comparison; secrets never go."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sage_cluster.deployment.source_tree import DENIED_REASON, IGNORED, OUTSIDE, PRIVATE_KEY, read_source_tree
from sage_cluster.errors import DeploymentError
from tests.support.projects import lay_out

FILES = {
    ".gitignore": "*.tmp\n/scratch/\n!keep.tmp\nnotes/*\n!notes/good.txt\n",
    "pyproject.toml": "",
    "pkg/__init__.py": "",
    "pkg/a.tmp": "",
    "pkg/keep.tmp": "",
    "pkg/.gitignore": "*.gen\n!wanted.gen\n",
    "pkg/x.gen": "",
    "pkg/wanted.gen": "",
    "scratch/a.py": "",
    "pkg/scratch/a.py": "",
    "notes/bad.txt": "",
    "notes/good.txt": "",
    "name with space.py": "",
}


def git(root: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=True).stdout


def test_the_files_are_those_that_git_would_take(tmp_path: Path) -> None:
    git(lay_out(tmp_path, FILES), "init", "--quiet")
    (tmp_path / ".git/info/exclude").write_text("excluded.py\n")
    (tmp_path / "excluded.py").touch()
    by_git = git(tmp_path, "ls-files", "-z", "--others", "--exclude-standard").split("\0")
    tree = read_source_tree(tmp_path)
    assert list(tree.files) == sorted(filter(None, by_git))
    assert {one.path for one in tree.left_out if one.reason == IGNORED} == {
        "excluded.py",
        "notes/bad.txt",
        "pkg/a.tmp",
        "pkg/x.gen",
        "scratch/",
    }


def test_rules_of_the_repository_around_a_project_hold(tmp_path: Path) -> None:
    lay_out(
        tmp_path, {".gitignore": "*.tmp\n", "apps/one/pyproject.toml": "", "apps/one/a.tmp": "", "apps/one/a.py": ""}
    )
    git(tmp_path, "init", "--quiet")
    assert read_source_tree(tmp_path / "apps/one").files == ("a.py", "pyproject.toml")


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        "deploy/.env.production",
        "cert.pem",
        "pkg/server.key",
        "id_ed25519",
        "keys/id_rsa.pub",
        ".netrc",
        "secrets.yaml",
        "pkg/__pycache__/a.pyc",
        ".mypy_cache/x",
        "data/train.csv",
        "pkg/model.safetensors",
        ".venv/bin/python",
    ],
)
def test_secrets_caches_and_data_stay_even_where_git_does_not_ignore_them(tmp_path: Path, name: str) -> None:
    tree = read_source_tree(lay_out(tmp_path, {"setup.py": "", name: "x"}))
    assert tree.files == ("setup.py",)
    (out,) = tree.left_out
    assert name.startswith(out.path)
    assert out.reason == DENIED_REASON


@pytest.mark.parametrize("name", ["pkg/secrets.py", "pkg/data/table.csv", ".env.example", "pkg/keys.py"])
def test_what_only_sounds_like_it_goes(tmp_path: Path, name: str) -> None:
    assert name in read_source_tree(lay_out(tmp_path, {"setup.py": "", name: "x"})).files


def test_a_private_key_is_known_by_its_content(tmp_path: Path) -> None:
    lay_out(tmp_path, {"setup.py": "", "pkg/harmless.txt": "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n"})
    (out,) = read_source_tree(tmp_path).left_out
    assert (out.path, out.reason) == ("pkg/harmless.txt", PRIVATE_KEY)


def test_patterns_of_the_configuration_add_and_take_back(tmp_path: Path) -> None:
    lay_out(tmp_path, {"setup.py": "", "pkg/ca.pem": "x", "pkg/big.bin": "x"})
    assert read_source_tree(tmp_path, ["*.bin", "!pkg/ca.pem"]).files == ("pkg/ca.pem", "setup.py")


def test_links_out_of_the_tree_stay(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("x")
    root = lay_out(tmp_path / "project", {"setup.py": "", "pkg/a.py": ""})
    (root / "out.py").symlink_to(tmp_path / "outside")
    (root / "in.py").symlink_to("pkg/a.py")
    (root / "there").symlink_to(tmp_path)
    tree = read_source_tree(root)
    assert tree.files == ("in.py", "pkg/a.py", "setup.py")
    assert {(one.path, one.reason) for one in tree.left_out} == {("out.py", OUTSIDE), ("there", OUTSIDE)}


def test_the_digest_changes_with_content_name_and_mode_only(tmp_path: Path) -> None:
    lay_out(tmp_path, {"setup.py": "", "a.py": "1", ".env": "secret"})
    first = read_source_tree(tmp_path).digest()
    (tmp_path / ".env").write_text("another")
    assert read_source_tree(tmp_path).digest() == first
    (tmp_path / "a.py").chmod(0o755)
    assert read_source_tree(tmp_path).digest() != first
    (tmp_path / "a.py").chmod(0o644)
    assert read_source_tree(tmp_path).digest() == first
    (tmp_path / "a.py").write_text("2")
    assert read_source_tree(tmp_path).digest() != first


def test_the_copy_has_the_packaged_files_and_nothing_else(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "project", {"setup.py": "", "pkg/a.py": "1", ".env": "secret"})
    read_source_tree(root).copy_to(tmp_path / "copy")
    copied = [str(one.relative_to(tmp_path / "copy")) for one in (tmp_path / "copy").rglob("*") if one.is_file()]
    assert sorted(copied) == ["pkg/a.py", "setup.py"]


def test_a_directory_without_a_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match=r"neither pyproject\.toml nor setup\.py"):
        read_source_tree(tmp_path)
