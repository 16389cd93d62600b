"""Whatever stands in a file or on the command line: an error with place and fix, and no traceback."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sage_lab.cli.main import commands
from sage_lab.errors import LabError, LabNameError
from sage_lab.inventory import Inventory
from sage_lab.lab import Lab
from sage_lab.state import directory_of, sweep
from sage_lab.topology import Topology
from sage_lab.yaml_file import MAX_BYTES
from tests.support.hostile_yaml import UNREADABLE, documents

READERS = pytest.mark.parametrize("read", [Topology.load, Inventory.load], ids=["topology", "inventory"])
KEYS = ["workers", "spares", "memory", "machines", "machines:\n- name", "user", "key", "port"]
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Read = Callable[[Path], object]


@READERS
@pytest.mark.parametrize("value", UNREADABLE, ids=lambda value: value[:20])
def test_a_value_that_cannot_be_read_is_told_with_its_line(tmp_path: Path, read: Read, value: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(f"user: me\nkey: {value}", encoding="utf-8")
    began = time.process_time()
    with pytest.raises(LabError) as caught:
        read(file)
    assert time.process_time() - began < 5.0
    assert str(caught.value).startswith(f"{file}, line 2")
    assert caught.value.fix


@READERS
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00", "line 1: is not UTF-8 text"),
        (b"a: 1\nb: \xff\n", "line 2: is not UTF-8 text"),
        (b"#" * (MAX_BYTES + 1), f"is larger than {MAX_BYTES} bytes"),
        (
            b"a0: &a0 [x]\n" + b"".join(b"a%d: &a%d [*a%d, *a%d]\n" % (i, i, i - 1, i - 1) for i in range(1, 18)),
            "values",
        ),
        (b"", "line 1: holds no keys and values"),
    ],
    ids=["garbage", "garbage in line 2", "huge", "bomb", "empty"],
)
def test_a_file_that_is_none_is_told(tmp_path: Path, read: Read, content: bytes, said: str) -> None:
    file = tmp_path / "file.yaml"
    file.write_bytes(content)
    with pytest.raises(LabError, match=re.escape(said)) as caught:
        read(file)
    assert str(file) in str(caught.value)


@READERS
def test_what_is_no_file_is_told_at_once(tmp_path: Path, read: Read) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(LabError, match="no regular file") as caught:
            read(path)
        assert str(path) in str(caught.value)


@READERS
@QUICK
@given(content=documents(KEYS))
def test_any_file_is_read_or_refused(tmp_path: Path, read: Read, content: bytes) -> None:
    file = tmp_path / "file.yaml"
    file.write_bytes(content)
    try:
        read(file)
    except LabError as error:
        assert str(file) in error.where
        assert error.fix


def test_an_empty_name_is_no_lab() -> None:
    """`sage-lab down --name "$LAB"` with LAB unset must not take the default lab down."""
    for ask in (directory_of, sweep, Lab.attach, lambda name: Lab.up(Topology(), name)):
        with pytest.raises(LabNameError):
            ask("")


@pytest.mark.parametrize(
    "command",
    [
        ["down"],
        ["up"],
        ["status"],
        ["sweep"],
        ["ssh"],
        ["exec"],
        ["rollback"],
        ["watch"],
        *([["faults", one] for one in ("active", "heal", "matrix")]),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_refused_by_every_command(command: list[str], name: str) -> None:
    result = CliRunner().invoke(commands, [*command, "--name", name, "x"])
    assert result.exit_code == 2
    assert "it is empty; name a lab, or leave --name out" in result.output


WORDS = st.sampled_from(
    [
        *("head", "worker-1", "isolated", "raylet killed", "no such", "active", "heal", "list", "matrix", "inject"),
        *("--name", "--json", "--all", "--workers", "--spare", "--topology", "--inventory", "--provider", "--for"),
        *("--option", "percent=1", "=", "static", "compose", "container", "vagrant", "--port", "--chinese", "--"),
        *("", " ", "-1", "0", "999", "nan", "inf", "1e999", "30s", "../..", "/", "/dev/null", "~", "x" * 300, "\udcff"),
        *("lab.yaml", "nothing.yaml", "t-lab"),
    ]
)
COMMANDS = st.sampled_from(
    [
        ["up"],
        ["status"],
        ["ssh"],
        ["exec"],
        ["down"],
        ["sweep"],
        ["save"],
        ["rollback"],
        ["words"],
        ["watch"],
        ["faults"],
    ]
    + [["faults", one] for one in ("list", "inject", "active", "heal", "matrix")]
)


@QUICK
@given(command=COMMANDS, words=st.lists(WORDS, max_size=5))
def test_any_command_line_ends_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], words: list[str]
) -> None:
    def untouched(*_: object, **__: object) -> None:
        raise LabError("a lab would be built", where="here", fix="none is needed")

    monkeypatch.setattr(Lab, "up", untouched)
    monkeypatch.setenv("SAGE_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab.yaml").write_text("workers: !!int many\n")
    result = CliRunner().invoke(commands, [*command, *words])
    if isinstance(result.exception, LabError):
        assert result.exception.fix
    else:
        assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
        assert result.exit_code in {0, 1, 2}
    assert not (tmp_path / "home").exists()
