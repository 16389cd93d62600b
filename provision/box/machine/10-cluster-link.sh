#!/bin/sh
# The cluster's network link of a virtual machine: named cluster0, with its address, and every node's name in /etc/hosts.
set -eu
: "${SAGE_CLUSTER_LINK:?hardware address}" "${SAGE_CLUSTER_ADDRESS:?IPv4 address}" "${SAGE_HOSTS:?address name, ...}"

install -d -m 755 /etc/systemd/network
printf '[Match]\nMACAddress=%s\n\n[Link]\nName=cluster0\n' "$SAGE_CLUSTER_LINK" >/etc/systemd/network/10-cluster0.link
printf '[Match]\nName=cluster0\n\n[Network]\nAddress=%s/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n' \
    "$SAGE_CLUSTER_ADDRESS" >/etc/systemd/network/10-cluster0.network

# The file above names the link from the next boot on.
if ! ip link show dev cluster0 >/dev/null 2>&1; then
    now="$(ip -o link show | awk -v mac="$SAGE_CLUSTER_LINK" '$0 ~ mac { sub(":", "", $2); print $2; exit }')"
    test -n "$now" || { echo "no link has the hardware address $SAGE_CLUSTER_LINK" >&2; exit 1; }
    ip link set dev "$now" down
    ip link set dev "$now" name cluster0
fi
systemctl enable --quiet systemd-networkd
systemctl restart systemd-networkd

sed -i '/ # sage$/d; /^127\.0\.1\.1/d' /etc/hosts
printf '%s\n' "$SAGE_HOSTS" | tr ',' '\n' | sed 's/$/ # sage/' >>/etc/hosts

# Did it take?
tries=0
until ip -4 -o address show dev cluster0 | grep -qF " $SAGE_CLUSTER_ADDRESS/24 "; do
    tries=$((tries + 1))
    test "$tries" -lt 60 || { ip address show >&2; echo "cluster0 did not get $SAGE_CLUSTER_ADDRESS" >&2; exit 1; }
    sleep 0.5
done
test "$(getent hosts head | wc -l)" = 1
