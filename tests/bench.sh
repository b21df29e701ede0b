#!/usr/bin/env bash
# Measures: the pure stages against sorting integers, the first sync of 20 rooms against a client that only sends the
# same requests, what a second sync asks, reading an LDAP server against ldapsearch, and reading a tenant of Entra ID
# against a client that only downloads the same answers. docs/benchmarks.md says more.
#
#   tests/bench.sh            everything: some minutes
#   tests/bench.sh --quick    without ten million memberships, with a tenth of the directory, without repetitions
#   tests/bench.sh --smoke    small sizes, to see that it works
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tests/servers/synapse install
tests/servers/ldap install --only slapd
exec cargo run --quiet --release --locked -p inviter-bench -- "$@"
