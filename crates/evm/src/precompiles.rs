use std::sync::OnceLock;

use op_revm::{OpSpecId, precompiles::OpPrecompiles};
use revm::precompile::{
    EthPrecompileResult, Precompile, PrecompileHalt, PrecompileId, Precompiles, bn254,
    eth_precompile_fn,
};

/// Precompiles of the chain's own fork `attestation`: pure functions of their input.
pub const ATTESTATION_PRECOMPILES: &[Precompile] = &[];

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
    if !attestation || ATTESTATION_PRECOMPILES.is_empty() {
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
