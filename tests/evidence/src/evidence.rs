use alloy_primitives::{B256, hex};
use phala_precompiles::{gpu::GpuInput, tdx::TdxInput};
use serde_json::json;

use crate::{CollateralTerms, Gpu, IntelLike, NvidiaLike, Platform, TrustedDomain};

/// GPUs a node may have.
const GPUS_MAX: u64 = 8;

/// A node with GPUs, and all authorities above it.
pub struct Evidence {
    /// Above the platform.
    pub intel: IntelLike,
    /// Above the GPUs.
    pub nvidia: NvidiaLike,
    /// The node's processor.
    pub platform: Platform,
    /// The node's GPUs.
    pub gpus: Vec<Gpu>,
}

impl Evidence {
    /// Node number `node` under the roots that follow from `seed`.
    ///
    /// # Panics
    ///
    /// Without GPUs, or with more than 8.
    pub fn new(seed: u64, node: u64, gpus: u64) -> Self {
        assert!((1..=GPUS_MAX).contains(&gpus), "a node has 1 to 8 GPUs");
        let (intel, nvidia) = (IntelLike::new(seed), NvidiaLike::new(seed));
        let platform = intel.platform(node);
        let gpus = (0..gpus).map(|index| nvidia.gpu(node * GPUS_MAX + index)).collect();
        Self { intel, nvidia, platform, gpus }
    }

    /// Calldata of `TDX_VERIFY` under collateral of an hour ago, before it is encoded.
    pub fn tdx_input(&self, now: u64, report_data: [u8; 64]) -> TdxInput {
        TdxInput {
            now,
            quote: self.platform.quote(&TrustedDomain::new(report_data)),
            collateral: self.intel.collateral(&CollateralTerms::at(now)),
        }
    }

    /// Calldata of `GPU_VERIFY` for each GPU, before it is encoded.
    pub fn gpu_inputs(&self, nonce: B256) -> Vec<GpuInput> {
        self.gpus.iter().map(|gpu| gpu.input(nonce)).collect()
    }

    /// The file for `--dev.attestation-roots`.
    pub fn roots_json(&self) -> String {
        roots_json(&self.intel, &self.nvidia)
    }
}

/// The file for `--dev.attestation-roots`: two certificates as hex.
pub fn roots_json(intel: &IntelLike, nvidia: &NvidiaLike) -> String {
    json!({
        "intel": hex::encode_prefixed(intel.root()),
        "nvidia": hex::encode_prefixed(nvidia.root()),
    })
    .to_string()
}
