#!/usr/bin/env bash
# Takes random organisations and random faults through inviter, and looks that nobody is removed by mistake and that
# every room is as it has to be in the end.
#
#   tests/faults.sh                       100,000 scenarios in memory, 200 on the real homeserver, and the bot killed at
#                                         each request of its runs
#   tests/faults.sh --quick               2,000 and 10, and no kills: the tests have the most of them
#   tests/faults.sh --scenarios 1000000   so many in memory
#   tests/faults.sh --replay SEED         one scenario in memory again, and what happens in it
#   tests/faults.sh --replay-real SEED    one on the real homeserver again; which request meets a fault is told by when it
#                                         comes, so a failure may need some tries
#
# The last line says what came of it; the exit code is not 0 unless all is well.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The simulation is all computing, so it is built to be fast, and without what it does not need.
simulation() {
    cargo run --quiet --release --locked -p inviter-faults --no-default-features -- "$@"
}

real_scenarios() {
    tests/servers/synapse install
    cargo run --quiet --locked -p inviter-faults -- homeserver "$@"
}

simulated=100000
real=200
kills=yes
while (($#)); do
    case "$1" in
        --quick) simulated=2000 real=10 kills= ;;
        --scenarios) simulated="$2" && shift ;;
        --replay)
            simulation replay "$2"
            exit
            ;;
        --replay-real)
            real_scenarios --scenarios 1 --seed "$2"
            exit
            ;;
        *)
            echo "$0: unknown argument $1" >&2
            exit 2
            ;;
    esac
    shift
done

# Both parts end with a line of their counts.
log="$(mktemp -d)"
trap 'rm -rf "$log"' EXIT
simulation simulate --scenarios "$simulated" | tee "$log/simulated"
real_scenarios --scenarios "$real" | tee "$log/real"
if [[ -n $kills ]]; then
    # Each test tells how often; a request at which it does not come to the same end fails it.
    INVITER_TEST_EVERY_REQUEST=1 tests/run.sh -E 'package(inviter-bot) and test(/killed_at_any|killed_while/)' \
        --no-capture 2>&1 | tee "$log/kills" | grep -E '^killed [0-9]|FAIL' || { cat "$log/kills" && exit 1; }
fi
first="$(tail -n 1 "$log/simulated")"
second="$(tail -n 1 "$log/real")"

# The number that stands before some words.
count() { grep -o "[0-9]* $1" <<<"$2" | head -n 1 | cut -d ' ' -f 1; }
sum() { echo $(($(count "$1" "$first") + $(count "$1" "$second"))); }
echo "faults ok: $(count scenarios "$first") simulated scenarios, $(count scenarios "$second") on the real homeserver," \
    "$(sum 'faults injected') faults injected, $(sum 'by mistake') removals by mistake, $(sum 'not converged') not converged"
