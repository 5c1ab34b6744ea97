#!/bin/sh
# Build XCIST's gecatsim from its source package, whose build script has line ends that a shell refuses.
# Usage: install_gecatsim.sh PYTHON
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" -m pip download --quiet --no-deps --no-binary :all: -d "$folder" gecatsim==1.6.9
tar -xzf "$folder"/gecatsim-1.6.9.tar.gz -C "$folder"
sed -i 's/\r$//' "$folder"/gecatsim-1.6.9/gecatsim/clib_build/[BM]*
"$1" -m pip install --quiet "$folder"/gecatsim-1.6.9
