"""Run a SAGE pipeline on every node, and print what each host answered. Usage: sage_on_every_node.py GCS_ADDRESS"""

import json
import socket
import sys

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)


@ray.remote
def squares() -> tuple[str, list[int]]:
    """The host name, and the squares of 1 to 5 as SAGE computes them there."""
    from sage.foundation import BatchFunction, MapFunction, SinkFunction  # noqa: PLC0415 - only the nodes have it
    from sage.runtime import LocalEnvironment  # noqa: PLC0415

    answers: list[int] = []

    class Numbers(BatchFunction):
        last = 0

        def execute(self) -> int | None:
            self.last += 1
            return self.last if self.last <= 5 else None  # noqa: PLR2004

    class Square(MapFunction):
        def execute(self, number: int) -> int:
            return number * number

    class Keep(SinkFunction):
        def execute(self, number: int) -> None:
            answers.append(number)

    environment = LocalEnvironment("squares")
    environment.from_batch(Numbers).map(Square).sink(Keep)
    environment.submit(autostop=True)
    return socket.gethostname(), answers


tasks = [
    squares.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote()
    for node in ray.nodes()
    if node["Alive"]
]
print(json.dumps(dict(ray.get(tasks, timeout=60))))
