"""Whatever stands on the command line of `sage-test`, or in the files that it is given: no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from SageLibrary.running import cli

WORDS = st.sampled_from(
    [
        *("--include", "--exclude", "--test", "--results", "--json", "--rerun", "--processes", "--times", "-X", "--"),
        *(
            "--outputdir",
            "--markdown",
            "--variable",
            "",
            " ",
            "-1",
            "0",
            "nan",
            "1e999",
            "tag",
            "NOT",
            "a:b",
            "x" * 300,
        ),
        *("suite.robot", "output.xml", "empty", "nothing.robot", "/dev/null", "results", "."),
    ]
)
FILES = st.binary(max_size=60) | st.sampled_from(
    [
        b"*** Test Cases ***\nT\n    Log    x\n",
        b"*** Settings ***\nResource    none\n",
        b"<robot/>",
        b"<robot><suite/></robot>",
        b'<robot generator="x" schemaversion="5"><suite name="a"><test/></suite></robot>',
        b"<",
        b"{}",
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    command=st.sampled_from(["run", "rerun", "plan", "verdict", "no such"]),
    words=st.lists(WORDS, max_size=4),
    content=FILES,
)
def test_any_command_line_ends_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, words: list[str], content: bytes
) -> None:
    monkeypatch.setattr(cli, "run_robot", lambda _: 252)
    monkeypatch.setattr(cli, "run_parallel", lambda *_: 252)
    monkeypatch.setattr(cli, "run_failed_again", lambda *_: 252)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir(exist_ok=True)
    (tmp_path / "results").mkdir(exist_ok=True)
    for name in ("suite.robot", "output.xml", "results/output.xml"):
        (tmp_path / name).write_bytes(content)
    result = CliRunner().invoke(cli.main, [command, *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert "Traceback" not in result.output
