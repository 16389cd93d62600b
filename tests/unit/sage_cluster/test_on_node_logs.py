"""Reading the logs of the newest session, running or saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sage_cluster.on_node.logs import LogNotFoundError, read_log
from tests.support.sessions import OTHER_SESSION, SESSION, make_session

TEXT = "".join(f"line {number}\n" for number in range(1, 6))


def spec(tmp_path: Path, log: str = "raylet.out", lines: int = 2) -> dict[str, Any]:
    return {"temp_dir": str(tmp_path / "ray"), "log_dir": str(tmp_path / "saved"), "log": log, "lines": lines}


@pytest.mark.parametrize(
    ("lines", "text"), [(1, "line 5"), (2, "line 4\nline 5"), (99, TEXT.strip()), (0, "")], ids=str
)
def test_the_last_lines_are_given(tmp_path: Path, lines: int, text: str) -> None:
    make_session(tmp_path / "ray", SESSION, TEXT)
    assert read_log(spec(tmp_path, lines=lines)) == {
        "path": f"{tmp_path}/ray/{SESSION}/logs/raylet.out",
        "text": text,
        "files": ["raylet.out"],
    }


def test_the_newest_running_session_is_read_not_the_saved_one(tmp_path: Path) -> None:
    make_session(tmp_path / "ray", SESSION, "old\n")
    make_session(tmp_path / "ray", OTHER_SESSION, "new\n")
    (tmp_path / "saved/session_2027-01-01_00-00-00_1_1").mkdir(parents=True)
    assert read_log(spec(tmp_path))["text"] == "new"


def test_after_a_stop_the_newest_saved_logs_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, text in ((SESSION, "old\n"), (OTHER_SESSION, "new\n")):
        (tmp_path / "saved" / name).mkdir(parents=True)
        (tmp_path / "saved" / name / "raylet.out").write_text(text)
    assert read_log({**spec(tmp_path), "log_dir": "~/saved"})["text"] == "new"


def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    make_session(tmp_path / "ray", SESSION)
    (tmp_path / "ray" / SESSION / "logs/raylet.out").write_bytes(b"good\n\xff\xfe\n")
    assert read_log(spec(tmp_path))["text"] == "good\n\ufffd\ufffd"


@pytest.mark.parametrize("log", ["nothing.out", "../../../secret", "/etc/hostname"])
def test_another_log_than_those_there_are_is_refused_with_their_names(tmp_path: Path, log: str) -> None:
    make_session(tmp_path / "ray", SESSION)
    (tmp_path / "secret").write_text("secret")
    with pytest.raises(LogNotFoundError, match=r"there are: raylet\.out") as caught:
        read_log(spec(tmp_path, log=log))
    assert log in str(caught.value)


def test_without_any_session_the_error_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(LogNotFoundError, match=f"no session has left logs in {tmp_path}/ray or {tmp_path}/saved"):
        read_log(spec(tmp_path))
