"""Print the addresses of the nodes that Ray itself calls alive. Usage: nodes_alive.py GCS_ADDRESS"""

import json
import sys

import ray

ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)
print(json.dumps([node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]]))
