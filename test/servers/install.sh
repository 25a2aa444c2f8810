#!/bin/sh
# install.sh          installs the Debian packages that the tests need
# install.sh --check  names the packages that are missing, one a line, with the suites that need them
# Quick when nothing is missing. Exits 1 when something is missing and stays so.
set -eu

# package                 suites
packages='
curl                      frontends/webdav cli
openssh-server            mounts/sftp
openssh-client            mounts/sftp frontends/sftp
sshpass                   frontends/sftp
sshfs                     frontends/sftp
fuse3                     frontends/drive
rclone                    frontends/webdav frontends/sftp
cadaver                   frontends/webdav
litmus                    frontends/webdav
apache2-utils             frontends/webdav
swift-proxy               mounts/s3
swift-account             mounts/s3
swift-container           mounts/s3
swift-object              mounts/s3
memcached                 mounts/s3
python3-swiftclient       mounts/s3
s3cmd                     mounts/s3
radosgw                   mounts/s3
ceph-mon                  mounts/s3
ceph-osd                  mounts/s3
prometheus                metrics
systemd                   systemd
openssl                   frontends/webdav config
lsof                      cli
procps                    cli
git                       lint
g++                       frontends/drive
make                      frontends/drive
python3                   frontends/drive
'

missing() {
  echo "$packages" | while read -r package suites; do
    [ -n "$package" ] || continue
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package $suites"
  done
}

todo=$(missing)
[ -n "$todo" ] || exit 0
if [ "${1:-}" = --check ]; then
  echo "$todo"
  exit 1
fi
names=$(echo "$todo" | cut -d' ' -f1 | tr '\n' ' ')
echo "install: missing: $names"
if [ "$(id -u)" != 0 ]; then
  echo 'install: not root, cannot install them' >&2
  exit 1
fi

# No package may start a service: the tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi

get() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"
}
# shellcheck disable=SC2086 # one word per package
apt-cache show $names >/dev/null 2>&1 || get update
# shellcheck disable=SC2086
get install -y --no-install-recommends $names || {
  get update
  get install -y --no-install-recommends $names
}

todo=$(missing)
if [ -n "$todo" ]; then
  echo "install: still missing: $(echo "$todo" | cut -d' ' -f1 | tr '\n' ' ')" >&2
  exit 1
fi
echo 'install: done'
