use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use phala_chainspec::{ChainSpec, GenesisAccount};
use phala_engine::EngineConfig;
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::harness::{Node, assert_same, raw};

/// Stores the second word of its input in the slot the first word names.
const STORE: Address = Address::repeat_byte(0x77);
const SENDERS: usize = 4;

struct Block {
    hash: B256,
    number: u64,
    nonces: [u64; SENDERS],
}

fn spec() -> ChainSpec {
    let mut spec = ChainSpec::dev();
    // PUSH1 32 CALLDATALOAD PUSH1 0 CALLDATALOAD SSTORE STOP
    let code = Bytes::from_static(&[0x60, 0x20, 0x35, 0x60, 0, 0x35, 0x55, 0]);
    spec.genesis.alloc.insert(STORE, GenesisAccount { nonce: 1, code, ..Default::default() });
    spec
}

fn transactions(node: &Node, rng: &mut StdRng, nonces: &mut [u64; SENDERS]) -> Vec<Bytes> {
    let count = rng.random_range(0..5);
    let mut txs = Vec::new();
    for _ in 0..count {
        let sender = rng.random_range(0..SENDERS);
        let (account, nonce) = (node.account(sender), nonces[sender]);
        nonces[sender] += 1;
        let tx = match rng.random_range(0..10) {
            0 => account.deploy(nonce),
            1..=3 => account.transfer(nonce, Address::with_last_byte(rng.random_range(0..40)), 1),
            _ => {
                // Few slots and values, zero among them, so that slots come and go.
                let [slot, value] = [30, 3].map(|max| U256::from(rng.random_range(0..max)));
                let input = [slot.to_be_bytes::<32>(), value.to_be_bytes()].concat();
                account.call(nonce, TxKind::Call(STORE), 0, 100_000, input.into())
            }
        };
        txs.push(raw(&tx));
    }
    txs
}

/// Builder and import of one engine share their caches, so that a stale value would deceive both.
/// Another engine without any cache does not believe them.
#[test]
fn caches_never_change_what_a_block_does() {
    let seed = std::env::var("PHALA_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("seed {seed} (set PHALA_SEED to choose)");
    let mut rng = StdRng::seed_from_u64(seed);
    for state_cache_bytes in [64 << 20, 6 << 10] {
        let node = Node::start(spec(), EngineConfig { state_cache_bytes, ..Default::default() });
        let cold = EngineConfig { state_cache_bytes: 0, trie_cache_bytes: 0, ..Default::default() };
        let cold = Node::start(spec(), cold);
        let genesis = Block { hash: node.genesis(), number: 0, nonces: [0; SENDERS] };
        let mut blocks = vec![genesis];
        let mut head = 0;
        for _ in 0..150 {
            let is_on_head = rng.random_range(0..3) > 0;
            let oldest = blocks.len().saturating_sub(12);
            let parent = if is_on_head { head } else { rng.random_range(oldest..blocks.len()) };
            let Block { hash: parent, number, mut nonces } = blocks[parent];
            let txs = transactions(&node, &mut rng, &mut nonces);
            let block = node.build(parent, &txs);
            let hash = block.hash();
            if blocks.iter().any(|known| known.hash == hash) {
                continue;
            }
            node.import_valid(&block);
            cold.import_valid(&block);
            blocks.push(Block { hash, number: number + 1, nonces });
            if rng.random_range(0..4) > 0 {
                head = match rng.random_range(0..5) {
                    0 => rng.random_range(oldest..blocks.len()),
                    _ => blocks.len() - 1,
                };
                node.engine.set_heads(blocks[head].hash, None, None).unwrap();
            }
        }
        let Block { hash, number, .. } = blocks[head];
        cold.engine.set_heads(hash, None, None).unwrap();
        node.engine.set_heads(hash, None, None).unwrap();
        assert_same(&node, &cold, number);
    }
}
