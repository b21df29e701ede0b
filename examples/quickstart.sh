#!/usr/bin/env bash
# From nothing to rooms that follow a directory, in a few minutes, on this machine only.
#
# Builds inviter, starts a Synapse of its own, and shows `inviter plan` and `inviter sync` at work on the
# configuration and the directory in examples/quickstart/. Leaves nothing behind but the build and Synapse under
# target/. Needs Rust, Python 3.10 or later with venv, and, for the first time, a network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
files=examples/quickstart
# The reader's own settings have nothing to do with this.
unset INVITER_CONFIG

heading() { printf '\n\033[1m== %s\033[0m\n\n' "$*"; }
[[ -t 1 ]] || heading() { printf '\n== %s\n\n' "$*"; }
# Shows a command of inviter as a reader would type it, and runs it.
inviter() {
    printf '$ inviter %s\n' "$*"
    "$program" --config "$work/inviter.toml" "$@"
    echo
}
# The same plan for programs.
plan_json() { "$program" --config "$work/inviter.toml" plan --json >"$1"; }
# A value of a JSON file: FILE KEY...
value() {
    python3 -c 'import functools, json, sys
print(functools.reduce(dict.__getitem__, sys.argv[2:], json.load(open(sys.argv[1]))))' "$@"
}

if ! command -v cargo >/dev/null; then
    echo "quickstart: cargo is not on PATH; install Rust first (https://rustup.rs)" >&2
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

work="$(mktemp -d)"
synapse=
cleanup() {
    if [[ -n $synapse ]] && kill "$synapse" 2>/dev/null; then
        wait "$synapse" || true
    fi
    rm -rf "$work"
}
trap cleanup EXIT

heading "1. Build inviter"
echo '$ cargo build --locked --package inviter-cli'
cargo build --locked --package inviter-cli
metadata="$(cargo metadata --format-version 1 --no-deps --locked)"
program="$(python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])' <<<"$metadata")/debug/inviter"

heading "2. Start a Synapse"
echo '$ tests/servers/synapse install'
tests/servers/synapse install
echo '$ tests/servers/synapse run'
mkfifo "$work/ready"
tests/servers/synapse run --dir "$work/synapse" >"$work/ready" &
synapse=$!
# Nothing is read if Synapse fails to start; it has said why.
read -r server <"$work/ready" || exit 1
echo "$server" >"$work/server.json"
url="$(value "$work/server.json" url)"
echo "running at $url"

heading "3. The people, the bot, and the configuration"
people=(alice bob carol dave erin frank grace)
python3 "$files/homeserver.py" register "$work/server.json" "$work/tokens.json" inviter "${people[@]}"
(umask 077 && value "$work/tokens.json" inviter >"$work/token")
sed "s|http://127.0.0.1:8008|$url|" "$files/inviter.toml" >"$work/inviter.toml"
cp "$files/people.toml" "$work/people.toml"
printf '\nThe configuration, inviter.toml:\n\n'
sed 's/^/    /' "$work/inviter.toml"
printf '\nThe directory, people.toml, stands in %s.\n' "$files/people.toml"

heading "4. What does the directory want?"
inviter idp

heading "5. What would a sync do?"
inviter plan
plan_json "$work/first.json"

heading "6. Do it"
inviter sync

heading "7. The people accept their invitations; dave has not looked yet"
python3 "$files/homeserver.py" accept "$work/server.json" "$work/tokens.json" alice bob carol erin frank grace
printf '\nThe rooms as the homeserver has them (its admin API, not inviter, is asked):\n\n'
python3 "$files/read_back.py" "$work/server.json" --expect before --plan "$work/first.json" \
    --save "$work/before.json" | tee "$work/read_back"

heading "8. frank moves from the office to engineering"
sed -i.old \
    -e 's/^members = \["erin", "frank"\]$/members = ["erin"]/' \
    -e 's/^members = \["alice", "bob", "carol", "heidi"\]$/members = ["alice", "bob", "carol", "frank", "heidi"]/' \
    "$work/people.toml"
(cd "$work" && diff -U0 people.toml.old people.toml) | sed -n '/^[-+][^-+]/p' || true
echo
inviter plan
plan_json "$work/second.json"
inviter sync
python3 "$files/read_back.py" "$work/server.json" --expect after --plan "$work/second.json" \
    --since "$work/before.json" | tee "$work/read_back"

heading "9. Nothing is left to do"
inviter plan
plan_json "$work/final.json"

tail -n 1 "$work/read_back" >"$work/totals.json"
rooms="$(value "$work/totals.json" rooms)"
members="$(value "$work/totals.json" members)"
happened="$(value "$work/totals.json" changes)"
second="$(value "$work/second.json" counts changes)"
final="$(value "$work/final.json" counts changes)"
if [[ $second != "$happened" ]]; then
    echo "quickstart: the second plan announced $second changes, and the homeserver has seen $happened" >&2
    exit 1
fi
if [[ $final != 0 ]]; then
    echo "quickstart: the final plan has $final changes" >&2
    exit 1
fi
echo "quickstart ok: $rooms rooms, $members members, second plan: $second changes, final plan: $final changes"
