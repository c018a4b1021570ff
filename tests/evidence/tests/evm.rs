//! The EVM judges under the roots that are in force; a process of its own, since they stay.

#![cfg(debug_assertions)] // Other roots exist in such builds only.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_sol_types::SolValue;
use phala_chainspec::{ChainSpec, Fork, Forks};
use phala_evm::{
    BlockEnvironment,
    call::{CallOutcome, CallRequest, StateOverrides, call},
};
use phala_precompiles::{
    GPU_VERIFY_ADDRESS, Roots, TDX_VERIFY_ADDRESS, gpu::GpuClaims, tdx::TdxClaims,
};
use phala_test_evidence::Evidence;
use revm::database::{CacheDB, EmptyDB};

const NOW: u64 = 1_796_000_000;

/// Status and payload of a call in a block at which fork `attestation` is active.
fn verdict(address: Address, input: Vec<u8>) -> (bool, Bytes) {
    let mut spec = ChainSpec::dev();
    spec.forks = Forks::new(Fork::ALL.into_iter().map(|fork| (fork, 0))).expect("are in order");
    let env = BlockEnvironment {
        number: 10,
        timestamp: NOW,
        gas_limit: 60_000_000,
        parent_beacon_block_root: Some(B256::ZERO),
        ..Default::default()
    };
    let request =
        CallRequest { to: TxKind::Call(address), input: input.into(), ..Default::default() };
    let db = CacheDB::new(EmptyDB::default());
    let none = StateOverrides::default();
    let result = call(&spec, &db, &env, &request, &none, 50_000_000).expect("is executed");
    assert_eq!(result.outcome, CallOutcome::Success);
    let (status, payload) =
        <(U256, Bytes)>::abi_decode_params(&result.output).expect("is a verdict");
    (status.is_zero(), payload)
}

/// One test, because a process has one set of roots.
#[test]
fn evidence_of_a_test_is_accepted_under_the_roots_of_the_test() {
    let own = Evidence::new(1, 0, 8);
    let roots =
        |of: &Evidence| Roots::for_tests(of.intel.root().to_vec(), of.nvidia.root().to_vec());
    roots(&own).put_in_force().expect("nothing was judged yet");

    let input = own.tdx_input(NOW, [7; 64]);
    let (accepted, payload) = verdict(TDX_VERIFY_ADDRESS, input.encode());
    assert!(accepted);
    let claims = TdxClaims::abi_decode_validate(&payload).expect("are claims");
    assert_eq!(claims.tdReport[520..584], [7; 64]);
    for (gpu, input) in own.gpus.iter().zip(own.gpu_inputs(B256::repeat_byte(3))) {
        let (accepted, payload) = verdict(GPU_VERIFY_ADDRESS, input.encode());
        assert!(accepted);
        let claims = GpuClaims::abi_decode_validate(&payload).expect("are claims");
        assert_eq!(claims.deviceId, gpu.device_id());
    }

    let other = Evidence::new(2, 0, 1);
    let refused = roots(&other).put_in_force();
    assert_eq!(refused, Err(roots(&other)), "roots in use stay");
    assert!(!verdict(TDX_VERIFY_ADDRESS, other.tdx_input(NOW, [7; 64]).encode()).0);
    assert!(!verdict(GPU_VERIFY_ADDRESS, other.gpu_inputs(B256::ZERO)[0].encode()).0);
}
