#!/usr/bin/env bash
# Build the box sage-lab from Debian's own packages, without any box server: a Debian 12 with Ray in /opt/sage.
# usage: provision/box/build.sh [check]     the box goes to results/box/sage-lab.box; check only looks at what is needed
# SAGE_RAY      what pip is told to install; software emulation needs ray==2.49.2 (docs/vm-lab.md)
# SAGE_MIRROR   a Debian mirror for mmdebstrap; default: what this machine's apt uses if it is Debian 12 itself
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
out="${SAGE_BOX_DIRECTORY:-$here/../../results/box}"
ray="${SAGE_RAY:-ray[default]==2.60.*}"
suite=bookworm
python=3.11
size=6G

say() { printf '%6s s  %s\n' "$SECONDS" "$*"; }
fail() { printf 'build.sh: %s\n  -> %s\n' "$1" "$2" >&2; exit 1; }

# What is needed, before anything is made.
for need in mmdebstrap:mmdebstrap mke2fs:e2fsprogs debugfs:e2fsprogs qemu-img:qemu-utils vagrant:vagrant; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "${need%:*}" >/dev/null ||
        fail "${need%:*} is not installed" "provision/controller/install.sh vm, or: apt-get install ${need#*:}"
done
key="$({ find /usr/share/rubygems-integration /opt/vagrant -name vagrant.pub -path '*/keys/*' 2>/dev/null || true; } | head -n 1)"
[[ -r "$key" ]] || fail "Vagrant's public key is not found" "install vagrant from Debian or from its own package"
[[ $EUID -eq 0 ]] || fail "the box is built by root" "sudo provision/box/build.sh"
[[ "${1:-}" == check ]] && { say "all that is needed is there"; exit 0; }

mkdir -p "$out"
scratch="$(mktemp -d "$out/build.XXXXXX")"
trap 'rm -rf -- "$scratch"' EXIT
root="$scratch/root"
export PATH="$PATH:/usr/sbin:/sbin" TMPDIR="$scratch"

say "Ray's wheels for Python $python: $ray"
"${SAGE_PYTHON:-python3}" -m pip download --quiet --disable-pip-version-check --only-binary=:all: \
    --python-version "$python" --dest "$scratch/wheels" "$ray" pip

say "root file system of Debian $suite"
sources=()
if [[ -n "${SAGE_MIRROR:-}" ]]; then
    sources=("$SAGE_MIRROR")
elif grep -q "^VERSION_CODENAME=$suite" /etc/os-release && grep -q '^ID=debian' /etc/os-release; then
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
        [[ -s "$file" ]] && sources+=("$file")
    done
fi
packages=(
    linux-image-amd64 initramfs-tools systemd systemd-sysv libpam-systemd systemd-timesyncd libnss-myhostname dbus udev
    openssh-server sudo iproute2 iputils-ping nftables procps psmisc e2fsprogs util-linux python3 python3-venv
    ca-certificates kmod
)
mmdebstrap --mode=root --variant=minbase --quiet --include="$(IFS=,; echo "${packages[*]}")" \
    --aptopt='Acquire::Retries "3"' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    "$suite" "$root" "${sources[@]}"

say "Ray, from the wheels"
cp -r "$scratch/wheels" "$root/tmp/sage-wheels"
chroot "$root" /usr/bin/env SAGE_ENVIRONMENT=/opt/sage sh -s <"$here/machine/30-environment.sh"

say "user vagrant, network, SSH server"
chroot "$root" useradd --create-home --shell /bin/bash --password '*' vagrant
install -d -m 700 "$root/home/vagrant/.ssh"
install -m 600 "$key" "$root/home/vagrant/.ssh/authorized_keys"
chroot "$root" chown -R vagrant:vagrant /home/vagrant/.ssh
install -m 440 /dev/stdin "$root/etc/sudoers.d/vagrant" <<<'vagrant ALL=(ALL) NOPASSWD: ALL'
# A late name, so that any file of Vagrant's own (50-vagrant-...) is asked first.
printf '[Match]\nName=eth0\n\n[Network]\nDHCP=ipv4\n' >"$root/etc/systemd/network/99-control.network"
chroot "$root" systemctl --quiet enable systemd-networkd systemd-timesyncd ssh
# Every machine makes host keys of its own at its first boot.
rm -f "$root"/etc/ssh/ssh_host_*
install -d "$root/etc/systemd/system/ssh.service.d"
printf '[Service]\nExecStartPre=\nExecStartPre=/usr/bin/ssh-keygen -A\nExecStartPre=/usr/sbin/sshd -t\n' \
    >"$root/etc/systemd/system/ssh.service.d/host-keys.conf"
printf '/dev/vda / ext4 errors=remount-ro 0 1\n' >"$root/etc/fstab"
printf 'sage-lab\n' >"$root/etc/hostname"
printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
: >"$root/etc/machine-id"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/tmp/*
cp "$(ls "$root"/boot/vmlinuz-* | tail -n 1)" "$scratch/vmlinuz"
cp "$(ls "$root"/boot/initrd.img-* | tail -n 1)" "$scratch/initrd.img"

say "disk image, without a partition table"
mke2fs -q -t ext4 -L sage-root -d "$root" "$scratch/box.raw" "$size"
e2fsck -fn "$scratch/box.raw" >/dev/null || fail "the file system is broken" "look at $scratch by hand"
for path in /opt/sage/bin/ray /home/vagrant/.ssh/authorized_keys /usr/sbin/sshd /sbin/init; do
    debugfs -R "stat $path" "$scratch/box.raw" 2>/dev/null | grep -q '^Inode:' || fail "$path is not on the disk" "see above"
done
rm -rf "$root"
qemu-img convert -O qcow2 "$scratch/box.raw" "$scratch/box.img"
rm -f "$scratch/box.raw"

say "box"
printf '{"provider": "libvirt", "format": "qcow2", "virtual_size": %s}\n' "${size%G}" >"$scratch/metadata.json"
cp "$here/Vagrantfile" "$scratch/Vagrantfile"
tar --create --gzip --file "$scratch/sage-lab.box" --directory "$scratch" \
    metadata.json Vagrantfile box.img vmlinuz initrd.img
test "$(tar --list --file "$scratch/sage-lab.box" | wc -l)" = 5
mv "$scratch/sage-lab.box" "$out/sage-lab.box"
say "$out/sage-lab.box, $(du -h "$out/sage-lab.box" | cut -f 1)"
echo "Use it: vagrant box add --force --name sage-lab $out/sage-lab.box && export SAGE_BOX=sage-lab"
echo "An old one stays as a volume of libvirt: virsh vol-list default shows sage-lab_vagrant_box_image..., delete it by name."
