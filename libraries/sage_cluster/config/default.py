"""The first configuration file, with a comment for each thing a person may want to change."""

DEFAULT_TEXT = """\
# One Ray cluster: a head, and workers reached over SSH. Every key has a default; times are in seconds.

head:
  host: localhost
  ssh_port: 22
  head_port: 6379
  dashboard: true
  dashboard_port: 8265
  dashboard_host: 0.0.0.0     # the addresses on the head where the dashboard listens
  temp_dir: /tmp/ray_head     # Ray's files on the head; a directory of its own
  log_dir: ~/.sage/logs
  # conda_env: sage           # or python_path, or ray_command: where the head finds Ray
  # num_cpus: 4               # otherwise all
  # object_store_memory: 2000000000   # bytes
  # ray_args: []              # further arguments for "ray start"

worker:
  # bind_host: 10.0.0.2       # the address that Ray binds to
  temp_dir: /tmp/ray_worker   # Ray's files on each worker; a directory of its own
  log_dir: ~/.sage/logs

ssh:
  # user: sage                # otherwise your own user name
  # key_path: ~/.ssh/id_ed25519   # otherwise the keys of the SSH agent
  connect_timeout: 10
  command_timeout: 60
  known_hosts: ~/.ssh/known_hosts
  host_keys: strict           # accept-new records the key of a host at first contact
  max_connections: 50
  retries: 3

remote: {}                    # the workers' sage_home, python_path, ray_command, conda_env

cluster:
  start_concurrency: 8        # workers that start at once; fewer where nodes share a machine
  start_timeout: 120
  stop_timeout: 20
  drain_timeout: 30           # how long running work may take to end before its worker is removed
  version_check: true         # a worker whose Ray or Python are not the head's is refused before anything starts there

recovery:
  enabled: true               # "start" begins a supervisor that brings failed nodes back
  keep_workers: false         # true: workers live on while a dead head is brought back (Ray's RocksDB storage: alpha)
  attempts: 5                 # repairs without success until a node is left to a person

deploy:
  # project: ~/my-project     # what "sage-cluster deploy" sends: a project's directory, or a wheel
  # wheels: ~/wheels          # a directory with all wheels that it needs; then no package index is asked
  # exclude: ["*.bin"]        # what stays here beside what git ignores, secrets, caches and data
  keep: 3                     # releases that each node keeps, for rollback
  timeout: 300                # per node

# The workers: text such as "host1:22,host2:2222", or a list of {host, port}.
workers_ssh_hosts: []
"""
