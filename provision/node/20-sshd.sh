#!/bin/sh
# OpenSSH as the cluster needs it: keys only, no lookups that wait for a name server, room for many sessions.
set -eu

settings=/etc/ssh/sshd_config.d/10-sage.conf

install -d -m 755 /etc/ssh /etc/ssh/sshd_config.d
cat >"$settings" <<'END'
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
PermitEmptyPasswords no
UsePAM no
UseDNS no
X11Forwarding no
PrintMotd no
PrintLastLog no
MaxStartups 200:30:400
MaxSessions 200
LoginGraceTime 30
END
chmod 644 "$settings"

include='Include /etc/ssh/sshd_config.d/*.conf'
if ! grep -qxF "$include" /etc/ssh/sshd_config 2>/dev/null; then
    rest="$(cat /etc/ssh/sshd_config 2>/dev/null || true)"
    printf '%s\n\n%s\n' "$include" "${rest:-Subsystem sftp internal-sftp}" >/etc/ssh/sshd_config
fi

# Did it take? A server without its host keys cannot be asked, so it gets one for the question. Since OpenSSH 10.6 the answer
# has capital letters.
scratch="$(mktemp -d)"
trap 'rm -rf -- "$scratch"' EXIT
ssh-keygen -q -t ed25519 -N '' -f "$scratch/key"
install -d -m 755 /run/sshd
"$(command -v sshd || echo /usr/sbin/sshd)" -T -h "$scratch/key" >"$scratch/effective"
for setting in 'passwordauthentication no' 'permitrootlogin no' 'usedns no' 'usepam no' 'maxsessions 200'; do
    grep -qixF "$setting" "$scratch/effective" || { echo "sshd does not have: $setting" >&2; exit 1; }
done
