# What the service files share. Sourced by tests/services, tests/run and .ci/run; expects `repo`.
# shellcheck shell=bash

cache="${MILLSTREAM_CACHE:-$HOME/.cache/millstream}"
services_home="${MILLSTREAM_SERVICES_HOME:-$cache/services}"

say() { printf '%s\n' "$*" >&2; }

die() {
    say "error: $*"
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root, if there is a way.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        sudo -n "$@"
    else
        return 1
    fi
}

# need_packages PACKAGE... : installs Debian packages that are not there yet.
need_packages() {
    local missing=() package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    have apt-get || die "please install: ${missing[*]}"
    say "installing ${missing[*]}"
    local log="$services_home/logs/apt.log"
    mkdir -p "$services_home/logs"
    {
        as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
    } >"$log" 2>&1 9>&- || {
        tail -n 5 "$log" >&2
        die "could not install them; as root: apt-get install ${missing[*]}"
    }
}

# What a build needs: Rust, and the Debian packages that the crates link against.
need_toolchain() {
    if ! have cargo && [ -x "$HOME/.cargo/bin/cargo" ]; then
        PATH="$HOME/.cargo/bin:$PATH"
    fi
    have cargo || die "Rust is missing: install it from https://rustup.rs, then run this again"
    if have dpkg-query; then
        need_packages gcc g++ make pkg-config libssl-dev zlib1g-dev
    fi
    # One fixed folder outside the clone: a second clone does not build the dependencies again.
    export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$cache/target}"
}

# docker or native, decided once per call.
services_mode() {
    if [ -z "${MILLSTREAM_SERVICES_MODE:-}" ]; then
        if have docker && docker compose version >/dev/null 2>&1 && timeout 10 docker info >/dev/null 2>&1; then
            MILLSTREAM_SERVICES_MODE=docker
        else
            MILLSTREAM_SERVICES_MODE=native
        fi
    fi
    echo "$MILLSTREAM_SERVICES_MODE"
}

# alive PIDFILE WORD : the process of that file runs, and its command line holds WORD (pids are used again).
alive() {
    local pid
    pid="$(cat "$1" 2>/dev/null)" || return 1
    [ -n "$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$2"
}

# stop_process PIDFILE WORD SECONDS : asks it to end, then makes it.
stop_process() {
    local pid tenths=$(($3 * 10))
    if alive "$1" "$2"; then
        pid="$(cat "$1")"
        kill -TERM "$pid" 2>/dev/null || true
        while alive "$1" "$2" && [ "$tenths" -gt 0 ]; do
            sleep 0.1
            tenths=$((tenths - 1))
        done
        if alive "$1" "$2"; then
            kill -KILL "$pid" 2>/dev/null || true
            sleep 0.2
        fi
    fi
    rm -f "$1"
}

# copy_jars FOLDER GROUP:ARTIFACT:VERSION... : the artifacts and all they need at run time, once.
copy_jars() {
    local target="$1" coordinates group artifact version work dependencies=""
    shift
    [ "$(cat "$target/.complete" 2>/dev/null)" != "$*" ] || return 0
    if ! have mvn || ! have java; then
        need_packages default-jre-headless maven
    fi
    say "fetching $*"
    work="$target.partial.$$"
    rm -rf "$work"
    mkdir -p "$work/jars"
    for coordinates in "$@"; do
        IFS=: read -r group artifact version <<<"$coordinates"
        dependencies+="<dependency><groupId>$group</groupId><artifactId>$artifact</artifactId><version>$version</version></dependency>"
    done
    cat >"$work/pom.xml" <<POM
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>millstream.tests</groupId>
  <artifactId>jars</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>$dependencies</dependencies>
</project>
POM
    mvn -q -B -f "$work/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DoutputDirectory="$work/jars" -DincludeScope=runtime >"$services_home/logs/maven.log" 2>&1 9>&- || {
        tail -n 20 "$services_home/logs/maven.log" >&2
        rm -rf "$work"
        die "Maven could not fetch $*"
    }
    echo "$*" >"$work/.complete"
    rm -rf "$target"
    mv "$work" "$target"
}
