# ruff: noqa: SIM905 - lists of words read best as text
"""What never goes into a package: secrets by their usual names and by their content, caches, and data."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

from pathspec import GitIgnoreSpec

DIRECTORIES = """
    .git/ .hg/ .svn/ .bzr/
    .env/ .aws/ .azure/ .gcloud/ **/.config/gcloud/ .ssh/ .kube/ .docker/ .gnupg/ .password-store/ .terraform/ .vault/
    .chef/ .fly/ .huggingface/ .kaggle/ .ngrok2/ .oci/ .rclone/ .snowsql/ .secrets/ .credentials/ *.agilekeychain/
    __pycache__/ .venv/ venv/ node_modules/ *.egg-info/ .eggs/ .tox/ .nox/ .cache/ .*_cache/
    /build/ /dist/ /data/ /datasets/ /results/ /logs/ .idea/ .vscode/
""".split()
FILES = """
    .env .env.* .env~ *.env .envrc
    *.pem *.pem.* *.key *.key.* *.p8 *.p12 *.pfx *.pkcs12 *.pk8 *.ppk *.der *.jks *.jceks *.keystore *.truststore *.bks
    *.kdb *.kdbx *.psafe3 *.keychain *.keychain-db *.gpg *.pgp *.asc *.agekey *.jwk *.jwks *.keytab *.ovpn
    id_rsa* id_dsa* id_ecdsa* id_ed25519* identity *_rsa *_dsa *_ecdsa *_ed25519 ssh_host_*key* secring.*
    privkey* *private[-_]key* *privatekey* keyfile.json gcp[-_]key*.json *service[-_]account*.json *serviceaccount*.json
    *firebase-adminsdk*.json application_default_credentials.json google-services.json client_secret*.json
    .netrc _netrc .pgpass pgpass.conf .my.cnf .mylogin.cnf .pypirc .npmrc .yarnrc .yarnrc.yml .dockercfg .htpasswd
    .dockerconfigjson htpasswd .git-credentials .gitcredentials .s3cfg .boto .passwd-s3fs .databrickscfg .vault-token
    .vault[-_]pass* vault[-_]pass* .ftpconfig .ftppass .remote-sync.json .msmtprc .fetchmailrc .esmtprc .smbcredentials
    .terraformrc terraform.rc *.tfstate *.tfstate.* *.tfvars *.tfvars.json kubeconfig kubeconfig.* *.kubeconfig
    kaggle.json .modal.toml rclone.conf .rclone.conf .rhosts .shosts shadow gshadow master.passwd
    wp-config.php localsettings.php .*_history cookies.txt cookies.sqlite *.har *.pcap *.pcapng
    *.secret *.secrets *.cred *.creds *.credentials *.password *.token .secret .token .password
    !.env.example !.env.sample !.env.template !.env.dist !.env.defaults
    *.log *.sqlite* *.db *.parquet *.h5 *.ckpt *.safetensors
    *.pyc *.pyo .coverage* .ds_store *.swp
""".split()
WORDS = "credential credentials secret secrets password passwords passwd apikey apikeys".split()
WORDS += "api_key api_keys api-key api-keys access_key access_keys access-key access-keys accesskeys auth_token".split()
EXACT = "token tokens auth oauth oauth_token access_token refresh_token service_account keys".split()
"""Names that say "secret" alone, but not in part: a tokenizer.json is none."""
SUFFIXES = ".json .yaml .yml .ini .toml .txt .cfg .conf .config .env .xml .properties .csv .enc .bak .old .sh".split()
SOURCES = "!*.py !*.pyi !*.pyx !*.pxd !*.c !*.h !*.cpp !*.rs !*.go !*.js !*.ts".split()
"""A module may well be called credentials; of sources only the content tells."""

_NAMES = [
    *FILES,
    *(f"{word}{suffix}" for word, suffix in product(WORDS + EXACT, SUFFIXES)),
    *(f"*[-_.]{word}{suffix}" for word, suffix in product(WORDS, ["", *SUFFIXES])),
    *(f"{word}[-_.]*{suffix}" for word, suffix in product(WORDS, SUFFIXES)),
    *WORDS,
    *SOURCES,
]
# A directory may be a package, whose name says nothing of what is in it: the names of files are not for directories.
_FOR_DIRECTORIES = GitIgnoreSpec.from_lines(DIRECTORIES)
_FOR_FILES = GitIgnoreSpec.from_lines(_NAMES)

_BEGIN = rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
_KEY = re.compile(
    # What follows must look like a key: sources that read keys have the line alone.
    rb"%b(?:[\s\"'+,|>]|\\[nr]|[\w-]+: [^\n]*\n)*[A-Za-z0-9+/=]{24}" % _BEGIN
    + rb"|PuTTY-User-Key-File-\d: |AGE-SECRET-KEY-1[0-9A-Z]{20}"
)
_BEGINS_AS_KEY = re.compile(_BEGIN)
_HINTS = (b"PRIVATE KEY", b"PuTTY-User-Key-File-", b"AGE-SECRET-KEY-")
_CHUNK_BYTES = 1 << 20
_OVERLAP_BYTES = 1 << 10


def is_never_packaged(path: str) -> bool:
    """Whether a path below a source tree is a secret, a cache or data by its name. A directory's ends with "/".

    In capitals or not: a file system may not tell them apart, and people do not.
    """
    return (_FOR_DIRECTORIES if path.endswith("/") else _FOR_FILES).match_file(path.lower())


def holds_private_key(path: Path) -> bool:
    """Whether a private key stands anywhere in the file, in a text of its own or in JSON or source. Raises OSError."""
    before = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            text = before + chunk
            if not before and _BEGINS_AS_KEY.match(text):
                return True
            if any(hint in text for hint in _HINTS) and _KEY.search(text):
                return True
            before = chunk[-_OVERLAP_BYTES:]
    return False
