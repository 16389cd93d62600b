#!/usr/bin/env bash
# Run the commands of the README on bare machines: roots of distributions that have git, make, Python and certificates only.
# Each root has mount and process namespaces of its own; kernel and network are this machine's. The last commit is cloned
# into it. All that was made is removed, whatever happens; only downloaded packages are kept, for the next time.
# usage: provision/controller/fresh.sh DISTRIBUTION...      debian-12, debian-13, debian-forky, ubuntu-24.04, ubuntu-26.04
# COMMANDS, if set, are what is run in each: lifecycle and test are the targets of make, user is 'make lifecycle' by one who
# may not become root, guest (Debian forky only) is guest.sh. MIRROR, if set, is where packages come from.
# Logs and the table are in results/fresh. It exits with 1 when a command failed, or a Debian root could not be made; a root
# of another vendor whose archive cannot be reached is skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."
checkout="$PWD"
results="$checkout/results/fresh"
cache=/var/cache/sage-cluster-lab
roots=/var/tmp/sage-fresh
declare -A suite_of=(
    [debian-12]=bookworm [debian-13]=trixie [debian-forky]=forky [ubuntu-24.04]=noble [ubuntu-26.04]=resolute
)
# How this machine reaches packages, as the environment says it.
passed_on='^(https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY|PIP_INDEX_URL|PIP_EXTRA_INDEX_URL|PIP_DEFAULT_TIMEOUT)='

if [[ "${1:-}" == --inside ]]; then   # process 1 of the root's own namespaces
    root="$2" directory="$3"
    shift 3
    mount --bind "$root" "$root"
    for tree in dev sys; do mount --rbind "/$tree" "$root/$tree"; done
    mount -t proc proc "$root/proc"
    mount --bind "$cache/apt/${root##*/}" "$root/var/cache/apt/archives"
    mount --bind "$cache/pip" "$root/root/.cache/pip"
    mapfile -t settings < <(env | grep -E "$passed_on" || true)
    cd "$root"
    pivot_root . .
    umount --lazy .
    cd "$directory"
    umask 077
    # Not in its place: this process reaps what others leave behind.
    env --ignore-environment "${settings[@]}" HOME=/root USER=root LANG=C TERM=dumb \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
    exit
fi

