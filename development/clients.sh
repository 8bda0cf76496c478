#!/bin/sh
# Installs the packages of one package-lock.json, as it pins them; runs no script of theirs. Where npm is missing or
# cannot fetch them it says so and lets the tests go on: theirs are skipped, or fail under REQUIRE_COMPONENTS=1.
set -u
folder=$1

if ! command -v npm >/dev/null 2>&1; then
    echo "clients: npm is missing; its clients will not be tested" >&2
    exit 0
fi
log=$(mktemp)
if (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier) >"$log" 2>&1; then
    touch "$folder/node_modules/.package-lock.json" # newer than the lock file: there is nothing to do next time
else
    tail -n 5 "$log" >&2
    echo "clients: npm could not install $folder; its clients will not be tested" >&2
fi
rm -f "$log"
exit 0
