#!/usr/bin/env bash
# Everything that `make demo` and `make test` need, each step skipped when it is already done.
#   scripts/setup.sh [venv] [server] [reports] [engine] [bases] [tests]   (no argument: all but tests)
set -euo pipefail
cd "$(dirname "$0")/.."

say()  { printf '  %s\n' "$*" >&2; }
fail() { printf 'setup: %s\n  mend: %s\n' "$1" "$2" >&2; exit 3; }

as_root() { [ "$(id -u)" = 0 ]; }

apt_install() {
    as_root || fail "missing: $*" "sudo apt-get install -y --no-install-recommends $*"
    command -v apt-get >/dev/null || fail "missing: $* (and no apt-get here)" "install them by hand"
    say "installing $*"
    [ -n "${APT_FRESH:-}" ] || { apt-get update -qq >&2 && APT_FRESH=1; }
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

venv() {
    local python wanted
    wanted=$({ cat requirements.txt; sed -n '/^\[project/,/^\[tool/p' pyproject.toml; } | sha256sum | cut -d' ' -f1)
    [ "$(cat .venv/.complete 2>/dev/null)" = "$wanted" ] && return
    for python in python3.11 python3.12 python3.13 python3 ""; do
        [ -n "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break
    done
    [ -n "$python" ] || fail "no Python 3.11 or later" "apt-get install -y python3.11 python3.11-venv"
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        apt_install "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    say "virtual environment (.venv), from the hash-locked requirements.txt"
    rm -rf .venv
    "$python" -m venv .venv
    # The file is whole, so nothing need be resolved: pip fails to where an extra is asked for.
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements.txt 2>/dev/null ||
        .venv/bin/python -m pip install --disable-pip-version-check --no-deps --require-hashes -r requirements.txt >&2
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . >/dev/null 2>&1
    echo "$wanted" > .venv/.complete
}

# What the flow server's database is on the first day of an estate: a start takes long without it.
server() {
    local made=.venv/share/clinops/prefect.db
    [ "$made" -nt prefect.yaml ] && [ "$made" -nt flows/deployed.py ] && return
    say "database of the flow server, with the flows deployed"
    .venv/bin/python -m clinops.adapters.first_database >&2 || say "it will be made at each first start"
}

# Safety case reports are typeset by Pango, in a font that has every letter of a patient's name.
reports() {
    local missing=()
    ldconfig -p | grep -q libpangoft2-1.0.so.0 || missing+=(libpango-1.0-0 libpangoft2-1.0-0)
    ldconfig -p | grep -q libharfbuzz-subset.so.0 || missing+=(libharfbuzz-subset0)
    [ -f /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] || missing+=(fonts-dejavu-core)
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}

engine_answers() { docker version >/dev/null 2>&1; }

engine() {
    command -v git >/dev/null || apt_install git
    command -v ssh-keygen >/dev/null || apt_install openssh-client
    engine_answers && return
    if ! command -v dockerd >/dev/null || ! command -v iptables >/dev/null; then
        apt_install docker.io iptables
    fi
    as_root || fail "no Docker engine answers" "sudo systemctl start docker   (and: sudo usermod -aG docker $(id -un))"
    if [ -d /run/systemd/system ]; then
        systemctl start docker >&2 || true
    else
        say "starting dockerd"
        rm -f /var/run/docker.pid
        setsid nohup dockerd >/var/log/dockerd.log 2>&1 </dev/null &
    fi
    for _ in $(seq 300); do engine_answers && return; sleep 0.1; done
    fail "the Docker engine does not come up" "tail /var/log/dockerd.log"
}

# The host's CA bundle goes into the base images: trusts sit behind proxies that inspect TLS.
ca_bundle() {
    local bundle
    for bundle in "${CLINOPS_CA_BUNDLE:-}" "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt; do
        [ -n "$bundle" ] && [ -f "$bundle" ] && { echo "$bundle"; return; }
    done
    fail "no CA bundle found" "apt-get install -y ca-certificates, or set CLINOPS_CA_BUNDLE"
}

base() {
    local suite=$1 bundle wanted root
    bundle=$(ca_bundle)
    wanted=$(sha256sum "$bundle" | cut -c1-16)
    [ "$(docker image inspect -f '{{index .Config.Labels "clinops.ca"}}' "clinops/base:$suite" 2>/dev/null)" = "$wanted" ] && return
    root=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$root'" RETURN
    if ! timeout 20 docker pull -q "debian:$suite-slim" >/dev/null 2>&1; then
        command -v debootstrap >/dev/null || apt_install debootstrap
        say "base image clinops/base:$suite, by debootstrap (no registry answers)"
        debootstrap --variant=minbase "$suite" "$root/rootfs" >"$root/log" 2>&1 ||
            { tail -5 "$root/log" >&2; fail "debootstrap of $suite failed" "check that a Debian mirror can be reached"; }
        rm -rf "$root"/rootfs/var/cache/apt/archives/*.deb "$root"/rootfs/var/lib/apt/lists/*
        tar -C "$root/rootfs" -c . | docker import - "debian:$suite-slim" >/dev/null
        rm -rf "$root/rootfs"
    fi
    say "base image clinops/base:$suite, with the host's CA bundle"
    cp "$bundle" "$root/ca-bundle.crt"
    printf '%s\n' "FROM debian:$suite-slim" "COPY ca-bundle.crt /etc/clinops/ca-bundle.crt" \
        "ENV SSL_CERT_FILE=/etc/clinops/ca-bundle.crt PIP_CERT=/etc/clinops/ca-bundle.crt REQUESTS_CA_BUNDLE=/etc/clinops/ca-bundle.crt" \
        "LABEL clinops.ca=$wanted" 'CMD ["/bin/sh"]' > "$root/Dockerfile"
    DOCKER_BUILDKIT=0 docker build -q -t "clinops/base:$suite" "$root" >/dev/null 2>"$root/log" || { cat "$root/log" >&2; return 3; }
}

bases() { base bookworm; base trixie; }

# What only the tests need: a registry, PostgreSQL, MariaDB, a browser and another shell, all real.
tests() {
    local missing=()
    command -v docker-registry >/dev/null || missing+=(docker-registry)
    ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing+=(postgresql)
    [ -x /usr/sbin/mariadbd ] || missing+=(mariadb-server-core)
    command -v chromium >/dev/null || missing+=(chromium)
    [ -x /bin/busybox ] || missing+=(busybox-static)
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}

for step in "${@:-venv}" ; do
    [ $# -gt 0 ] && { "$step"; continue; }
    venv; server; reports; engine; bases
done
