#!/usr/bin/env bash
# Runs every generated test of the workspace with many cases: each property, that is, of a `proptest!` in the sources.
#
#   tests/generated.sh           10,000 cases each
#   tests/generated.sh 1000000   so many
#
# A property that the sources have and the built tests do not, or the other way round, fails it: none is missed. Prints
# target, name, cases and time of each; the last line says what came of it, and the exit code is not 0 unless all is well.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cases="${1:-10000}"
if (($# > 1)) || [[ ! $cases =~ ^[1-9][0-9]{0,6}$ ]]; then
    echo "usage: tests/generated.sh [CASES], a number from 1 to 9999999" >&2
    exit 2
fi

fail() {
    echo "tests/generated.sh: $*" >&2
    exit 1
}

# As in tests/run.sh: another set of packages or features would build everything once more.
all=(--workspace --all-features --locked)

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# Names of the properties in one source. What this does not understand is an error, not a property less.
properties_of() {
    awk '
        function wrong(why) { print FILENAME ":" FNR ": " why >"/dev/stderr"; failed = 1; exit 1 }
        /^[ \t]*\/\// { next }
        /^[ \t]*(proptest::)?proptest! \{$/ {
            if (inside) wrong("a proptest! within another")
            match($0, /^[ \t]*/); end = substr($0, 1, RLENGTH) "}"
            inside = 1; names = 0; next
        }
        /proptest!|TestRunner/ { wrong("is no `proptest! {` with tests in it, and so unknown to tests/generated.sh") }
        inside && $0 == end { if (!names) wrong("a proptest! without a test"); inside = 0; next }
        inside && /#\[test\]/ { is_test = 1; next }
        inside && /#\[(ignore|cfg)/ { wrong("a property that is not always run") }
        inside && /^[ \t]*fn [a-z0-9_]+\(/ && length($0) - length(end) > 4 {
            match($0, /^[ \t]*/)
            if (RLENGTH != length(end) - 1 + 4) next
            if (!is_test) wrong("a property that is no test")
            match($0, /fn [a-z0-9_]+/); print substr($0, RSTART + 3, RLENGTH - 3)
            is_test = 0; names++
        }
        END { if (!failed && (inside || is_test)) { print FILENAME ": a proptest! does not end" >"/dev/stderr"; exit 1 } }
    ' "$1"
}

mapfile -t sources < <(git grep -lE --untracked 'proptest!|TestRunner' -- '*.rs')
((${#sources[@]} > 0)) || fail "no source has a property"

cargo nextest list "${all[@]}" --message-format oneline >"$work/tests"

# "target name" of each, as cargo-nextest has it.
for source in "${sources[@]}"; do
    case "$source" in
        src/* | tests/*) package=inviter inner="$source" ;;
        *) package="${source%%/*}" inner="${source#*/}" ;;
    esac
    module="${inner#*/}"
    module="${module%.rs}"
    case "$inner" in
        src/*) target="$package(::bin/[^ ]+)?" ;;
        tests/*/*) target="$package::${module%%/*}" module="${module#*/}" ;;
        tests/*) target="$package::$module" module= ;;
        *) fail "$source is in neither src nor tests" ;;
    esac
    file="${module##*/}"
    case "$module" in
        lib | main | "") module= ;;
        *) module="${module%/mod}" && module="${module//\//::}::" ;;
    esac
    names="$(properties_of "$source")" || fail "$source cannot be read"
    for name in $names; do
        found="$(grep -E "^$target $module(.*::)?$name\$" "$work/tests" || true)"
        # A file that stands beside its module, by `#[path]`.
        [[ -n $found ]] || found="$(grep -E "^$target (.*::)?$file::(.*::)?$name\$" "$work/tests" || true)"
        [[ -n $found && $(wc -l <<<"$found") == 1 ]] ||
            fail "the property $name of $source is not one test among those that are built, but: ${found:-none}"
        echo "$found"
    done
done >"$work/properties"
sort -u "$work/properties" -o "$work/unique"
count="$(wc -l <"$work/unique")"
[[ $(wc -l <"$work/properties") == "$count" ]] || fail "two properties have one name"

filter="$(awk '{ printf "%s(binary_id(=%s) & test(=%s))", (NR > 1 ? " | " : ""), $1, $2 }' "$work/unique")"

# As many rejected inputs for each case as there may be by default.
export PROPTEST_CASES="$cases" PROPTEST_MAX_GLOBAL_REJECTS=$((cases * 4)) PROPTEST_MAX_LOCAL_REJECTS=$((cases * 256))
echo "$count properties in ${#sources[@]} sources, $cases cases each"
status=0
cargo nextest run "${all[@]}" --profile generated --color never --status-level pass --final-status-level none \
    -E "$filter" 2>&1 | tee "$work/log" | {
    # Line by line, since one may take minutes; from a failure on, everything.
    all_is_well=yes
    while IFS= read -r line; do
        if [[ $line =~ ^\ *PASS\ \[\ *([0-9.]+s)\].*\ ([^\ ]+)\ ([^\ ]+)$ ]]; then
            printf '%-36s %-88s %d cases %10s\n' "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}" "$cases" "${BASH_REMATCH[1]}"
        elif [[ $line =~ ^\ *(FAIL|TIMEOUT|SIG|ABORT) || -z $all_is_well ]]; then
            all_is_well=
            printf '%s\n' "$line"
        fi
    done
} || status=$?
passed="$(grep -cE '^ *PASS \[' "$work/log" || true)"
if ((status != 0)) || ((passed != count)); then
    ((passed > 0)) || cat "$work/log" >&2
    fail "$passed of $count properties passed"
fi
echo "generated ok: $count properties, $cases cases each"
