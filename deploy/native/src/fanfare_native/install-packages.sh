#!/bin/sh
# Installs Debian packages of servers, as root, without letting one start, now or at the next boot.
# Usage: install-packages.sh PACKAGE...
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.conf
kept=$(mktemp -d)

restore() {
    status=$?
    trap - EXIT
    rm -f "$policy"
    [ ! -e "$kept/policy-rc.d" ] || cp -p "$kept/policy-rc.d" "$policy"
    [ ! -e "$kept/createcluster.conf" ] || cp -p "$kept/createcluster.conf" "$clusters"
    rm -rf "$kept"
    exit "$status"
}
trap restore EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

[ ! -e "$policy" ] || cp -p "$policy" "$kept/"
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

install() { apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@"; }

apt-get -o DPkg::Lock::Timeout=120 update
case " $* " in
*" postgresql "*)
    # The package makes and starts a cluster of its own unless this file, which postgresql-common brings, forbids it.
    install postgresql-common
    cp -p "$clusters" "$kept/createcluster.conf"
    printf '\ncreate_main_cluster = false\n' >>"$clusters"
    ;;
esac
install "$@"
for package in "$@"; do
    case $package in
    postgresql | redis-server | rabbitmq-server | prometheus) units=$package.service ;;
    erlang-base) units="epmd.service epmd.socket" ;;
    *) continue ;;
    esac
    systemctl disable $units >/dev/null 2>&1 || :
    update-rc.d "$package" disable >/dev/null 2>&1 || :
done
