#!/usr/bin/env bash
# Run a command beside a container engine: the one that answers here, or one that is started for it alone, in a network
# namespace without a way out and with its data in a scratch directory, and that ends with it. Needs root.
# usage: provision/controller/with-docker.sh COMMAND [WORD]...      exits like the command, with 3 when no engine starts
set -euo pipefail

answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

if [[ "${1:-}" != --inside ]]; then
    if answers; then exec "$@"; fi
    [[ $EUID -eq 0 ]] || { echo "It needs root: sudo $0 $*" >&2; exit 1; }
    for program in dockerd containerd docker; do
        command -v "$program" >/dev/null || { echo "$program is not installed: apt-get install docker.io" >&2; exit 3; }
    done
    # The mount namespace takes with it whatever the engine leaves mounted.
    exec unshare --net --mount "$0" --inside "$@"
fi
shift

scratch="$(mktemp -d)"
engine=
end() {
    local status=$?
    [[ -z "$engine" ]] || { kill "$engine" 2>/dev/null || true; wait "$engine" 2>/dev/null || true; }
    while read -r point; do umount --lazy "$point"; done < <(
        awk -v below="$scratch/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo | sort --reverse
    )
    rm -rf --one-file-system -- "$scratch"
    exit "$status"
}
trap end EXIT
export DOCKER_HOST="unix://$scratch/docker.sock"
ip link set lo up
dockerd --host "$DOCKER_HOST" --data-root "$scratch/data" --exec-root "$scratch/exec" --pidfile "$scratch/pid" \
    >"$scratch/log" 2>&1 &
engine=$!
until answers; do
    kill -0 "$engine" 2>/dev/null && ((SECONDS < 60)) || { tail -n 20 "$scratch/log" >&2; exit 3; }
    sleep 0.2
done
"$@"
