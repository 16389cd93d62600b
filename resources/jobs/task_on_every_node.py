"""Run one task on every node of the cluster and print the host names. Usage: task_on_every_node.py GCS_ADDRESS"""

import json
import socket
import sys

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)


@ray.remote
def where() -> str:
    """The host name of the node that runs this."""
    return socket.gethostname()


tasks = [
    where.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote()
    for node in ray.nodes()
    if node["Alive"]
]
print(json.dumps(ray.get(tasks, timeout=60)))
