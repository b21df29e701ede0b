#!/usr/bin/env bash
# From nothing to rooms that follow a directory, in a few minutes, on this machine only.
#
#   examples/quickstart.sh                    people and groups in a file
#   examples/quickstart.sh --directory ldap   the same people and groups in an LDAP server
#   examples/quickstart.sh --directory entra  the same people and groups in an emulated tenant of Entra ID
#
# Builds inviter, starts a Synapse of its own (and a slapd, or an emulator of Microsoft Graph), and shows `inviter plan`
# and `inviter sync` at work on the configuration and the directory in examples/quickstart/. Leaves nothing behind but
# the build and Synapse under target/, and the package slapd. Needs Rust, Python 3.10 or later with venv, and, for the
# first time, a network; for LDAP also openssl and, on Debian, root to install slapd if it is missing.
set -euo pipefail

usage() { printf 'usage: examples/quickstart.sh [--directory file|ldap|entra]\n'; }
wrong() {
    printf 'quickstart: %s\n' "$1" >&2
    usage >&2
    exit 2
}
directory="file"
while (($# > 0)); do
    case $1 in
        --directory)
            (($# > 1)) || wrong "--directory needs a kind: file, ldap or entra"
            directory=$2
            shift
            ;;
        --directory=*) directory=${1#*=} ;;
        -h | --help)
            usage
            sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        *) wrong "unknown argument \"$1\"" ;;
    esac
    shift
done
case $directory in
    file | ldap | entra) ;;
    *) wrong "there is no directory of the kind \"$directory\" here; write --directory file, ldap or entra" ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")/.."
files=examples/quickstart
# The reader's own settings have nothing to do with this.
unset INVITER_CONFIG "${!INVITER__@}"

step=0
heading() {
    step=$((step + 1))
    if [[ -t 1 ]]; then
        printf '\n\033[1m== %d. %s\033[0m\n\n' "$step" "$*"
    else
        printf '\n== %d. %s\n\n' "$step" "$*"
    fi
}
# Shows a command of inviter as a reader would type it, and runs it.
inviter() {
    local code=0
    printf '$ inviter %s\n' "$*"
    "$program" --config "$work/inviter.toml" "$@" || code=$?
    echo
    return "$code"
}
# The same plan for programs.
plan_json() { "$program" --config "$work/inviter.toml" plan --json >"$1"; }
# A value of a JSON file: FILE KEY...
value() {
    python3 -c 'import functools, json, sys
print(functools.reduce(dict.__getitem__, sys.argv[2:], json.load(open(sys.argv[1]))))' "$@"
}
# Runs a server in the background, and keeps what it prints when it is ready: NAME COMMAND...
start() {
    local line
    mkfifo "$work/$1.ready"
    "${@:2}" >"$work/$1.ready" &
    servers+=($!)
    # Nothing is read if the server fails to start; it has said why.
    read -r line <"$work/$1.ready" || exit 1
    printf '%s\n' "$line" >"$work/$1.json"
}

# A slapd with the people and groups. Only the bot may read them: BOT_DN
start_slapd() {
    mkdir "$work/tls"
    if ! "$files/certificates.sh" "$work/tls"; then
        cat "$work/tls/openssl.log" >&2
        exit 1
    fi
    start slapd tests/servers/ldap slapd --dir "$work/slapd" --ldif "$files/directory.ldif" \
        --certificate "$work/tls/server.pem" --key "$work/tls/server.key" \
        --access "access to * by dn.exact=\"$1\" read by * none"
}
# Shows a change of the directory, and has ldapmodify make it: LDIF
ldapmodify_shown() {
    local admin
    admin="$(value "$work/slapd.json" admin_dn)"
    (umask 077 && value "$work/slapd.json" admin_password | tr -d '\n' >"$work/admin_password")
    sed 's/^/    /' "$1"
    printf '\n$ LDAPTLS_CACERT=ca.pem ldapmodify -x -H %s -D %s -y admin_password -f %s\n' \
        "$ldaps_url" "$admin" "$(basename "$1")"
    LDAPTLS_CACERT="$work/ca.pem" ldapmodify -x -H "$ldaps_url" -D "$admin" -y "$work/admin_password" -f "$1"
}

# Shows a change of the emulated tenant, and has the emulator make it: JSON
tenant_changed() {
    sed 's/^/    /' "$1"
    printf '\n$ POST %s/__emulator/change\n' "$authority"
    python3 -c 'import sys, urllib.request
body = open(sys.argv[2], "rb").read()
headers = {"Content-Type": "application/json"}
print(urllib.request.urlopen(urllib.request.Request(sys.argv[1], body, headers), timeout=60).read().decode(), "\n")' \
        "$authority/__emulator/change" "$1"
}

if ! command -v cargo >/dev/null; then
    echo "quickstart: cargo is not on PATH; install Rust first (https://rustup.rs)" >&2
    exit 1
fi
if [[ $directory == ldap ]] && ! command -v openssl >/dev/null; then
    echo "quickstart: openssl is not on PATH, and the LDAP server needs a certificate; install openssl first" >&2
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
servers=()
cleanup() {
    local server
    for server in ${servers[@]+"${servers[@]}"}; do
        if kill "$server" 2>/dev/null; then
            wait "$server" || true
        fi
    done
    rm -rf "$work"
}
trap cleanup EXIT

