use std::{collections::BTreeMap, sync::OnceLock};

use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use serde::Deserialize;

const L2: &str = include_str!("../../../../genesis/artifacts/l2.json");

/// Every contract of the artifacts, decoded once.
pub(super) struct Contracts(BTreeMap<&'static str, Contract>);

struct Contract {
    code: Bytes,
    immutables: BTreeMap<Immutable, Vec<usize>>,
}

/// A word of the code that differs from chain to chain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Immutable {
    ChainId,
    L1ChainId,
    DomainSeparator,
}

/// The fields of a line that are used here; the others say where the code is from.
#[derive(Deserialize)]
struct Line<'a> {
    name: &'a str,
    immutables: BTreeMap<Immutable, Vec<usize>>,
    code: &'a str,
}

/// Values of the immutables.
pub(super) struct ChainWords {
    pub(super) chain_id: u64,
    pub(super) l1_chain_id: u64,
}

impl Contracts {
    pub(super) fn get() -> &'static Self {
        static CONTRACTS: OnceLock<Contracts> = OnceLock::new();
        CONTRACTS.get_or_init(|| {
            let lines: Vec<Line<'static>> =
                serde_json::from_str(L2).expect("the build writes artifacts of this form");
            let contract = |line: Line<'static>| {
                let code = hex::decode(line.code).expect("the build writes hex").into();
                (line.name, Contract { code, immutables: line.immutables })
            };
            Self(lines.into_iter().map(contract).collect())
        })
    }

    /// Code of a contract as it is at `address` on one chain.
    pub(super) fn code(&self, name: &str, address: Address, words: &ChainWords) -> Bytes {
        let contract = self.0.get(name).expect("every contract that is placed is an artifact");
        if contract.immutables.is_empty() {
            return contract.code.clone();
        }
        let mut code = contract.code.to_vec();
        for (immutable, offsets) in &contract.immutables {
            let word = match immutable {
                Immutable::ChainId => U256::from(words.chain_id).into(),
                Immutable::L1ChainId => U256::from(words.l1_chain_id).into(),
                Immutable::DomainSeparator => domain_separator(name, address, words.chain_id),
            };
            for offset in offsets {
                let place = offset.checked_add(32).and_then(|end| code.get_mut(*offset..end));
                place.expect("the build found a word there").copy_from_slice(word.as_slice());
            }
        }
        code.into()
    }

    #[cfg(test)]
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.keys().copied()
    }
}

/// EIP-712 domain of the two contracts that keep theirs. Both compute it anew where the chain id or
/// address is another one, so this only saves gas and makes the code equal to that of a deployment.
fn domain_separator(name: &str, address: Address, chain_id: u64) -> B256 {
    let chain_id = B256::from(U256::from(chain_id));
    let address = address.into_word();
    if name == "Permit2" {
        let domain = "EIP712Domain(string name,uint256 chainId,address verifyingContract)";
        return keccak256([keccak256(domain), keccak256(name), chain_id, address].concat());
    }
    let domain =
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
    let fields = [keccak256(domain), keccak256(name), keccak256("1.3.0"), chain_id, address];
    keccak256(fields.concat())
}
