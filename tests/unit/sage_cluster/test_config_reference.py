"""The configuration reference says something of every key, and docs/configuration.md is what it says today."""

from __future__ import annotations

import re
from pathlib import Path

from sage_cluster.config.reference import reference
from sage_cluster.config.schema import Config

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_every_key_has_a_row_with_a_meaning() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \| (.+) \|$", reference(), re.MULTILINE)
    sections = [type(getattr(Config(), name)) for name in Config.model_fields if name != "workers_ssh_hosts"]
    keys = [key for section in sections for key in section.model_fields]
    assert [row[0] for row in rows] == [*keys, "workers_ssh_hosts"]
    assert all(row[3].endswith(".") for row in rows)


def test_defaults_and_bounds_are_the_models() -> None:
    page = reference()
    assert "| `head_port` | `6379` | a port from 1 to 65535 |" in page
    assert "| `enabled` | `true` | true or false |" in page
    assert "| `user` |  | a user's login name |" in page, "the default is who asks: it would differ on every machine"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run 'make docs'"
