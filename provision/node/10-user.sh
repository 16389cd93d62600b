#!/bin/sh
# The user that the cluster runs as: SAGE_USER with number SAGE_UID, reached with SAGE_AUTHORIZED_KEY only.
set -eu
: "${SAGE_USER:?name of the user}" "${SAGE_UID:?number of the user}" "${SAGE_AUTHORIZED_KEY:?public key}"

home="/home/$SAGE_USER"

if ! getent group "$SAGE_USER" >/dev/null; then
    groupadd --gid "$SAGE_UID" "$SAGE_USER"
fi
if ! getent passwd "$SAGE_USER" >/dev/null; then
    # The password '*' matches nothing; '!' would lock the account for keys too.
    useradd --uid "$SAGE_UID" --gid "$SAGE_UID" --create-home --home-dir "$home" \
        --shell /bin/bash --password '*' --no-log-init "$SAGE_USER"
fi

install -d -m 700 -o "$SAGE_USER" -g "$SAGE_USER" "$home/.ssh"
keys="$home/.ssh/authorized_keys"
if ! grep -qxF -- "$SAGE_AUTHORIZED_KEY" "$keys" 2>/dev/null; then
    printf '%s\n' "$SAGE_AUTHORIZED_KEY" >>"$keys"
fi
chown "$SAGE_USER:$SAGE_USER" "$keys"
chmod 600 "$keys"

# Did it take?
test "$(id -u "$SAGE_USER")" = "$SAGE_UID"
test "$(stat -c '%U %a' "$keys")" = "$SAGE_USER 600"
grep -qxF -- "$SAGE_AUTHORIZED_KEY" "$keys"
