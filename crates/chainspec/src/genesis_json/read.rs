use std::{collections::BTreeMap, fmt, io};

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::config::ConfigFields;
use crate::{
    ChainSpec, ChainSpecError, Genesis, GenesisAccount, L1Config,
    quantity::{AddressKey, HexBytes, Quantity, Word},
};

/// `InitialBaseFee` of EIP-1559, what geth takes if a genesis names none.
const DEFAULT_BASE_FEE: u64 = 1_000_000_000;

/// Block time where the file does not say; genesis JSON never does.
const DEFAULT_BLOCK_TIME_SECS: u64 = 2;

type OnAccount<'a> = dyn FnMut(Address, GenesisAccount) -> io::Result<()> + 'a;

/// Reads a geth-style genesis JSON of any fork combination, handing each account of the alloc to
/// `on_account` as it is parsed; the alloc of the result is empty.
///
/// Accounts come in the order of the file, and an address can come twice: the consumer must refuse
/// that. An error of the consumer ends the reading.
pub fn read_genesis_json(
    reader: impl io::Read,
    on_account: &mut OnAccount<'_>,
) -> Result<ChainSpec, ChainSpecError> {
    let mut consumer = Consumer { on_account, error: None };
    let parsed = read_whole(reader, GenesisVisitor(&mut consumer));
    consumer.finish(parsed)?.into_spec()
}

/// Reads the accounts of a JSON file that is an alloc, or has one under `alloc` and nothing else.
pub(crate) fn read_alloc_json(
    reader: impl io::Read,
    on_account: &mut OnAccount<'_>,
) -> Result<(), ChainSpecError> {
    let mut consumer = Consumer { on_account, error: None };
    let parsed = read_whole(reader, AllocFileVisitor(&mut consumer));
    consumer.finish(parsed)
}

fn read_whole<'de, V: Visitor<'de>>(
    reader: impl io::Read,
    visitor: V,
) -> serde_json::Result<V::Value> {
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    let value = deserializer.deserialize_map(visitor)?;
    deserializer.end()?;
    Ok(value)
}

/// Where accounts go, and why it stopped taking them.
struct Consumer<'a, 'b> {
    on_account: &'a mut OnAccount<'b>,
    error: Option<io::Error>,
}

impl Consumer<'_, '_> {
    fn read_account<'de, A: MapAccess<'de>>(
        &mut self,
        address: Address,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let fields: AccountFields = map
            .next_value()
            .map_err(|error| de::Error::custom(format_args!("{address}: {error}")))?;
        (self.on_account)(address, fields.into()).map_err(|error| {
            self.error = Some(error);
            de::Error::custom("account consumer failed")
        })
    }

    fn finish<T>(self, parsed: serde_json::Result<T>) -> Result<T, ChainSpecError> {
        match self.error {
            Some(error) => Err(ChainSpecError::Consumer(error)),
            None => Ok(parsed?),
        }
    }
}

/// The top-level object without its alloc.
#[derive(Default)]
struct GenesisFields {
    config: Option<ConfigFields>,
    nonce: Option<Quantity<u64>>,
    timestamp: Option<Quantity<u64>>,
    extra_data: Option<HexBytes>,
    gas_limit: Option<Quantity<u64>>,
    difficulty: Option<Quantity<U256>>,
    mix_hash: Option<B256>,
    coinbase: Option<Address>,
    number: Option<Quantity<u64>>,
    gas_used: Option<Quantity<u64>>,
    parent_hash: Option<B256>,
    base_fee_per_gas: Option<Quantity<u64>>,
    blob_gas_used: Option<Quantity<u64>>,
    excess_blob_gas: Option<Quantity<u64>>,
}

impl GenesisFields {
    fn into_spec(self) -> Result<ChainSpec, ChainSpecError> {
        let config = self.config.ok_or(ChainSpecError::MissingKey("config"))?;
        let chain_id = config.chain_id.ok_or(ChainSpecError::MissingKey("config.chainId"))?;
        let forks = config.forks()?;
        let fees = config.fees(&forks)?;
        let number = |field: Option<Quantity<u64>>| field.map_or(0, |Quantity(value)| value);
        let genesis = Genesis {
            nonce: number(self.nonce),
            timestamp: number(self.timestamp),
            extra_data: self.extra_data.map_or_else(Bytes::new, |HexBytes(bytes)| bytes),
            gas_limit: self.gas_limit.ok_or(ChainSpecError::MissingKey("gasLimit"))?.0,
            difficulty: self.difficulty.map_or(U256::ZERO, |Quantity(value)| value),
            mix_hash: self.mix_hash.unwrap_or_default(),
            coinbase: self.coinbase.unwrap_or_default(),
            number: number(self.number),
            gas_used: number(self.gas_used),
            parent_hash: self.parent_hash.unwrap_or_default(),
            base_fee_per_gas: self.base_fee_per_gas.map_or(DEFAULT_BASE_FEE, |Quantity(fee)| fee),
            blob_gas_used: number(self.blob_gas_used),
            excess_blob_gas: number(self.excess_blob_gas),
            alloc: BTreeMap::new(),
        };
        Ok(ChainSpec {
            name: format!("chain-{chain_id}"),
            chain_id,
            l1_chain_id: 0,
            forks,
            fees,
            block_time_secs: DEFAULT_BLOCK_TIME_SECS,
            genesis,
            rollup: None,
            l1: L1Config::default(),
            roles: None,
            dev_accounts: Vec::new(),
            missing: Vec::new(),
        })
    }
}

