//! Which rule is active when. Nothing else in the node compares timestamps with fork times.

use std::fmt;

use alloy_hardforks::{EthereumHardfork, EthereumHardforks, ForkCondition};
use alloy_op_hardforks::{OpHardfork, OpHardforks};
use alloy_primitives::U256;
use op_revm::OpSpecId;

use crate::ChainSpecError;

/// A change of the chain's rules, in the order in which they can activate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Fork {
    /// The base protocol; always active.
    Bedrock,
    /// Deposits are metered and draw from the block's gas.
    Regolith,
    /// Shanghai, and the EIP-1559 denominator of Canyon.
    Canyon,
    /// Span batches; no effect on execution.
    Delta,
    /// Cancun without blobs, L1 fee scalars.
    Ecotone,
    /// FastLZ L1 fee, P256VERIFY.
    Fjord,
    /// Limit on the pairing precompile.
    Granite,
    /// EIP-1559 parameters in the extra data.
    Holocene,
    /// Prague, withdrawals root of the message passer, operator fee.
    Isthmus,
    /// Minimum base fee, DA footprint, new operator fee formula.
    Jovian,
    /// Osaka subset, 300 pairings, transaction gas cap.
    Karst,
    /// The chain's own fork: attestation and settlement precompiles.
    Attestation,
}

impl Fork {
    /// Every fork, in order.
    pub const ALL: [Self; 12] = [
        Self::Bedrock,
        Self::Regolith,
        Self::Canyon,
        Self::Delta,
        Self::Ecotone,
        Self::Fjord,
        Self::Granite,
        Self::Holocene,
        Self::Isthmus,
        Self::Jovian,
        Self::Karst,
        Self::Attestation,
    ];

    /// Name in lower case, as in chain files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bedrock => "bedrock",
            Self::Regolith => "regolith",
            Self::Canyon => "canyon",
            Self::Delta => "delta",
            Self::Ecotone => "ecotone",
            Self::Fjord => "fjord",
            Self::Granite => "granite",
            Self::Holocene => "holocene",
            Self::Isthmus => "isthmus",
            Self::Jovian => "jovian",
            Self::Karst => "karst",
            Self::Attestation => "attestation",
        }
    }

    /// The fork that must be active before this one.
    pub fn predecessor(self) -> Option<Self> {
        Self::ALL[..self as usize].last().copied()
    }
}

impl fmt::Display for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A named set of forks that are active from genesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Up to Isthmus: published kona crates can verify the chain.
    Isthmus,
    /// Up to Jovian.
    Jovian,
    /// Up to Karst, and `attestation`: production.
    Karst,
}

impl Profile {
    /// The newest fork of the profile.
    pub const fn newest(self) -> Fork {
        match self {
            Self::Isthmus => Fork::Isthmus,
            Self::Jovian => Fork::Jovian,
            Self::Karst => Fork::Attestation,
        }
    }
}

impl std::str::FromStr for Profile {
    type Err = ChainSpecError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "isthmus" => Ok(Self::Isthmus),
            "jovian" => Ok(Self::Jovian),
            "karst" => Ok(Self::Karst),
            _ => Err(ChainSpecError::invalid(
                "profile",
                format!("{name:?} is not isthmus, jovian or karst"),
            )),
        }
    }
}

/// Activation times. A fork is never active before its predecessor; Interop is never active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forks {
    /// By position in [`Fork::ALL`].
    times: [Option<u64>; Fork::ALL.len()],
}

impl Forks {
    /// Only Bedrock.
    pub const BEDROCK: Self = {
        let mut times = [None; Fork::ALL.len()];
        times[0] = Some(0);
        Self { times }
    };

    /// Takes activation times; Bedrock is active from the start and need not be named.
    ///
    /// The error names the fork that would be active before its predecessor, as a chain file
    /// spells it.
    pub fn new(activations: impl IntoIterator<Item = (Fork, u64)>) -> Result<Self, ChainSpecError> {
        Self::ordered(activations)
            .map_err(|(fork, reason)| ChainSpecError::invalid(format!("forks.{fork}_time"), reason))
    }

    /// [`Forks::new`] for callers that spell forks in their own way.
    pub(crate) fn ordered(
        activations: impl IntoIterator<Item = (Fork, u64)>,
    ) -> Result<Self, (Fork, String)> {
        let mut forks = Self::BEDROCK;
        for (fork, time) in activations {
            forks.times[fork as usize] = Some(time);
        }
        if forks.times[0] != Some(0) {
            return Err((Fork::Bedrock, "must be 0".to_owned()));
        }
        for fork in Fork::ALL {
            let (Some(time), Some(before)) = (forks.time(fork), fork.predecessor()) else {
                continue;
            };
            let reason = match forks.time(before) {
                Some(earlier) if earlier <= time => continue,
                Some(earlier) => format!("{time} is before {before} ({earlier})"),
                None => format!("set while {before}, its predecessor, is not"),
            };
            return Err((fork, reason));
        }
        Ok(forks)
    }

