#!/usr/bin/env bash
# Runs the built bot under random changes of the directory and of rooms, and compares every room with the truth.
#
#   tests/soak.sh                         ten minutes
#   tests/soak.sh --minutes 60 --seed 7   longer, and with the chance of an earlier run
#
# The last line says what came of it; the exit code is not 0 unless all is well.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tests/servers/synapse install
cargo build --quiet --locked -p inviter-bot -p inviter-soak
exec "${CARGO_TARGET_DIR:-target}/debug/inviter-soak" --bot "${INVITER_BOT:-${CARGO_TARGET_DIR:-target}/debug/inviter-bot}" "$@"
