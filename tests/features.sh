#!/usr/bin/env bash
# Each feature of the facade alone, and none: what it pulls in, and that it builds and passes its tests. The rest of
# tests/run.sh has all features on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# tree FEATURES: the crates that they pull in, one a line.
tree() {
    cargo tree --locked -p inviter -e normal --prefix none --no-default-features --features "$1" | cut -d' ' -f1 | sort -u
}

# needs FEATURES PATTERN / lacks FEATURES PATTERN: a crate with such a name.
needs() {
    local all
    all="$(tree "$1")"
    if ! grep -Ex "$2" <<<"$all" >/dev/null; then
        echo "tests/features.sh: features '$1' do not pull in $2" >&2
        exit 1
    fi
}
lacks() {
    local all found
    all="$(tree "$1")"
    if found="$(grep -Ex "$2" <<<"$all")"; then
        echo "tests/features.sh: features '$1' pull in $found" >&2
        exit 1
    fi
}

never='openssl|openssl-sys|native-tls|ring'
lacks "" "$never|ldap3.*|azure_.*|inviter-ldap|inviter-azure|rusqlite"
lacks default "$never|ldap3.*|azure_.*|inviter-ldap|inviter-azure"
needs ldap ldap3
lacks ldap "$never|azure_.*|inviter-azure"
needs azure azure_identity
lacks azure "$never|ldap3.*|inviter-ldap"

for features in "" ldap azure; do
    cargo test --locked --quiet -p inviter --no-default-features --features "$features" --lib --test config
done
# An embedding program that has tokens of its own.
cargo check --locked --quiet -p inviter-azure --no-default-features
# The programs without any directory but the file.
cargo check --locked --quiet -p inviter-cli -p inviter-bot --no-default-features
