use alloy_primitives::{Address, U256};
use serde::Deserialize;

use crate::{ChainSpecError, addresses, quantity::deserialize_wei};

const DAY_SECS: u32 = 86_400;

// Limits of the contracts, which their setters keep to: a genesis must not start beyond them.
const LOOSENING_DELAY_SECS_MAX: u32 = 30 * DAY_SECS;
const MAX_AGE_SECS_MAX: u32 = 7 * DAY_SECS;
/// 6 is a revoked platform, which is always refused; 7 is not used.
const TCB_STATUSES: [u8; 8] = [0, 1, 2, 3, 4, 5, 8, 9];
const EXIT_DELAY_SECS_MIN: u32 = 7 * DAY_SECS;
const EXIT_DELAY_SECS_MAX: u32 = 60 * DAY_SECS;
const FEE_BPS_MAX: u16 = 1_000;
const MISSED_BPS_MAX: u16 = 5_000;
const ARBITER_TIMEOUT_SECS_MIN: u32 = DAY_SECS;
const ARBITER_TIMEOUT_SECS_MAX: u32 = 30 * DAY_SECS;
const PRICE_CAP_BITS: usize = 96;
/// A worker has up to 8 GPUs and a bond of 128 bits.
const BOND_BITS: usize = 125;

/// What attestation and GPU job settlement start with; their owner can change it later.
///
/// Without it a chain has no such predeploys.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttestationParams {
    /// Owner of policy, worker registry and settlement.
    pub owner: Address,
    /// May tighten the policy and stop workers at once.
    pub guardian: Option<Address>,
    /// Decides disputes about jobs.
    pub arbiter: Address,
    /// Receives fees, and half of what liars lose.
    pub treasury: Address,
    /// ERC-20 of bonds and escrow; PHA unless named.
    #[serde(default = "pha")]
    pub token: Address,
    /// Seconds from the announcement of a looser rule to its effect.
    pub loosening_delay_secs: u32,
    /// Seconds an attestation counts.
    pub max_age_secs: u32,
    /// Lowest TCB evaluation data number of collateral.
    #[serde(default)]
    pub min_eval_data_number: u32,
    /// TCB statuses that are accepted, by their numbers in `TDX_VERIFY`; 0 is `UpToDate`.
    pub tcb_statuses: Vec<u8>,
    /// Whether only platforms on the policy's list may work.
    pub platform_list_required: bool,
    /// What a worker locks for each GPU, by class; a class without an entry is closed.
    pub bonds: Vec<ClassBond>,
    /// Seconds from a worker's retirement to its bond.
    pub exit_delay_secs: u32,
    /// Of what a worker is paid, to the treasury; hundredths of a percent.
    pub fee_bps: u16,
    /// Of a job's price, from the bond to the client if no receipt comes; hundredths of a percent.
    pub missed_bps: u16,
    /// Seconds the arbiter has to decide.
    pub arbiter_timeout_secs: u32,
    /// Highest price of one job, in the token's smallest unit.
    #[serde(deserialize_with = "deserialize_wei")]
    pub price_cap: U256,
}

/// A class of GPUs and what is locked for one of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassBond {
    /// 1 H100, 2 H200, 3 B200.
    pub gpu_class: u16,
    /// In the token's smallest unit.
    #[serde(deserialize_with = "deserialize_wei")]
    pub per_gpu: U256,
}

const fn pha() -> Address {
    addresses::PHA
}

impl AttestationParams {
    /// Whether the contracts would take these values from their owner.
    pub(crate) fn validate(&self) -> Result<(), ChainSpecError> {
        let invalid = |key: &str, reason: String| {
            Err(ChainSpecError::invalid(format!("attestation.{key}"), reason))
        };
        for (key, address) in [
            ("owner", self.owner),
            ("arbiter", self.arbiter),
            ("treasury", self.treasury),
            ("token", self.token),
        ] {
            if address.is_zero() {
                return invalid(key, "must not be the zero address".to_owned());
            }
        }
        let ranges = [
            ("loosening_delay_secs", self.loosening_delay_secs, 0, LOOSENING_DELAY_SECS_MAX),
            ("max_age_secs", self.max_age_secs, 1, MAX_AGE_SECS_MAX),
            ("exit_delay_secs", self.exit_delay_secs, EXIT_DELAY_SECS_MIN, EXIT_DELAY_SECS_MAX),
            ("fee_bps", self.fee_bps.into(), 0, FEE_BPS_MAX.into()),
            ("missed_bps", self.missed_bps.into(), 0, MISSED_BPS_MAX.into()),
            (
                "arbiter_timeout_secs",
                self.arbiter_timeout_secs,
                ARBITER_TIMEOUT_SECS_MIN,
                ARBITER_TIMEOUT_SECS_MAX,
            ),
        ];
        for (key, value, min, max) in ranges {
            if !(min..=max).contains(&value) {
                return invalid(key, format!("{value} is not within {min} to {max}"));
            }
        }
        if let Some(status) = self.tcb_statuses.iter().find(|status| !TCB_STATUSES.contains(status))
        {
            return invalid("tcb_statuses", format!("{status} is no status that can be accepted"));
        }
        if self.price_cap.bit_len() > PRICE_CAP_BITS {
            return invalid(
                "price_cap",
                format!("{} exceeds {PRICE_CAP_BITS} bits", self.price_cap),
            );
        }
        self.validate_bonds().or_else(|reason| invalid("bonds", reason))
    }

    fn validate_bonds(&self) -> Result<(), String> {
        for (index, bond) in self.bonds.iter().enumerate() {
            let class = bond.gpu_class;
            if class == 0 {
                return Err("class 0 is no class".to_owned());
            }
            if bond.per_gpu.is_zero() || bond.per_gpu.bit_len() > BOND_BITS {
                let (amount, bits) = (bond.per_gpu, BOND_BITS);
                return Err(format!("{amount} for class {class} is 0 or exceeds {bits} bits"));
            }
            if self.bonds.iter().take(index).any(|earlier| earlier.gpu_class == class) {
                return Err(format!("class {class} occurs twice"));
            }
        }
        Ok(())
    }
}
