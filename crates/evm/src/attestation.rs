use std::borrow::Cow;

use phala_precompiles::{
    Frame, GPU_SETTLE_ADDRESS, GPU_VERIFY_ADDRESS, SUBSTRATE_VERIFY_ADDRESS, TDX_VERIFY_ADDRESS,
    gpu, settle, substrate, tdx,
};
use revm::precompile::{
    EthPrecompileOutput, EthPrecompileResult, Precompile, PrecompileHalt, PrecompileId,
    eth_precompile_fn,
};

/// Precompiles of the chain's own fork `attestation`: pure functions of their input, so that
/// their results may be kept by input.
pub const ATTESTATION_PRECOMPILES: &[Precompile] = &[
    Precompile::new(named("TDX_VERIFY"), TDX_VERIFY_ADDRESS, tdx_verify),
    Precompile::new(named("GPU_VERIFY"), GPU_VERIFY_ADDRESS, gpu_verify),
    Precompile::new(named("GPU_SETTLE"), GPU_SETTLE_ADDRESS, gpu_settle),
    Precompile::new(named("SUBSTRATE_VERIFY"), SUBSTRATE_VERIFY_ADDRESS, substrate_verify),
];

eth_precompile_fn!(tdx_verify, run_tdx_verify);
eth_precompile_fn!(gpu_verify, run_gpu_verify);
eth_precompile_fn!(gpu_settle, run_gpu_settle);
eth_precompile_fn!(substrate_verify, run_substrate_verify);

const fn named(name: &'static str) -> PrecompileId {
    PrecompileId::Custom(Cow::Borrowed(name))
}

fn run_tdx_verify(input: &[u8], gas_limit: u64) -> EthPrecompileResult {
    run(input, gas_limit, Ok(tdx::gas(input)), tdx::verify)
}

fn run_gpu_verify(input: &[u8], gas_limit: u64) -> EthPrecompileResult {
    run(input, gas_limit, gpu::gas(input), gpu::verify)
}

fn run_gpu_settle(input: &[u8], gas_limit: u64) -> EthPrecompileResult {
    run(input, gas_limit, settle::gas(input), settle::verify)
}

fn run_substrate_verify(input: &[u8], gas_limit: u64) -> EthPrecompileResult {
    run(input, gas_limit, Ok(substrate::gas(input)), substrate::verify)
}

/// Gas first, then work. What is no frame halts, like running out of gas: the caller's gas is
/// gone and there is no output.
fn run(
    input: &[u8],
    gas_limit: u64,
    gas: Result<u64, Frame>,
    verify: impl FnOnce(&[u8]) -> Result<Vec<u8>, Frame>,
) -> EthPrecompileResult {
    let gas = gas.map_err(no_frame)?;
    if gas > gas_limit {
        return Err(PrecompileHalt::OutOfGas);
    }
    let output = verify(input).map_err(no_frame)?;
    Ok(EthPrecompileOutput::new(gas, output.into()))
}

fn no_frame(frame: Frame) -> PrecompileHalt {
    PrecompileHalt::Other(frame.to_string().into())
}

#[cfg(test)]
mod tests {
    use revm::precompile::{PrecompileOutput, PrecompileStatus};

    use super::*;

    fn execute(index: usize, input: &[u8], gas_limit: u64) -> PrecompileOutput {
        ATTESTATION_PRECOMPILES[index].execute(input, gas_limit, 0).expect("not fatal")
    }

    #[test]
    fn what_is_no_frame_halts_with_a_reason() {
        for index in 0..3 {
            let output = execute(index, &[9], 10_000_000);
            let PrecompileStatus::Halt(PrecompileHalt::Other(reason)) = output.status else {
                panic!("{:?}", output.status);
            };
            assert_eq!(reason, "version 9 is unknown");
            assert!(output.bytes.is_empty());
        }
    }

    #[test]
    fn parachain_signatures_never_halt_but_out_of_gas() {
        for input in [[].as_slice(), &[9], &[1; 5_000]] {
            let gas = substrate::gas(input);
            let output = execute(3, input, gas);
            assert!(output.is_success() && output.gas_used == gas);
            assert_eq!(output.bytes.as_ref(), [0; 32]);
            let output = execute(3, input, gas - 1);
            assert_eq!(output.status, PrecompileStatus::Halt(PrecompileHalt::OutOfGas));
        }
    }

    /// Out of gas is known from the header alone.
    #[test]
    fn gas_is_asked_for_before_any_work() {
        for (index, header, gas) in
            [(0, [1, 0, 0, 0], 250_032), (1, [1, 0, 4, 1], 385_032), (2, [1, 0, 1, 0], 926_603)]
        {
            let short = execute(index, &header, gas - 1);
            assert_eq!(short.status, PrecompileStatus::Halt(PrecompileHalt::OutOfGas));
            let enough = execute(index, &header, gas);
            assert!(matches!(
                enough.status,
                PrecompileStatus::Halt(PrecompileHalt::Other(reason)) if reason.contains("ends before")
            ));
        }
    }
}