    /// The forks of a profile, all from genesis.
    pub fn profile(profile: Profile) -> Self {
        let mut forks = Self::BEDROCK;
        forks.times[..=profile.newest() as usize].fill(Some(0));
        forks
    }

    /// When a fork activates; `None` if it never does.
    pub const fn time(&self, fork: Fork) -> Option<u64> {
        self.times[fork as usize]
    }

    /// Whether a fork's rules hold for a block of this timestamp.
    pub const fn is_active(&self, fork: Fork, timestamp: u64) -> bool {
        match self.time(fork) {
            Some(time) => time <= timestamp,
            None => false,
        }
    }

    /// Whether the chain's own precompiles are active.
    pub const fn is_attestation_active(&self, timestamp: u64) -> bool {
        self.is_active(Fork::Attestation, timestamp)
    }

    /// The newest active fork of the OP stack (never [`Fork::Attestation`]).
    pub fn newest(&self, timestamp: u64) -> Fork {
        Fork::ALL[..=Fork::Karst as usize]
            .iter()
            .rev()
            .copied()
            .find(|fork| self.is_active(*fork, timestamp))
            .unwrap_or(Fork::Bedrock)
    }

    /// The EVM rules of a block of this timestamp.
    pub fn op_spec_id(&self, timestamp: u64) -> OpSpecId {
        match self.newest(timestamp) {
            Fork::Bedrock => OpSpecId::BEDROCK,
            Fork::Regolith => OpSpecId::REGOLITH,
            Fork::Canyon | Fork::Delta => OpSpecId::CANYON,
            Fork::Ecotone => OpSpecId::ECOTONE,
            Fork::Fjord => OpSpecId::FJORD,
            Fork::Granite => OpSpecId::GRANITE,
            Fork::Holocene => OpSpecId::HOLOCENE,
            Fork::Isthmus => OpSpecId::ISTHMUS,
            Fork::Jovian => OpSpecId::JOVIAN,
            Fork::Karst | Fork::Attestation => OpSpecId::KARST,
        }
    }

    fn condition(&self, fork: Fork) -> ForkCondition {
        self.time(fork).map_or(ForkCondition::Never, ForkCondition::Timestamp)
    }
}

impl EthereumHardforks for Forks {
    fn ethereum_fork_activation(&self, fork: EthereumHardfork) -> ForkCondition {
        match fork {
            EthereumHardfork::Frontier
            | EthereumHardfork::Homestead
            | EthereumHardfork::Tangerine
            | EthereumHardfork::SpuriousDragon
            | EthereumHardfork::Byzantium
            | EthereumHardfork::Constantinople
            | EthereumHardfork::Petersburg
            | EthereumHardfork::Istanbul
            | EthereumHardfork::MuirGlacier
            | EthereumHardfork::Berlin
            | EthereumHardfork::London
            | EthereumHardfork::ArrowGlacier
            | EthereumHardfork::GrayGlacier => ForkCondition::ZERO_BLOCK,
            EthereumHardfork::Paris => ForkCondition::TTD {
                activation_block_number: 0,
                fork_block: Some(0),
                total_difficulty: U256::ZERO,
            },
            EthereumHardfork::Shanghai => self.condition(Fork::Canyon),
            EthereumHardfork::Cancun => self.condition(Fork::Ecotone),
            EthereumHardfork::Prague => self.condition(Fork::Isthmus),
            EthereumHardfork::Osaka => self.condition(Fork::Karst),
            // The DAO fork, L1's blob parameter forks and what comes after Osaka.
            _ => ForkCondition::Never,
        }
    }
}

