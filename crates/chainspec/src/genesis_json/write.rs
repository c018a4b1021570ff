use std::io;

use alloy_primitives::{Address, B256, Bytes};
use serde::{
    Serialize, Serializer,
    ser::{Error as _, SerializeMap},
};

use super::config::json_key;
use crate::{ChainSpec, ChainSpecError, Fork, GenesisAccount, quantity::Quantity};

/// Writes the genesis as geth, op-geth and op-reth read it, account by account.
pub fn write_genesis_json(spec: &ChainSpec, writer: impl io::Write) -> Result<(), ChainSpecError> {
    Ok(serde_json::to_writer_pretty(writer, &GenesisOut(spec))?)
}

/// The same as a value in memory.
pub(crate) fn to_value(spec: &ChainSpec) -> serde_json::Value {
    serde_json::to_value(GenesisOut(spec))
        .expect("a genesis has only string keys and finite numbers")
}

struct GenesisOut<'a>(&'a ChainSpec);

impl Serialize for GenesisOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let genesis = &self.0.genesis;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("config", &ConfigOut(self.0))?;
        map.serialize_entry("nonce", &Quantity(genesis.nonce))?;
        map.serialize_entry("timestamp", &Quantity(genesis.timestamp))?;
        map.serialize_entry("extraData", &genesis.extra_data)?;
        map.serialize_entry("gasLimit", &Quantity(genesis.gas_limit))?;
        map.serialize_entry("difficulty", &Quantity(genesis.difficulty))?;
        map.serialize_entry("mixHash", &genesis.mix_hash)?;
        map.serialize_entry("coinbase", &genesis.coinbase)?;
        map.serialize_entry("alloc", &AllocOut(self.0))?;
        map.serialize_entry("number", &Quantity(genesis.number))?;
        map.serialize_entry("gasUsed", &Quantity(genesis.gas_used))?;
        map.serialize_entry("parentHash", &genesis.parent_hash)?;
        map.serialize_entry("baseFeePerGas", &Quantity(genesis.base_fee_per_gas))?;
        if self.0.is_fork_active(Fork::Ecotone, genesis.timestamp) {
            map.serialize_entry("excessBlobGas", &Quantity(genesis.excess_blob_gas))?;
            map.serialize_entry("blobGasUsed", &Quantity(genesis.blob_gas_used))?;
        }
        map.end()
    }
}

struct ConfigOut<'a>(&'a ChainSpec);

impl Serialize for ConfigOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// Forks by block number: all are part of Bedrock.
        const BLOCKS: [&str; 14] = [
            "homesteadBlock",
            "eip150Block",
            "eip155Block",
            "eip158Block",
            "byzantiumBlock",
            "constantinopleBlock",
            "petersburgBlock",
            "istanbulBlock",
            "muirGlacierBlock",
            "berlinBlock",
            "londonBlock",
            "arrowGlacierBlock",
            "grayGlacierBlock",
            "mergeNetsplitBlock",
        ];
        /// L1 forks and what brings them here. Osaka has no key: Karst takes only a part of it.
        const L1_TWINS: [(&str, Fork); 3] = [
            ("shanghaiTime", Fork::Canyon),
            ("cancunTime", Fork::Ecotone),
            ("pragueTime", Fork::Isthmus),
        ];
        let forks = &self.0.forks;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("chainId", &self.0.chain_id)?;
        for key in BLOCKS {
            map.serialize_entry(key, &0)?;
        }
        for (key, twin) in L1_TWINS {
            if let Some(time) = forks.time(twin) {
                map.serialize_entry(key, &time)?;
            }
        }
        map.serialize_entry("bedrockBlock", &0)?;
        for fork in &Fork::ALL[1..] {
            // Others do not know Delta; readers take Ecotone's time for it.
            if *fork == Fork::Delta && forks.time(Fork::Delta) == forks.time(Fork::Ecotone) {
                continue;
            }
            if let Some(time) = forks.time(*fork) {
                map.serialize_entry(json_key(*fork), &time)?;
            }
        }
        map.serialize_entry("terminalTotalDifficulty", &0)?;
        map.serialize_entry("depositContractAddress", &Address::ZERO)?;
        map.serialize_entry("optimism", &OptimismOut(self.0))?;
        map.end()
    }
}

struct OptimismOut<'a>(&'a ChainSpec);

impl Serialize for OptimismOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fees = &self.0.fees;
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("eip1559Elasticity", &fees.elasticity)?;
        map.serialize_entry("eip1559Denominator", &fees.denominator)?;
        map.serialize_entry("eip1559DenominatorCanyon", &fees.denominator_canyon)?;
        map.end()
    }
}

struct AllocOut<'a>(&'a ChainSpec);

impl Serialize for AllocOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let alloc = &self.0.genesis.alloc;
        let mut map = serializer.serialize_map(Some(alloc.len()))?;
        for (address, account) in alloc {
            // Without 0x, as geth writes it.
            let mut hex = [0; 40];
            alloy_primitives::hex::encode_to_slice(address, &mut hex).map_err(S::Error::custom)?;
            let key = std::str::from_utf8(&hex).map_err(S::Error::custom)?;
            map.serialize_entry(key, &AccountOut(account))?;
        }
        map.end()
    }
}

struct AccountOut<'a>(&'a GenesisAccount);

impl Serialize for AccountOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let GenesisAccount { nonce, balance, code, storage } = self.0;
        let mut map = serializer.serialize_map(None)?;
        if !code.is_empty() {
            map.serialize_entry::<_, Bytes>("code", code)?;
        }
        if !storage.is_empty() {
            map.serialize_entry("storage", &StorageOut(storage))?;
        }
        map.serialize_entry("balance", &Quantity(*balance))?;
        if *nonce != 0 {
            map.serialize_entry("nonce", &Quantity(*nonce))?;
        }
        map.end()
    }
}

struct StorageOut<'a>(&'a std::collections::BTreeMap<B256, alloy_primitives::U256>);

impl Serialize for StorageOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(slot, value)| (slot, B256::from(*value))))
    }
}
