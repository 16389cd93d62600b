"""Sum squares on all nodes, round after round, until /tmp/job.enough exists; says whether every round was right.

Usage: ... GCS_ADDRESS
"""

import sys
import time
from pathlib import Path

import ray

ENOUGH = Path("/tmp/job.enough")  # noqa: S108 - on the head
RIGHT = sum(number * number for number in range(2_000))

ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)


@ray.remote(max_retries=5, scheduling_strategy="SPREAD")
def square_sum(begin: int, end: int) -> int:
    """The sum of the squares of a range, slowly."""
    time.sleep(0.3)
    return sum(number * number for number in range(begin, end))


rounds = wrong = 0
while not ENOUGH.exists():
    parts = [square_sum.remote(begin, begin + 100) for begin in range(0, 2_000, 100)]
    wrong += sum(ray.get(parts, timeout=120)) != RIGHT
    rounds += 1
    if rounds == 1:
        print("running", flush=True)
print(f"{rounds} rounds, {wrong} wrong", flush=True)
print(f"answer {'right' if not wrong else 'wrong'}", flush=True)
