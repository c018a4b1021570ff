#!/usr/bin/env bash
# The basic things with `cast`. Exits with 1 and says what went wrong.
#
#   PHALA_RPC   HTTP URL (default http://127.0.0.1:8545)
#   PHALA_KEY   private key of a funded account
set -euo pipefail
cd "$(dirname "$0")"

export ETH_RPC_URL=${PHALA_RPC:-http://127.0.0.1:8545}
export ETH_TIMEOUT=60
# npm has it for Linux on x86-64; elsewhere the one that is installed will do.
program=$(compgen -G "$PWD/node_modules/@foundry-rs/cast-*/bin/cast" || command -v cast) || true
cast() { "$program" "$@"; }

passed=0
ok() { echo "ok    $1"; passed=$((passed + 1)); }
fail() {
    echo "FAIL  $1" >&2
    echo "$passed passed, 1 failed"
    exit 1
}
# expect WHAT WANTED FOUND
expect() { [ "$2" = "$3" ] || fail "$1: wanted $2, found $3"; }

[ -n "${PHALA_KEY:-}" ] || { echo "PHALA_KEY is not set: private key of a funded account" >&2; exit 1; }
[ -n "$program" ] || { echo "cast is not installed: run npm ci in $PWD" >&2; exit 1; }
trap 'fail "a command stopped with status $? in line $LINENO"' ERR

me=$(cast wallet address --private-key "$PHALA_KEY")
send() { cast send --private-key "$PHALA_KEY" --json "$@"; }
field() { node -e 'const v = JSON.parse(require("fs").readFileSync(0))[process.argv[1]]; console.log(v ?? "")' "$1"; }

chain=$(cast chain-id)
first=$(cast block-number)
[ "$first" -ge 0 ] || fail "block number is $first"
[ "$(cast balance "$me")" != 0 ] || fail "$me has no ether"
ok "reads chain $chain at block $first"

to=$(cast wallet new --json | node -e 'console.log([JSON.parse(require("fs").readFileSync(0))].flat()[0].address)')
receipt=$(send "$to" --value 0.5ether)
expect "status of the transfer" 0x1 "$(echo "$receipt" | field status)"
expect "balance of the recipient" 500000000000000000 "$(cast balance "$to")"
hash=$(echo "$receipt" | field transactionHash)
expect "value of the transaction" 500000000000000000 "$(cast tx "$hash" value)"
expect "status by hash" 0x1 "$(cast receipt "$hash" --json | field status)"
ok "sends ether"

receipt=$(send "$to" --value 1 --legacy)
expect "type of a legacy transaction" 0x0 "$(echo "$receipt" | field type)"
ok "sends a legacy transaction"

# The same contract as in counter.mjs.
creation=$(node -e 'import("./counter.mjs").then(({ creation }) => console.log(creation))')
receipt=$(send --create "$creation")
contract=$(echo "$receipt" | field contractAddress)
expect "code of the contract" "0x${creation#0x605f80600b6000396000f3}" "$(cast code "$contract")"
ok "deploys a contract"

expect "the new counter" 0 "$(cast call "$contract" 'count()(uint256)')"
send "$contract" 'increment()' >/dev/null
receipt=$(send "$contract" 'increment()')
expect "the counter" 2 "$(cast call "$contract" 'count()(uint256)')"
expect "slot 0" 0x0000000000000000000000000000000000000000000000000000000000000002 "$(cast storage "$contract" 0)"
ok "calls it"

logs=$(cast logs --from-block "$first" --address "$contract" 'Incremented(address indexed caller, uint256 value)' --json)
expect "number of logs" 2 "$(echo "$logs" | field length)"
ok "reads its logs"

if answer=$(cast call "$contract" 0xdeadbeef 2>&1); then
    fail "a call that reverts returned $answer"
fi
[[ $answer == *revert* ]] || fail "a call that reverts says $answer"
ok "reports a revert"

number=$(cast block-number)
proof=$(cast proof "$contract" 0 --block "$number")
expect "address in the proof" "$(cast to-check-sum-address "$contract")" \
    "$(cast to-check-sum-address "$(echo "$proof" | field address)")"
root=$(cast block "$number" --field stateRoot)
expect "hash of the proof's first node" "$root" \
    "$(cast keccak "$(echo "$proof" | node -e 'console.log(JSON.parse(require("fs").readFileSync(0)).accountProof[0])')")"
ok "gets a proof that starts at the header's state root"

expect "pending nonce" "$(cast nonce "$me")" "$(cast nonce "$me" --block pending)"
cast rpc txpool_status | grep -q pending || fail "txpool_status has no pending"
cast gas-price >/dev/null
cast base-fee >/dev/null
expect "age of genesis" 0 "$(cast block 0 --field number)"
ok "asks for the pool, prices and blocks"

echo "$passed passed, 0 failed"
