#!/bin/sh
# Installs the programs that tests use and PyPI does not have: Chromium (the hosted pages in a phone's view), mosquitto
# (a real MQTT broker), Node and npm (OAuth clients that others wrote). Does nothing, and needs no network, where all are
# there. Where it cannot install them it says what is missing and lets the tests go on: theirs are skipped, or fail under
# REQUIRE_COMPONENTS=1.
set -u
PATH="$PATH:/usr/local/sbin:/usr/sbin"

packages=""
lighter="" # the same browser without windows: tests prefer it, since it costs a third, and do without it
command -v chromium-headless-shell >/dev/null 2>&1 || lighter="chromium-headless-shell"
[ -z "$lighter" ] || command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
    command -v google-chrome-stable >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 ||
    packages="chromium fonts-noto-core"
command -v mosquitto >/dev/null 2>&1 || packages="${packages:+$packages }mosquitto"
command -v node >/dev/null 2>&1 || packages="${packages:+$packages }nodejs"
command -v npm >/dev/null 2>&1 || packages="${packages:+$packages }npm"
[ -n "$packages$lighter" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    [ -z "$packages" ] ||
        echo "system: missing for tests: $packages (these are Debian's names; install them with your package manager)" >&2
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    [ -z "$packages" ] ||
        echo "system: missing for tests: $packages; install them with: sudo apt-get install $packages" >&2
    exit 0
fi

echo "system: installing ${packages:+$packages }$lighter"
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
install() {
    apt-get -qq install -y --no-install-recommends --no-remove -o Dpkg::Use-Pty=0 "$@" >>"$log" 2>&1
}
apt-get -qq update -o Acquire::Retries=0 -o Acquire::http::Timeout=20 >"$log" 2>&1
# word splitting of $packages is meant
# shellcheck disable=SC2086
if [ -z "$packages" ] || install $packages; then
    # Debian starts a broker on installation; tests start their own on free ports.
    case "$packages" in
    *mosquitto*) command -v systemctl >/dev/null 2>&1 && systemctl disable --now mosquitto >/dev/null 2>&1 ;;
    esac
else
    tail -n 5 "$log" >&2
    echo "system: could not install $packages; their tests will be skipped" >&2
fi
[ -z "$lighter" ] || install "$lighter" || echo "system: without $lighter, with which tests would be quicker"
rm -f "$log"
exit 0
