"""Sum squares in many short tasks with retries; says when they run, and the answer. Usage: ... GCS_ADDRESS"""

import sys
import time

import ray

ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)


@ray.remote(max_retries=5, num_cpus=0.5)
def square_sum(begin: int, end: int) -> int:
    """The sum of the squares of a range, slowly."""
    time.sleep(0.5)
    return sum(number * number for number in range(begin, end))


tasks = [square_sum.remote(begin, begin + 200) for begin in range(0, 10_000, 200)]
ray.wait(tasks, num_returns=5, timeout=60)
print("running", flush=True)
print(f"answer {sum(ray.get(tasks, timeout=120))}", flush=True)
