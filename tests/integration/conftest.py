"""The order of the tests that use nodes."""

from __future__ import annotations

import pytest

ORDER = ("unit", "sage_lab", "SageLibrary", "sage_cluster")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The managers' tests come last: they enter a lab's network, and a process does not leave it again."""
    items.sort(key=lambda item: next((n for n, part in enumerate(ORDER) if part in item.path.parts[-3:]), len(ORDER)))
