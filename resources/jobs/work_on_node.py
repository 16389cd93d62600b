"""Work for some seconds on one node, once; says when it runs, and where it ran. Usage: ... GCS_ADDRESS NODE SECONDS"""

import socket
import sys
import time

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)
node = next(n["NodeID"] for n in ray.nodes() if n["NodeName"] == sys.argv[2] and n["Alive"])


@ray.remote(num_cpus=0)
class Said:
    """Tells the driver that the work has begun."""

    def __init__(self) -> None:
        self.said = False

    def say(self) -> None:
        """It has."""
        self.said = True

    def ask(self) -> bool:
        """Whether it has."""
        return self.said


@ray.remote(max_retries=0)
def work(said: ray.actor.ActorHandle, seconds: float) -> str:
    """The host name of the node, after some time; a second try would not be allowed."""
    ray.get(said.say.remote())
    time.sleep(seconds)
    return socket.gethostname()


here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
begun = Said.options(scheduling_strategy=here).remote()
there = NodeAffinitySchedulingStrategy(node, soft=False)
task = work.options(scheduling_strategy=there).remote(begun, float(sys.argv[3]))
while not ray.get(begun.ask.remote()):
    time.sleep(0.1)
print("running", flush=True)
print(f"answer {ray.get(task, timeout=120)}", flush=True)