(($#)) || set -- debian-12 debian-13 debian-forky ubuntu-24.04 ubuntu-26.04
for distribution in "$@"; do
    [[ -n "${suite_of[$distribution]:-}" ]] ||
        { echo "unknown distribution '$distribution'; there are: ${!suite_of[*]}" >&2; exit 2; }
done
[[ $EUID -eq 0 ]] || { echo "Only root can make a root file system. Run: sudo make fresh" >&2; exit 1; }
mkdir -p "$cache/pip" "$roots" "$results"
exec 9>"$roots.lock"
flock --nonblock 9 || { echo "another 'make fresh' is at work on this machine: wait until it has ended" >&2; exit 1; }

inside=
within() {   # ROOT DIRECTORY COMMAND...: run it there, in the background of this shell, so that a signal is heeded at once
    setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --propagation private -- \
        "$checkout/provision/controller/fresh.sh" --inside "$@" 9>&- </dev/null &
    inside=$!
    local status=0
    wait "$inside" || status=$?
    inside=
    return "$status"
}
# Its processes end with the root's process 1, its mounts with them; control groups are the one thing that outlives both.
remove() {   # ROOT
    local lab
    for lab in "$1"/var/lib/sage-lab/*/ledger.jsonl; do
        [[ ! -e "$lab" ]] ||
            within "$1" "$clone" .venv/bin/sage-lab sweep --name "$(basename "${lab%/*}")" >/dev/null || true
    done
    rm -rf --one-file-system -- "$1"
}
end() {
    local status=$?
    trap '' INT TERM HUP
    [[ -z "$inside" ]] || { kill -KILL "$inside" && wait "$inside"; } 2>/dev/null || true
    for root in "$roots"/*; do [[ ! -e "$root" ]] || remove "$root"; done
    rmdir "$roots"
    exit "$status"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# What works in a directory with a letter that is not ASCII, in no language and under a strict umask, works elsewhere too.
clone=/root/Clüster/sage-cluster-lab
for root in "$roots"/*; do [[ ! -e "$root" ]] || remove "$root"; done   # of a run that was killed

make_root() {   # SUITE: each step has to work, also where the caller asks whether all did
    mkdir -p "$cache/apt/$1"
    mmdebstrap --quiet --variant=minbase --include=git,make,python3,ca-certificates --skip=essential/unlink \
        --aptopt='Acquire::Check-Valid-Until "false"' \
        --setup-hook='mkdir -p "$1/var/cache/apt/archives"' --setup-hook="sync-in $cache/apt/$1 /var/cache/apt/archives" \
        --customize-hook="sync-out /var/cache/apt/archives $cache/apt/$1" "$1" "$roots/$1" ${MIRROR:+"$MIRROR"} || return
    mkdir -p "$roots/$1/root/.cache/pip"
    printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$(hostname)" >"$roots/$1/etc/hosts"   # an installer's part
    # A machine's own certificate authorities, as a company's proxy has one, are part of its way to packages.
    [[ ! -d /usr/local/share/ca-certificates ]] ||
        cp --recursive /usr/local/share/ca-certificates/. "$roots/$1/usr/local/share/ca-certificates/" || return
    (umask 077 && git clone --quiet "$checkout" "$roots/$1$clone") || return
    within "$roots/$1" / update-ca-certificates >/dev/null
}
# An ordinary user is told what to run, and can manage a cluster all the same.
as_user='
    useradd --create-home somebody
    git clone --quiet . /home/somebody/sage-cluster-lab
    chown --recursive somebody: /home/somebody
    cd /home/somebody/sage-cluster-lab
    somebody=(setpriv --reuid somebody --regid somebody --init-groups env HOME=/home/somebody USER=somebody)
    ! said="$("${somebody[@]}" make lifecycle 2>&1)"
    tee /dev/stderr <<<"$said" | grep -qxF "The container lab needs root. Run: sudo make lifecycle"
    "${somebody[@]}" .venv/bin/sage-cluster config init
    "${somebody[@]}" .venv/bin/sage-cluster config get head.head_port
'
execute() {   # ROOT COMMAND
    case "$2" in
        guest) within "$1" "$clone" env FRESH=1 provision/controller/guest.sh ;;
        user) within "$1" "$clone" bash -euxo pipefail -c "$as_user" ;;
        *) within "$1" "$clone" make "$2" ;;
    esac
}
facts() {   # ROOT LOG: Python, OpenSSH, kernel and version of cgroups, of the root or of the guest that the log tells of
    within "$1" / sh -c 'python3 -c "import platform; print(platform.python_version())"
        ssh -V 2>&1 | sed -nE "s/^OpenSSH_([^, ]+).*/\1/p" | grep . || echo none' >"$results/facts"
    sed -nE 's/^kernel ([^ ]+); cgroup (v.)\r?$/\1\n\2/p' "$2" | grep . >>"$results/facts" || {
        uname -r | cut -d - -f 1
        if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then echo v2; else echo v1; fi
    } >>"$results/facts"
    cat "$results/facts"
}
row() { printf '| %-12s | %-6s | %-7s | %-7s | %-6s | %-9s | %-36s | %7s |\n' "$@" | tee -a "$results/table.md"; }

failed=0
rm -f "$results/table.md"
row distribution Python OpenSSH kernel cgroup command result seconds
row --- --- --- --- --- --- --- ---
for distribution in "$@"; do
    suite="${suite_of[$distribution]}" root="$roots/${suite_of[$distribution]}"
    log="$results/$distribution.root.log"
    if ! make_root "$suite" >"$log" 2>&1; then
        if [[ "$distribution" == debian-* ]]; then
            failed=1 result="FAILED: ${log##*/}"
        else
            result="skipped: ${log##*/}"   # its archive or keyring is not to be had here
        fi
        row "$distribution" - - - - "(root)" "$result" -
        rm -rf --one-file-system -- "$root"
        continue
    fi
    commands="${COMMANDS:-lifecycle test user}"
    [[ -n "${COMMANDS:-}" || "$distribution" != debian-forky ]] || commands+=" guest"
    for command in $commands; do
        log="$results/$distribution.$command.log" began=$SECONDS status=0
        execute "$root" "$command" >"$log" 2>&1 || status=$?
        took=$((SECONDS - began))
        result=passed
        if ((status)); then
            failed=1 result="FAILED ($status): ${log##*/}"
            cp --recursive "$root$clone/results" "$results/$distribution.$command"
        fi
        mapfile -t facts < <(facts "$root" "$log")
        row "$distribution" "${facts[@]}" "$command" "$result" "$took"
    done
    remove "$root"
done
rm -f "$results/facts"
exit "$failed"