impl OpHardforks for Forks {
    fn op_fork_activation(&self, fork: OpHardfork) -> ForkCondition {
        match fork {
            OpHardfork::Bedrock => ForkCondition::ZERO_BLOCK,
            OpHardfork::Regolith => self.condition(Fork::Regolith),
            OpHardfork::Canyon => self.condition(Fork::Canyon),
            OpHardfork::Ecotone => self.condition(Fork::Ecotone),
            OpHardfork::Fjord => self.condition(Fork::Fjord),
            OpHardfork::Granite => self.condition(Fork::Granite),
            OpHardfork::Holocene => self.condition(Fork::Holocene),
            OpHardfork::Isthmus => self.condition(Fork::Isthmus),
            OpHardfork::Jovian => self.condition(Fork::Jovian),
            OpHardfork::Karst => self.condition(Fork::Karst),
            // Interop would replace Karst's EVM rules by older ones.
            _ => ForkCondition::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(activations: &[(Fork, u64)]) -> String {
        Forks::new(activations.iter().copied()).expect_err("invalid order").to_string()
    }

    #[test]
    fn profiles_end_where_their_name_says() {
        for (profile, newest, spec) in [
            (Profile::Isthmus, Fork::Isthmus, OpSpecId::ISTHMUS),
            (Profile::Jovian, Fork::Jovian, OpSpecId::JOVIAN),
            (Profile::Karst, Fork::Karst, OpSpecId::KARST),
        ] {
            let forks = Forks::profile(profile);
            assert_eq!(forks.newest(0), newest);
            assert_eq!(forks.op_spec_id(0), spec);
            assert_eq!(forks.op_spec_id(u64::MAX), spec);
            assert_eq!(forks.is_attestation_active(0), profile == Profile::Karst);
            for fork in Fork::ALL {
                assert_eq!(forks.is_active(fork, 0), fork <= profile.newest(), "{fork}");
            }
        }
    }

    #[test]
    fn a_fork_is_active_from_its_own_second_on() {
        let forks = Forks::new([(Fork::Regolith, 5), (Fork::Canyon, 9)]).expect("ordered");
        assert_eq!(forks.op_spec_id(4), OpSpecId::BEDROCK);
        assert_eq!(forks.op_spec_id(5), OpSpecId::REGOLITH);
        assert_eq!(forks.op_spec_id(8), OpSpecId::REGOLITH);
        assert_eq!(forks.op_spec_id(9), OpSpecId::CANYON);
    }

    #[test]
    fn names_the_fork_that_is_before_its_predecessor() {
        assert_eq!(
            message(&[(Fork::Regolith, 5), (Fork::Canyon, 4)]),
            "forks.canyon_time: 4 is before regolith (5)"
        );
        assert_eq!(
            message(&[(Fork::Canyon, 4)]),
            "forks.canyon_time: set while regolith, its predecessor, is not"
        );
        assert_eq!(message(&[(Fork::Bedrock, 1)]), "forks.bedrock_time: must be 0");
    }

    #[test]
    fn agrees_with_the_traits_of_the_libraries() {
        let mut activations = Vec::new();
        for (i, fork) in (0u64..).zip(&Fork::ALL[1..]) {
            activations.push((*fork, 10 * (i + 1)));
            let forks = Forks::new(activations.iter().copied()).expect("ordered");
            for timestamp in 0..=130 {
                let spec = forks.op_spec_id(timestamp);
                let at = |op| forks.op_fork_activation(op).active_at_timestamp(timestamp);
                assert_eq!(at(OpHardfork::Regolith), OpSpecId::REGOLITH as u8 <= spec as u8);
                assert_eq!(at(OpHardfork::Canyon), OpSpecId::CANYON as u8 <= spec as u8);
                assert_eq!(at(OpHardfork::Ecotone), OpSpecId::ECOTONE as u8 <= spec as u8);
                assert_eq!(at(OpHardfork::Fjord), OpSpecId::FJORD as u8 <= spec as u8);
                assert_eq!(at(OpHardfork::Granite), OpSpecId::GRANITE as u8 <= spec as u8);
                assert_eq!(at(OpHardfork::Holocene), OpSpecId::HOLOCENE as u8 <= spec as u8);
                assert_eq!(at(OpHardfork::Isthmus), OpSpecId::ISTHMUS as u8 <= spec as u8);
                assert_eq!(at(OpHardfork::Jovian), OpSpecId::JOVIAN as u8 <= spec as u8);
                assert_eq!(at(OpHardfork::Karst), OpSpecId::KARST as u8 <= spec as u8);
                assert!(!at(OpHardfork::Interop));
                assert_eq!(
                    forks.is_shanghai_active_at_timestamp(timestamp),
                    at(OpHardfork::Canyon)
                );
                assert_eq!(forks.is_cancun_active_at_timestamp(timestamp), at(OpHardfork::Ecotone));
                assert_eq!(forks.is_prague_active_at_timestamp(timestamp), at(OpHardfork::Isthmus));
                assert_eq!(forks.is_osaka_active_at_timestamp(timestamp), at(OpHardfork::Karst));
                assert!(!forks.is_amsterdam_active_at_timestamp(timestamp));
            }
        }
        let forks = Forks::BEDROCK;
        assert!(forks.is_bedrock_active_at_block(0));
        assert!(forks.is_london_active_at_block(0));
        assert!(forks.is_paris_active_at_block(0));
    }
}
