#!/bin/sh
# Installs the programs that tests use and PyPI does not have: Chromium (the hosted pages in a phone's view), mosquitto
# (a real MQTT broker), Node and npm (OAuth clients that others wrote). Does nothing, and needs no network, where all are
# there. Where it cannot install them it says what is missing and lets the tests go on: theirs are skipped, or fail under
# REQUIRE_COMPONENTS=1.
set -u
PATH="$PATH:/usr/local/sbin:/usr/sbin"

packages=""
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
    command -v google-chrome-stable >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 ||
    packages="chromium fonts-noto-core"
command -v mosquitto >/dev/null 2>&1 || packages="${packages:+$packages }mosquitto"
command -v node >/dev/null 2>&1 || packages="${packages:+$packages }nodejs"
command -v npm >/dev/null 2>&1 || packages="${packages:+$packages }npm"
[ -n "$packages" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "system: missing for tests: $packages (these are Debian's names; install them with your package manager)" >&2
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo "system: missing for tests: $packages; install them with: sudo apt-get install $packages" >&2
    exit 0
fi

echo "system: installing $packages"
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
# word splitting of $packages is meant
# shellcheck disable=SC2086
if apt-get -qq update >"$log" 2>&1 &&
    apt-get -qq install -y --no-install-recommends -o Dpkg::Use-Pty=0 $packages >>"$log" 2>&1; then
    # Debian starts a broker on installation; tests start their own on free ports.
    case "$packages" in
    *mosquitto*) command -v systemctl >/dev/null 2>&1 && systemctl disable --now mosquitto >/dev/null 2>&1 ;;
    esac
else
    tail -n 5 "$log" >&2
    echo "system: could not install $packages; their tests will be skipped" >&2
fi
rm -f "$log"
exit 0
