"""Words for SSH whose connections are played."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from SageLibrary.context import Stage
from SageLibrary.keywords.connection import ConnectionKeywords


def test_a_first_contact_is_one_though_an_earlier_run_left_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_hosts = tmp_path / "accepted_known_hosts"
    known_hosts.write_text("worker-1 ssh-ed25519 the key of another lab\n")
    was_there: list[bool] = []

    @contextmanager
    def pool(_: ConnectionKeywords, changes: dict[str, Any]) -> Iterator[SimpleNamespace]:
        was_there.append(Path(changes["known_hosts"]).exists())
        yield SimpleNamespace(run=lambda *_, **__: None)

    monkeypatch.setattr(ConnectionKeywords, "_pool", pool)
    words = ConnectionKeywords(cast("Stage", SimpleNamespace()))
    words.new_host_key_should_be_accepted_and_kept("worker-1", known_hosts)
    assert was_there[0] is False