struct GenesisVisitor<'a, 'b, 'c>(&'a mut Consumer<'b, 'c>);

impl<'de> Visitor<'de> for GenesisVisitor<'_, '_, '_> {
    type Value = GenesisFields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a genesis object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<GenesisFields, A::Error> {
        let mut fields = GenesisFields::default();
        while let Some(key) = map.next_key::<String>()? {
            self.read_field(&key, &mut fields, &mut map)
                .map_err(|error| de::Error::custom(format_args!("{key}: {error}")))?;
        }
        Ok(fields)
    }
}

impl GenesisVisitor<'_, '_, '_> {
    fn read_field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        fields: &mut GenesisFields,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "config" => fields.config = map.next_value()?,
            "alloc" => map.next_value_seed(AllocSeed(self.0))?,
            "nonce" => fields.nonce = map.next_value()?,
            "timestamp" => fields.timestamp = map.next_value()?,
            "extraData" => fields.extra_data = map.next_value()?,
            "gasLimit" => fields.gas_limit = map.next_value()?,
            "difficulty" => fields.difficulty = map.next_value()?,
            "mixHash" | "mixhash" => fields.mix_hash = map.next_value()?,
            "coinbase" => fields.coinbase = map.next_value()?,
            "number" => fields.number = map.next_value()?,
            "gasUsed" => fields.gas_used = map.next_value()?,
            "parentHash" => fields.parent_hash = map.next_value()?,
            "baseFeePerGas" => fields.base_fee_per_gas = map.next_value()?,
            "blobGasUsed" => fields.blob_gas_used = map.next_value()?,
            "excessBlobGas" => fields.excess_blob_gas = map.next_value()?,
            // Header fields of other forks are written as null by tools that know them; with a value
            // they would change the hash.
            _ => {
                if map.next_value::<Option<IgnoredAny>>()?.is_some() {
                    return Err(de::Error::custom("unknown field"));
                }
            }
        }
        Ok(())
    }
}

struct AllocSeed<'a, 'b, 'c>(&'a mut Consumer<'b, 'c>);

impl<'de> DeserializeSeed<'de> for AllocSeed<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for AllocSeed<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("accounts by address")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(AddressKey(address)) = map.next_key()? {
            self.0.read_account(address, &mut map)?;
        }
        Ok(())
    }
}

struct AllocFileVisitor<'a, 'b, 'c>(&'a mut Consumer<'b, 'c>);

impl<'de> Visitor<'de> for AllocFileVisitor<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("accounts by address, or an object with an alloc")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "alloc" {
                map.next_value_seed(AllocSeed(&mut *self.0))?;
                continue;
            }
            let AddressKey(address) = key.parse().map_err(|_| {
                de::Error::custom(format_args!("{key:?} is neither an address nor alloc"))
            })?;
            self.0.read_account(address, &mut map)?;
        }
        Ok(())
    }
}

/// An account as files spell it.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountFields {
    balance: Quantity<U256>,
    #[serde(default)]
    nonce: Option<Quantity<u64>>,
    #[serde(default)]
    code: Option<HexBytes>,
    #[serde(default)]
    storage: Option<StorageFields>,
    /// Keys of test accounts; nothing here uses them.
    #[serde(default, rename = "secretKey")]
    _secret_key: Option<IgnoredAny>,
}

impl From<AccountFields> for GenesisAccount {
    fn from(fields: AccountFields) -> Self {
        Self {
            nonce: fields.nonce.map_or(0, |Quantity(nonce)| nonce),
            balance: fields.balance.0,
            code: fields.code.map_or_else(Bytes::new, |HexBytes(code)| code),
            storage: fields.storage.map_or_else(BTreeMap::new, |StorageFields(storage)| storage),
        }
    }
}

/// Storage without its zero values, which are no entries of the trie.
struct StorageFields(BTreeMap<B256, U256>);

impl<'de> Deserialize<'de> for StorageFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StorageVisitor;

        impl<'de> Visitor<'de> for StorageVisitor {
            type Value = StorageFields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("storage values by slot")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<StorageFields, A::Error> {
                let mut slots = std::collections::BTreeSet::new();
                let mut storage = BTreeMap::new();
                while let Some((Word(slot), Word(value))) = map.next_entry()? {
                    if !slots.insert(slot) {
                        return Err(de::Error::custom(format_args!("slot {slot} occurs twice")));
                    }
                    if !value.is_zero() {
                        storage.insert(slot, value.into());
                    }
                }
                Ok(StorageFields(storage))
            }
        }

        deserializer.deserialize_map(StorageVisitor)
    }
}
