use std::sync::OnceLock;

use op_revm::{OpSpecId, precompiles::OpPrecompiles};
use revm::precompile::{
    EthPrecompileResult, Precompile, PrecompileHalt, PrecompileId, Precompiles, bn254,
    eth_precompile_fn,
};

pub use crate::attestation::ATTESTATION_PRECOMPILES;

/// 300 pairs of 192 bytes.
const KARST_PAIRING_INPUT_LEN_MAX: usize = 57_600;

/// Pairing check (0x08) as Karst limits it; op-revm 20 still has Jovian's 81,984 bytes.
const KARST_PAIRING: Precompile =
    Precompile::new(PrecompileId::Bn254Pairing, bn254::pair::ADDRESS, karst_pairing);

eth_precompile_fn!(karst_pairing, run_karst_pairing);

fn run_karst_pairing(input: &[u8], gas_limit: u64) -> EthPrecompileResult {
    if input.len() > KARST_PAIRING_INPUT_LEN_MAX {
        return Err(PrecompileHalt::Bn254PairLength);
    }
    bn254::run_pair(
        input,
        bn254::pair::ISTANBUL_PAIR_PER_POINT,
        bn254::pair::ISTANBUL_PAIR_BASE,
        gas_limit,
    )
}

/// The precompiles of a fork, built once per process.
pub(crate) fn precompiles(spec: OpSpecId, attestation: bool) -> &'static Precompiles {
    static WITH_ATTESTATION: [OnceLock<Precompiles>; 11] = [const { OnceLock::new() }; 11];
    let base = base_precompiles(spec);
    if !attestation {
        return base;
    }
    WITH_ATTESTATION[spec as usize - OpSpecId::BEDROCK as usize]
        .get_or_init(|| extended(base, ATTESTATION_PRECOMPILES))
}

fn base_precompiles(spec: OpSpecId) -> &'static Precompiles {
    static KARST: OnceLock<Precompiles> = OnceLock::new();
    let op = OpPrecompiles::new_with_spec(spec).precompiles();
    match spec {
        OpSpecId::KARST => KARST.get_or_init(|| extended(op, &[KARST_PAIRING])),
        _ => op,
    }
}

fn extended(base: &Precompiles, more: &[Precompile]) -> Precompiles {
    let mut precompiles = base.clone();
    precompiles.extend(more.iter().cloned());
    precompiles
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, Bytes, address};
    use revm::precompile::{PrecompileOutput, PrecompileResult};

    use super::*;

    const OWN: Address = address!("0x5048410000000000000000000000000000000001");

    fn echo(input: &[u8], _gas_limit: u64, reservoir: u64) -> PrecompileResult {
        Ok(PrecompileOutput::new(7, Bytes::copy_from_slice(input), reservoir))
    }

    #[test]
    fn pairing_takes_300_pairs_under_karst() {
        let address = bn254::pair::ADDRESS;
        for (spec, longest) in
            [(OpSpecId::JOVIAN, 81_984), (OpSpecId::KARST, KARST_PAIRING_INPUT_LEN_MAX)]
        {
            for attestation in [false, true] {
                let pairing = precompiles(spec, attestation).get(&address).expect("exists");
                let run = |len| pairing.execute(&vec![0; len], u64::MAX, 0).expect("not fatal");
                assert!(run(longest).is_success());
                assert!(run(longest + 192).is_halt());
            }
        }
    }

    #[test]
    fn other_forks_keep_the_sets_of_op_revm() {
        for spec in [OpSpecId::CANYON, OpSpecId::GRANITE, OpSpecId::ISTHMUS, OpSpecId::JOVIAN] {
            let op = OpPrecompiles::new_with_spec(spec).precompiles();
            assert!(std::ptr::eq(precompiles(spec, false), op));
        }
        let karst = precompiles(OpSpecId::KARST, false);
        let op = OpPrecompiles::new_with_spec(OpSpecId::KARST).precompiles();
        assert_eq!(karst.addresses_set(), op.addresses_set());
    }

    #[test]
    fn own_precompiles_join_those_of_the_fork() {
        let own = Precompile::new(PrecompileId::Custom("ECHO".into()), OWN, echo);
        let karst = precompiles(OpSpecId::KARST, false);
        let set = extended(karst, &[own]);
        assert_eq!(set.len(), karst.len() + 1);
        let output = set.get(&OWN).expect("joined").execute(&[1, 2], 100, 0).expect("not fatal");
        assert_eq!((output.gas_used, output.bytes.as_ref()), (7, [1, 2].as_slice()));
        assert!(karst.get(&OWN).is_none());
        for precompile in ATTESTATION_PRECOMPILES {
            assert!(karst.get(precompile.address()).is_none());
        }
    }
}
