#!/usr/bin/env bash
# Makes .venv from uv.lock; brings uv along where there is none that is new enough. Says one sentence where it cannot.
# `scripts/setup.sh connect` makes .venv-connect: the same with what Spark Connect asks for, pandas among it (decision 9).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() { echo "setup: $*" >&2; exit 2; }

new_enough() { # uv 0.9 or later, as pyproject.toml asks
    local version
    version=$("$1" --version 2>/dev/null | awk '{print $2}') || return 1
    [[ $version =~ ^([0-9]+)\.([0-9]+) ]] && ((BASH_REMATCH[1] > 0 || BASH_REMATCH[2] >= 9))
}

install_venv_module() { # Debian keeps venv in a package of its own
    [[ ${YES:-} == 1 || ${CI:-} == true ]] && command -v apt-get >/dev/null || return 1
    local root=()
    [[ $(id -u) == 0 ]] || root=(sudo -n)
    "${root[@]}" apt-get update -qq && "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv
}

uv=uv
if ! new_enough uv; then
    uv=.uv/bin/uv
    if ! new_enough "$uv"; then
        command -v python3 >/dev/null || fail "Python 3.10 or later is missing: install python3 and run 'make setup' again"
        echo "setup: bringing uv into .uv"
        rm -rf .uv
        python3 -m venv .uv || { rm -rf .uv; install_venv_module && python3 -m venv .uv; } ||
            fail "Python's venv is missing: sudo apt-get install python3-venv, and run 'make setup' again"
        .uv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'
    fi
fi

# Compiled now, not by the first of many processes: Spark starts Pythons of its own for each stream, each of which takes a third of the
# time then, and where Python may write no bytecode (containers, CI) every one of them would compile all of pyspark again.
if [[ ${1:-} == connect ]]; then
    UV_PROJECT_ENVIRONMENT=.venv-connect "$uv" sync --locked --all-extras --quiet --compile-bytecode
    touch .venv-connect/.complete
    echo "setup: .venv-connect is complete"
else
    "$uv" sync --locked --all-extras --no-extra connect --quiet --compile-bytecode
    .venv/bin/python -m compileall -q medallion
    touch .venv/.complete
    echo "setup: .venv is complete ($(.venv/bin/python --version))"
fi
