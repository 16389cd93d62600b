"""One TCP connection to a port, to see how it is met. Runs on both ends, node or controller."""

from __future__ import annotations

import socket
import time
from typing import Any

_PATIENCE = 1.0
_AT_ONCE = 0.5


def knock(address: str, port: int) -> str:
    """Connect and hang up; what happened, in words that fit after "a knock"."""
    began = time.monotonic()
    try:
        socket.create_connection((address, port), timeout=_PATIENCE).close()
    except ConnectionRefusedError:
        took = time.monotonic() - began
        return "was refused at once" if took < _AT_ONCE else f"was refused after {took:.1f} s"
    except TimeoutError:
        return f"was not answered for {_PATIENCE:g} s"
    except OSError as error:
        return f"failed: {error}"
    return "was let in"


def answer(spec: dict[str, Any]) -> dict[str, Any]:
    """The node's own knock."""
    return {"said": knock(spec["address"], int(spec["port"]))}
