use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_sol_types::SolCall as _;
use op_alloy_consensus::TxDeposit;
use phala_chainspec::user_deposit_source_hash;
use phala_genesis::IOptimismPortal;
use serde_json::Value;

use super::{Call, number_of};

/// A deposit as its sender means it.
#[derive(Clone, Debug)]
pub struct Deposit {
    /// To whom on L2; nobody creates a contract.
    pub to: TxKind,
    /// Wei that go along from L1.
    pub mint: u64,
    /// Wei that arrive.
    pub value: u64,
    /// Gas on L2, which is paid on L1.
    pub gas_limit: u64,
    /// Input on L2.
    pub input: Bytes,
}

impl Deposit {
    /// Ether for somebody.
    pub fn ether(to: Address, value: u64) -> Self {
        Self { to: to.into(), mint: value, value, gas_limit: 100_000, input: Bytes::new() }
    }

    /// The call of the portal, or of a contract that forwards to it.
    pub fn call(&self, portal: Address) -> Call {
        let (to, is_creation) = match self.to {
            TxKind::Call(to) => (to, false),
            TxKind::Create => (Address::ZERO, true),
        };
        let input = IOptimismPortal::depositTransactionCall {
            to,
            value: U256::from(self.value),
            gasLimit: self.gas_limit,
            isCreation: is_creation,
            data: self.input.clone(),
        };
        Call { value: U256::from(self.mint), ..Call::function(portal, input.abi_encode()) }
    }

    /// Hash of its transaction on L2, from the receipt of L1 with one log of the portal.
    pub fn l2_hash(&self, from: Address, portal: Address, receipt: &Value) -> B256 {
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        let logs = receipt["logs"].as_array().expect("logs");
        let address = |log: &&Value| {
            serde_json::from_value::<Address>(log["address"].clone()).expect("an address") == portal
        };
        let log = logs.iter().find(address).unwrap_or_else(|| panic!("no deposit in {receipt}"));
        let block = serde_json::from_value(receipt["blockHash"].clone()).expect("a hash");
        let transaction = TxDeposit {
            source_hash: user_deposit_source_hash(block, number_of(&log["logIndex"])),
            from,
            to: self.to,
            mint: self.mint.into(),
            value: U256::from(self.value),
            gas_limit: self.gas_limit,
            is_system_transaction: false,
            input: self.input.clone(),
        };
        transaction.tx_hash()
    }
}
