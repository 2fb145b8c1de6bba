#!/usr/bin/env bash
# Installs aedes, a broker for node, into out/aedes for the tests. Prints that folder where it worked; else says why not, and fails.
set -uo pipefail

folder="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/out/aedes"
if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    echo "node and npm are not installed (on Debian and Ubuntu: apt-get install nodejs npm)." >&2
    exit 1
fi

if ! major="$(node --print 'process.versions.node.split(".")[0]')" || [ "$major" -lt 20 ]; then
    echo "aedes needs node 20 or later, and this is $(node --version)." >&2
    exit 1
fi

if ! [ -d "$folder/node_modules/aedes" ] || ! [ -d "$folder/node_modules/ws" ]; then
    mkdir -p "$folder"
    if ! problem="$(timeout 120 npm install --prefix "$folder" --no-save --no-audit --no-fund --ignore-scripts --loglevel error \
        --fetch-retries 1 --fetch-timeout 20000 aedes@1 ws@8 2>&1 </dev/null)"; then
        rm -rf "$folder"
        echo "npm could not install it: $(printf '%s' "$problem" | tail -n 3 | tr '\n' ' ')" >&2
        exit 1
    fi
fi

printf '%s\n' "$folder"
