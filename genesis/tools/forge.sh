#!/usr/bin/env bash
# Runs forge: the one of npm, else the one that is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
program=$(compgen -G "$PWD/node_modules/@foundry-rs/forge-*/bin/forge" || command -v forge) || {
    echo "forge is not installed: run npm ci in $PWD" >&2
    exit 1
}
# Tests read below this folder only; those of claims say SKIPPED without these.
rm -rf out/vectors
if [ -n "${PHALA_VECTORS:-}" ]; then
    mkdir -p out/vectors
    cp "$PHALA_VECTORS/parachain/vectors/signatures.json" out/vectors/
fi
export FOUNDRY_DISABLE_NIGHTLY_WARNING=1
exec "$program" "$@"