heading "Build inviter"
packages=(--package inviter-cli)
if [[ $directory == entra ]]; then
    packages+=(--package inviter-graph-emulator)
fi
echo "\$ cargo build --locked ${packages[*]}"
cargo build --locked "${packages[@]}"
metadata="$(cargo metadata --format-version 1 --no-deps --locked)"
built="$(python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])' <<<"$metadata")/debug"
program="$built/inviter"

heading "Start a Synapse"
echo '$ tests/servers/synapse install'
tests/servers/synapse install
echo '$ tests/servers/synapse run'
start synapse tests/servers/synapse run --dir "$work/synapse"
url="$(value "$work/synapse.json" url)"
echo "running at $url"

configuration=inviter.toml
ldaps_url=
if [[ $directory == ldap ]]; then
    heading "Start an LDAP server"
    configuration=inviter.ldap.toml
    echo '$ tests/servers/ldap install --only slapd'
    tests/servers/ldap install --only slapd
    echo '$ tests/servers/ldap slapd'
    start_slapd "cn=inviter,ou=services,dc=example,dc=test"
    # The certificate is for the address: ldapmodify takes another name of this machine for `localhost`.
    ldaps_url="$(value "$work/slapd.json" ldaps_url)"
    ldaps_url="${ldaps_url/localhost/127.0.0.1}"
    cp "$work/tls/ca.pem" "$work/ca.pem"
    echo "running at $ldaps_url"
fi
authority=http://127.0.0.1:8080
ids=()
if [[ $directory == entra ]]; then
    heading "Start an emulator of Microsoft Graph and of what gives tokens for it"
    configuration=inviter.entra.toml
    echo '$ inviter-graph-emulator --tenant tenant.json'
    start emulator "$built/inviter-graph-emulator" --tenant "$files/tenant.json" \
        --secret-file "$work/client_secret" --until-signal
    authority="$(value "$work/emulator.json" authority)"
    ids=(-e "s|TENANT-ID|$(value "$work/emulator.json" tenant_id)|"
        -e "s|CLIENT-ID|$(value "$work/emulator.json" client_id)|"
        -e "s|ROOT-GROUP-ID|$(value "$work/emulator.json" root_group)|")
    echo "running at $authority"
fi

heading "The people, the bot, and the configuration"
people=(alice bob carol dave erin frank grace)
python3 "$files/homeserver.py" register "$work/synapse.json" "$work/tokens.json" inviter "${people[@]}"
(umask 077 && value "$work/tokens.json" inviter >"$work/token")
sed -e "s|http://127.0.0.1:8008|$url|" -e "s|ldaps://127.0.0.1:636|$ldaps_url|" \
    -e "s|http://127.0.0.1:8080|$authority|" ${ids[@]+"${ids[@]}"} "$files/$configuration" >"$work/inviter.toml"
printf '\nThe configuration, inviter.toml:\n\n'
sed 's/^/    /' "$work/inviter.toml"
if [[ $directory == ldap ]]; then
    (umask 077 && sed -n 's/^userPassword: //p' "$files/directory.ldif" >"$work/ldap_password")
    printf '\nThe people and groups of the LDAP server stand in %s.\n' "$files/directory.ldif"
elif [[ $directory == entra ]]; then
    printf '\nThe people and groups of the tenant stand in %s.\n' "$files/tenant.json"
else
    cp "$files/people.toml" "$work/people.toml"
    printf '\nThe directory, people.toml, stands in %s.\n' "$files/people.toml"
fi

if [[ $directory != file ]]; then
    heading "Is everything as it should be?"
    inviter check
    echo "(This Synapse has no rate limits, which only its administrator can see: syncs take a moment here.)"
fi

heading "What does the directory want?"
inviter idp

heading "What would a sync do?"
inviter plan
plan_json "$work/first.json"

heading "Do it"
inviter sync

heading "The people accept their invitations; dave has not looked yet"
python3 "$files/homeserver.py" accept "$work/synapse.json" "$work/tokens.json" alice bob carol erin frank grace
printf '\nThe rooms as the homeserver has them (its admin API, not inviter, is asked):\n\n'
python3 "$files/read_back.py" "$work/synapse.json" --expect before --plan "$work/first.json" \
    --save "$work/before.json" | tee "$work/read_back"

heading "frank moves from the office to engineering"
if [[ $directory == ldap ]]; then
    ldapmodify_shown "$files/move-frank.ldif"
elif [[ $directory == entra ]]; then
    tenant_changed "$files/move-frank.json"
else
    sed -i.old \
        -e 's/^members = \["erin", "frank"\]$/members = ["erin"]/' \
        -e 's/^members = \["alice", "bob", "carol", "heidi"\]$/members = ["alice", "bob", "carol", "frank", "heidi"]/' \
        "$work/people.toml"
    (cd "$work" && diff -U0 people.toml.old people.toml) | sed -n '/^[-+][^-+]/p' || true
    echo
fi
inviter plan
plan_json "$work/second.json"
inviter sync
python3 "$files/read_back.py" "$work/synapse.json" --expect after --plan "$work/second.json" \
    --since "$work/before.json" | tee "$work/read_back"

heading "Nothing is left to do"
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
