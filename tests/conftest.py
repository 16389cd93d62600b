"""What unit and integration tests share: the blocks of docs/writing-tests.md, to do what the guide tells a tester."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.support")
# Tests send it to themselves; begun in the background, by a script or cron, pytest would ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)

GUIDE = Path(__file__).parents[1] / "docs/writing-tests.md"


@pytest.fixture(scope="session")
def guide() -> Callable[[str], str]:
    """Gives the block below the comment of a title, as a tester would copy it."""
    text = GUIDE.read_text(encoding="utf-8")

    def block(title: str) -> str:
        found = re.findall(rf"<!-- {re.escape(title)} -->\n```\w+\n(.*?)```\n", text, re.DOTALL)
        assert len(found) == 1, f"{GUIDE} has {len(found)} blocks '{title}', should have one"
        return str(found[0])

    return block
