"""What of a source tree goes into a package: git itself is asked for comparison; secrets never go."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
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


SECRETS = """
    .env .env.local .env.production .env~ prod.env .envrc server.pem server.key server.key.bak key.p8 cert.p12
    cert.pfx putty.ppk store.jks app.keystore passwords.kdbx passwords.kdb login.keychain backup.gpg message.pgp
    key.asc krb5.keytab id_rsa id_rsa.bak id_dsa id_ecdsa id_ed25519 deploy_rsa github_ed25519 ssh_host_rsa_key
    identity private_key.txt private-key.json privkey.txt myPrivateKey.txt .netrc _netrc .pgpass .my.cnf .pypirc
    .npmrc .yarnrc.yml .dockercfg .htpasswd .git-credentials .s3cfg .boto .vault-token .vault_pass vault_pass.txt
    terraform.tfstate terraform.tfstate.backup prod.tfvars kubeconfig cluster.kubeconfig kaggle.json rclone.conf
    service_account.json my-service-account.json gcp-key.json x-firebase-adminsdk-1.json client_secret_12.json
    client_secrets.json application_default_credentials.json google-services.json credentials credentials.json
    credentials.csv credentials.ini aws_credentials.txt my.credentials secret.yaml secrets.toml secrets.properties
    app-secrets.yml secret.txt password.txt passwords.csv db_password.txt api_key.txt apikey.json api-keys.yaml
    accessKeys.csv token.json token.txt .token tokens.json auth.json oauth_token.json .bash_history .python_history
    .psql_history cookies.txt wp-config.php trace.har client.ovpn .aws/config .ssh/config .kube/config
    .docker/config.json .azure/profile.json .gnupg/x .config/gcloud/x .terraform/x
"""


@pytest.mark.parametrize("written", [str, str.upper, str.title], ids=["small", "capitals", "title"])
def test_the_usual_names_of_secrets_are_known(tmp_path: Path, written: Callable[[str], str]) -> None:
    lay_out(tmp_path, {"setup.py": "", **{f"pkg/{written(name)}": "x" for name in SECRETS.split()}})
    assert read_source_tree(tmp_path).files == ("setup.py",)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "pkg/secrets.py",
            "pkg/data/table.csv",
            ".env.example",
            "pkg/keys.py",
            "pkg/private_key_tools.py",
            "pkg/tokenizer.json",
        ),
        *("pkg/credentials.py", "pkg/secrets/__init__.py", "pkg/tokens/__init__.py", "pkg/special_tokens_map.json"),
        *("pkg/environment.yml", "pkg/keyboard.txt", "pkg/monkey.json", "pkg/author.txt", "pkg/py.typed", "LICENSE"),
        *("README.md", "pkg/authors.json", "pkg/config.yaml", "pkg/turkey.json", "pkg/passes.txt", "pkg/identity.py"),
    ],
)
def test_what_only_sounds_like_it_goes(tmp_path: Path, name: str) -> None:
    assert name in read_source_tree(lay_out(tmp_path, {"setup.py": "", name: "x"})).files


def test_a_private_key_is_known_by_its_content(tmp_path: Path) -> None:
    pem = f"-----BEGIN RSA PRIVATE KEY-----\n{'MIIEpQIBAAKCAQEA' * 4}\n"
    keys = {
        "first.txt": "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n",
        "later.txt": f"a note\n{pem}",
        "far.txt": f"{'x' * ((1 << 20) - 20)}\n{pem}",
        "windows.txt": pem.replace("\n", "\r\n"),
        "encrypted.txt": pem.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AA\n\n", 1),
        "google.json": json.dumps({"private_key": pem}),
        "pgp.txt": "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\nlQOYBF\n",
        "code.py": f'KEY = """{pem}"""\n',
        "more.py": "KEY = (\n    '-----BEGIN EC PRIVATE KEY-----\\n'\n    'MHcCAQEEIAAAAAAAAAAAAAAAAAAA'\n)\n",
        "putty.txt": "PuTTY-User-Key-File-3: ssh-ed25519\n",
    }
    lay_out(tmp_path, {"setup.py": "", **{f"pkg/{name}": text for name, text in keys.items()}})
    tree = read_source_tree(tmp_path)
    assert tree.files == ("setup.py",)
    assert {(one.path, one.reason) for one in tree.left_out} == {(f"pkg/{name}", PRIVATE_KEY) for name in keys}


def test_what_only_speaks_of_private_keys_goes(tmp_path: Path) -> None:
    source = (
        'if text.startswith("-----BEGIN RSA PRIVATE KEY-----"):\n    return b"-----BEGIN PRIVATE KEY-----" in raw\n'
    )
    source += 'HEADER = "-----BEGIN PRIVATE KEY-----"\nFOOTER = "-----END PRIVATE KEY-----"\n'
    lay_out(tmp_path, {"setup.py": source, "pkg/public.txt": "-----BEGIN PUBLIC KEY-----\nMIIB\n"})
    assert read_source_tree(tmp_path).files == ("pkg/public.txt", "setup.py")


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


@pytest.mark.parametrize("secret", [".env", "ignored.txt", "pkg/key.txt", "excluded.bin"])
def test_a_link_carries_no_secret_of_the_tree_by_another_name(tmp_path: Path, secret: str) -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIE\n"
    lay_out(
        tmp_path,
        {"setup.py": "", ".gitignore": "ignored.txt\n", "pkg/a.py": "", secret: key if "key" in secret else "x"},
    )
    git(tmp_path, "init", "--quiet")
    (tmp_path / "pkg/settings.txt").symlink_to(tmp_path / secret)
    (tmp_path / "pkg/again.txt").symlink_to("settings.txt")
    (tmp_path / "pkg/none.txt").symlink_to("nowhere")
    tree = read_source_tree(tmp_path, ["*.bin"])
    assert tree.files == (".gitignore", "pkg/a.py", "setup.py")
    links = {one.path: one.reason for one in tree.left_out if one.path.startswith("pkg/") and one.path != secret}
    assert links.keys() == {"pkg/settings.txt", "pkg/again.txt", "pkg/none.txt"}
    assert set(links.values()) <= {OUTSIDE, PRIVATE_KEY}


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
