#!/usr/bin/env bash
# Every task of this repository: ./build.sh build | test | demo [-Server <uri>] | fuzz [-Minutes <n>] [-Seed <n>] |
#   chaos [-Messages <n>] [-Cuts <n>] [-Seed <n>] | interop [-Broker <name>] [-Server <uri>] | conformance | docs | bench |
#   crash [-Kills <n>] [-Seed <n>] | soak [-Seconds <n>] [-Seed <n>] | reconnect [-Connections <n>] | store [-Messages <n>] | clean
# Where there is PowerShell, build.ps1 does the work. Where there is only the .NET SDK, the test host stands in for it.
set -uo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
task="$(printf '%s' "${1:-build}" | tr '[:upper:]' '[:lower:]')"
if [ $# -gt 0 ]; then shift; fi

if command -v pwsh >/dev/null 2>&1; then
    exec pwsh -NoProfile -NonInteractive -File "$root/build.ps1" "$task" "$@"
fi

if ! command -v dotnet >/dev/null 2>&1; then
    echo "The .NET SDK is missing: install version 10 or later (https://dot.net), then run this again." >&2
    exit 1
fi

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
host="$root/tests/PSMqtt.TestHost/bin/Release/net10.0/PSMqtt.TestHost.dll"
passed=0 failed=0 skipped=0
failures="$(mktemp)"
trap 'rm -f "$failures"' EXIT

build() {
    local log
    echo "Building..."
    if ! log="$(dotnet build "$root/PSMqtt.slnx" -c Release -nologo -v quiet 2>&1)"; then
        echo "$log"
        return 1
    fi
}

# Prints "passed failed skipped" from the closing line of xunit or of the test host; nothing where there is none.
counts_in() {
    awk '
        /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { p = $1; f = $3; s = $5; found = 1 }
        /Total: [0-9]+, Errors: [0-9]+, Failed: [0-9]+, Skipped: [0-9]+, Not Run: [0-9]+/ {
            gsub(/[^0-9,]+/, " "); n = split(substr($0, 1), field, ",")
            split(field[1], total, " "); t = total[length(total)] + 0
            f = field[2] + field[3]; s = field[4] + 0; p = t - field[3] - s - field[5]; found = 1
        }
        END { if (found) print p, f, s }' "$1"
}

# The tests that failed, each with the lines that say why.
failures_in() {
    awk '/\[FAIL\]$/ || /^ *\[-\] / { n = 13 } n > 0 { print; n-- }' "$1"
}

# Runs a suite ($1: its name; the rest: the command), shows what it prints, and adds its counts.
# One that ends without its closing line has crashed, and counts as failed.
suite() {
    local name="$1" log counts code p f s
    shift
    echo "== $name"
    log="$(mktemp)"
    "$@" 2>&1 | tee "$log" | grep -a --line-buffered -vE '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'
    code=${PIPESTATUS[0]}
    counts="$(counts_in "$log")"
    if [ "$code" -ne 0 ]; then failures_in "$log" >>"$failures"; fi
    rm -f "$log"
    if [ -z "$counts" ]; then
        echo "$name ended with exit code $code and without a result: counted as failed."
        failed=$((failed + 1))
        return
    fi

    read -r p f s <<<"$counts"
    if [ "$code" -ne 0 ] && [ "$f" -eq 0 ]; then
        echo "$name reported no failure, but ended with exit code $code: counted as failed."
        f=1
    fi

    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    echo "== $name: $((p + f + s)) tests, $f failed, $s skipped"
    echo
}

run_tests() {
    if ! build; then
        echo "The build failed: no test was run."
        echo "0 passed, 1 failed, 0 skipped"
        return 1
    fi

    local project name
    for project in "$root"/tests/*/*.Tests.csproj; do
        name="$(basename "$project" .csproj)"
        suite "$name" dotnet "$root/tests/$name/bin/Release/net10.0/$name.dll" -noLogo -noColor
    done

    suite 'Pester files (test host)' dotnet "$host" test "$root/tests/PSMqtt.Tests"

    # Once more at the end, where a reader of the last page finds it.
    if [ -s "$failures" ]; then
        echo "== What failed"
        cat "$failures"
        echo
    fi

    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
}

# One group of the engine's tests, with what it has to say.
engine_tests() {
    build && dotnet "$root/tests/PSMqtt.Protocol.Tests/bin/Release/net10.0/PSMqtt.Protocol.Tests.dll" -noLogo -noColor -showLiveOutput "$@"
}

# The value of a parameter ($1) among the rest, in any case; else the default ($2).
parameter() {
    local name="$1" value="$2"
    shift 2
    while [ $# -gt 1 ]; do
        if [ "$(printf '%s' "$1" | tr '[:upper:]' '[:lower:]')" = "$name" ]; then value="$2"; fi
        shift
    done
    printf '%s' "$value"
}

case "$task" in
    build)
        build && echo "Built: $root/out/PSMqtt/PSMqtt.psd1"
        ;;
    test)
        run_tests
        ;;
    demo)
        build && dotnet "$host" run "$root/examples/Demo.ps1" "$@"
        ;;
    fuzz)
        # Four tests, one after the other, share the time.
        export PSMQTT_FUZZ_SECONDS=$(($(parameter -minutes 10 "$@") * 15)) PSMQTT_FUZZ_SEED
        PSMQTT_FUZZ_SEED="$(parameter -seed '' "$@")"
        engine_tests -maxThreads 1 -class '*FuzzTests'
        ;;
    chaos)
        export PSMQTT_CHAOS_MESSAGES PSMQTT_CHAOS_CUTS PSMQTT_CHAOS_SEED
        PSMQTT_CHAOS_MESSAGES="$(parameter -messages 10000 "$@")"
        PSMQTT_CHAOS_CUTS="$(parameter -cuts 110 "$@")"
        PSMQTT_CHAOS_SEED="$(parameter -seed '' "$@")"
        engine_tests -class '*ChaosTests'
        ;;
    interop)
        export PSMQTT_INTEROP PSMQTT_AEDES
        PSMQTT_INTEROP="$(parameter -server "$(parameter -broker all "$@")" "$@")"
        PSMQTT_AEDES="$("$root/tests/install-aedes.sh")"
        engine_tests -class '*InteropTests'
        ;;
    crash | soak | reconnect | store)
        build && dotnet "$root/tests/PSMqtt.Reliability/bin/Release/net10.0/PSMqtt.Reliability.dll" "$task" "$@"
        ;;
    conformance)
        PSMQTT_CONFORMANCE=write engine_tests -class '*ConformanceTests'
        ;;
    docs)
        # The build has made the help of the pages; this says whether they are right, and runs what they show.
        build && dotnet "$host" test "$root/tests/PSMqtt.Tests/Help.Tests.ps1" "$root/tests/PSMqtt.Tests/Examples.Tests.ps1"
        ;;
    bench)
        # The table of the cmdlets needs PowerShell: bench/Measure-Cmdlets.ps1.
        build && dotnet "$root/bench/PSMqtt.Benchmarks/bin/Release/net10.0/PSMqtt.Benchmarks.dll" end-to-end
        ;;
    clean)
        dotnet clean "$root/PSMqtt.slnx" -c Release -nologo -v quiet -clp:NoSummary
        rm -rf "$root/out"
        ;;
    *)
        echo "There is no task '$task'. The tasks: build, test, demo, fuzz, chaos, interop, conformance, docs, bench, crash, soak, reconnect, store, clean." >&2
        exit 2
        ;;
esac
