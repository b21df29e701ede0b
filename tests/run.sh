#!/usr/bin/env bash
# All checks and tests. With arguments, only the tests they select:
#
#   tests/run.sh                       everything, from the format to the tests on real servers
#   tests/run.sh -E 'test(plan)'       a filter of cargo-nextest, without the lints
#   tests/run.sh restarts quickstart   tests by parts of their names
#
# Installs what it needs (a Synapse under target/servers) and starts one Synapse for all tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v cargo >/dev/null; then
    echo "tests/run.sh: cargo is not on PATH; install Rust first (https://rustup.rs)" >&2
    exit 1
fi
if ! command -v python3 >/dev/null; then
    echo "tests/run.sh: python3 is not on PATH; install it first (Debian: apt-get install python3-venv)" >&2
    exit 1
fi
# rustup's cargo looks for its tool chains in the home folder; with another home, they are still next to it.
if [[ -z ${RUSTUP_HOME:-} && ! -d ${HOME:-}/.rustup ]]; then
    beside="$(dirname "$(command -v cargo)")/../../.rustup"
    if [[ -d $beside/toolchains ]]; then
        RUSTUP_HOME="$(cd "$beside" && pwd)"
        export RUSTUP_HOME
    fi
fi

stage() { printf '\n== %3d s  %s\n' "$SECONDS" "$*"; }

stage "Synapse: install"
tests/servers/synapse install
stage "LDAP servers: install"
tests/servers/ldap install
stage "Microsoft's Graph client: install"
tests/servers/graph-sdk install
stage "matrix-nio: install"
tests/servers/nio install

# The same everywhere: another set of packages or features would build the dependencies once more.
all=(--workspace --all-features --locked)

if (($# == 0)); then
    stage "format"
    cargo fmt --all --check
    stage "cargo deny, shellcheck: install"
    linters="$(tests/servers/lint-tools install)"
    PATH="$linters:$PATH"
    stage "shellcheck"
    # Each script of bash, also where its name does not say so.
    git grep -lzE --untracked '^#!.*[ /]bash' -- . | xargs -0 --no-run-if-empty shellcheck
    stage "cargo deny"
    cargo-deny --all-features --locked check --hide-inclusion-graph -D warnings bans licenses sources
    stage "clippy"
    cargo clippy "${all[@]}" --all-targets -- -D warnings
    stage "documentation"
    RUSTDOCFLAGS="-D warnings" cargo doc "${all[@]}" --no-deps
    stage "each feature alone"
    tests/features.sh
fi

stage "build"
cargo build "${all[@]}"

if [[ -z ${INVITER_TEST_SYNAPSE:-} ]]; then
    stage "Synapse: start"
    scratch="$(mktemp -d)"
    synapse=
    # Installed before the start: nothing that begins may be left over. The script ends with this shell anyway.
    cleanup() {
        if [[ -n $synapse ]] && kill "$synapse" 2>/dev/null; then
            wait "$synapse" || true
        fi
        rm -rf "$scratch"
    }
    trap cleanup EXIT
    mkfifo "$scratch/ready"
    tests/servers/synapse run --temporary --dir "$scratch/data" >"$scratch/ready" &
    synapse=$!
    # Nothing is read if the script fails; it has said why.
    read -r INVITER_TEST_SYNAPSE <"$scratch/ready" || exit 1
    export INVITER_TEST_SYNAPSE
fi

# The last command's closing line is the result of the whole run.
if cargo nextest --version >/dev/null 2>&1; then
    if (($# == 0)); then
        stage "examples in the documentation"
        cargo test "${all[@]}" --doc
    fi
    stage "tests"
    cargo nextest run "${all[@]}" "$@"
else
    stage "tests, by cargo test (cargo-nextest is not installed)"
    cargo test "${all[@]}" "$@"
fi
