"""What a node says: found in its output wherever it stands, and checked against the types of the protocol.

It is data of somebody else's. Login scripts print things too, and a node that is broken or hostile may say anything.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from sage_cluster.errors import NodeError, RayStartError
from sage_cluster.nodes.program import ANSWER
from sage_cluster.on_node import protocol
from sage_cluster.on_node.start import RayStartFailedError

SHOWN_CHARACTERS = 200
Spec = TypeVar("Spec")
Answer = TypeVar("Answer")


def new_nonce() -> str:
    """What tells one command's answer from all else that its node may say."""
    return secrets.token_hex(8)


def find_answer(output: str, nonce: str) -> str | None:
    """What the node's program said in this output, as JSON; None when it said nothing."""
    _, frame, after = output.partition(f"{ANSWER}{nonce}")
    return after.partition("\n")[0] if frame else None


def answer_of(command: Callable[[Spec], Answer], said: str, where: str) -> Answer:
    """The answer of a function of `sage_cluster.on_node`, from the JSON that the node ``where`` said.

    Raises NodeError with the node's own problem, or RayStartError when `ray start` failed there; NodeError when it is
    no answer of the function's type.
    """
    kind = getattr(protocol, command.__annotations__["return"])
    answer = checked(protocol.Problem | kind, said, where)
    if "kind" in answer:
        error = RayStartError if answer["kind"] == RayStartFailedError.__name__ else NodeError
        raise error(answer["problem"], where=where)
    return cast(Answer, answer)


def checked(kind: Any, said: str, where: str) -> Any:  # noqa: ANN401 - a TypedDict, or a union of them
    """What the node ``where`` said as JSON, when it is of this kind; else NodeError shows how it begins."""
    try:
        return _adapter(kind).validate_json(said, strict=True)
    except ValidationError as error:
        last = error.errors(include_url=False, include_input=False, include_context=False)[-1]
        place = ".".join(map(str, last["loc"]))
        raise NodeError(
            f"what the node says cannot be used: {place or 'JSON'}: {last['msg']}; it begins: {shown(said)}",
            where=where,
            fix="see which programs run in the name of python_path there, then try again",
        ) from error


def shown(said: str) -> str:
    """The beginning of what a node said, without anything that a terminal would obey."""
    return ascii(said[:SHOWN_CHARACTERS])


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401
    return TypeAdapter(kind)
