#!/bin/sh
# Have a Chromium for the browser tests: Debian's package, where it can be installed.
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if ! command -v apt-get >/dev/null 2>&1; then
    echo "No Chromium and no apt-get here: the browser tests will be skipped. Install Chromium to run them." >&2
    exit 0
fi
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
        echo "No Chromium: run 'sudo apt-get install chromium' to have the browser tests run." >&2
        exit 0
    fi
    as_root="sudo -n"
fi
echo "Installing Chromium from Debian's packages ..."
$as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends chromium >/dev/null
