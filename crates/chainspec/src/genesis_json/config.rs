use std::{collections::BTreeMap, fmt};

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::{BaseFeeParams, ChainSpecError, Fork, Forks, quantity::Quantity};

/// The `config` object: chain id, fork times and the `optimism` constants.
#[derive(Debug, Default)]
pub(super) struct ConfigFields {
    pub(super) chain_id: Option<u64>,
    bedrock_block: Option<u64>,
    optimism: Option<OptimismFields>,
    /// Every other `...Time` that is not null, by key.
    times: BTreeMap<String, u64>,
}

/// The `config.optimism` object.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OptimismFields {
    eip1559_elasticity: Option<Quantity<u32>>,
    eip1559_denominator: Option<Quantity<u32>>,
    eip1559_denominator_canyon: Option<Quantity<u32>>,
}

impl ConfigFields {
    pub(super) fn forks(&self) -> Result<Forks, ChainSpecError> {
        match self.bedrock_block {
            Some(0) => {}
            Some(block) => {
                return Err(ChainSpecError::invalid(
                    "config.bedrockBlock",
                    format!("{block} is not 0: the chain must start with Bedrock"),
                ));
            }
            None => return Err(ChainSpecError::MissingKey("config.bedrockBlock")),
        }
        let mut activations: BTreeMap<Fork, u64> = BTreeMap::new();
        for (key, time) in &self.times {
            match Fork::ALL[1..].iter().find(|fork| json_key(**fork) == *key) {
                Some(fork) => {
                    activations.insert(*fork, *time);
                }
                None => self.check_l1_twin(key, *time)?,
            }
        }
        // Execution clients do not know Delta; it changes nothing for them.
        if let Some(ecotone) = activations.get(&Fork::Ecotone).copied() {
            activations.entry(Fork::Delta).or_insert(ecotone);
        }
        Forks::ordered(activations).map_err(|(fork, reason)| {
            let key = match json_key(fork) {
                // Filled in above: the file's key is Ecotone's.
                "deltaTime" if !self.times.contains_key("deltaTime") => json_key(Fork::Ecotone),
                key => key,
            };
            ChainSpecError::invalid(format!("config.{key}"), reason)
        })
    }

    /// An L1 fork time must be that of the OP fork that brings it; others are not known here.
    fn check_l1_twin(&self, key: &str, time: u64) -> Result<(), ChainSpecError> {
        let twin = match key {
            "shanghaiTime" => Fork::Canyon,
            "cancunTime" => Fork::Ecotone,
            "pragueTime" => Fork::Isthmus,
            "osakaTime" => Fork::Karst,
            _ => {
                return Err(ChainSpecError::invalid(
                    format!("config.{key}"),
                    "this fork is not supported",
                ));
            }
        };
        let twin_key = json_key(twin);
        match self.times.get(twin_key) {
            Some(twin_time) if *twin_time == time => Ok(()),
            Some(twin_time) => Err(ChainSpecError::invalid(
                format!("config.{key}"),
                format!("{time} differs from {twin_key} ({twin_time})"),
            )),
            None => Err(ChainSpecError::invalid(
                format!("config.{key}"),
                format!("set while {twin_key} is not"),
            )),
        }
    }

    pub(super) fn fees(&self, forks: &Forks) -> Result<BaseFeeParams, ChainSpecError> {
        let optimism = self.optimism.ok_or(ChainSpecError::MissingKey("config.optimism"))?;
        let required = |value: Option<Quantity<u32>>, key| {
            value.map(|Quantity(value)| value).ok_or(ChainSpecError::MissingKey(key))
        };
        let denominator =
            required(optimism.eip1559_denominator, "config.optimism.eip1559Denominator")?;
        let denominator_canyon = match optimism.eip1559_denominator_canyon {
            None if forks.time(Fork::Canyon).is_none() => denominator,
            canyon => required(canyon, "config.optimism.eip1559DenominatorCanyon")?,
        };
        let elasticity =
            required(optimism.eip1559_elasticity, "config.optimism.eip1559Elasticity")?;
        Ok(BaseFeeParams { elasticity, denominator, denominator_canyon })
    }
}

/// Key of a fork's time in `config`.
pub(super) const fn json_key(fork: Fork) -> &'static str {
    match fork {
        Fork::Bedrock => "bedrockBlock",
        Fork::Regolith => "regolithTime",
        Fork::Canyon => "canyonTime",
        Fork::Delta => "deltaTime",
        Fork::Ecotone => "ecotoneTime",
        Fork::Fjord => "fjordTime",
        Fork::Granite => "graniteTime",
        Fork::Holocene => "holoceneTime",
        Fork::Isthmus => "isthmusTime",
        Fork::Jovian => "jovianTime",
        Fork::Karst => "karstTime",
        Fork::Attestation => "attestationTime",
    }
}

impl<'de> Deserialize<'de> for ConfigFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ConfigVisitor)
    }
}

struct ConfigVisitor;

impl<'de> Visitor<'de> for ConfigVisitor {
    type Value = ConfigFields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a chain configuration")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ConfigFields, A::Error> {
        let mut config = ConfigFields::default();
        while let Some(key) = map.next_key::<String>()? {
            let in_key = |error: A::Error| de::Error::custom(format_args!("config.{key}: {error}"));
            match key.as_str() {
                "chainId" => {
                    config.chain_id = map.next_value().map(unwrap_quantity).map_err(in_key)?;
                }
                "bedrockBlock" => {
                    config.bedrock_block = map.next_value().map(unwrap_quantity).map_err(in_key)?;
                }
                "optimism" => config.optimism = map.next_value().map_err(in_key)?,
                _ if key.ends_with("Time") => {
                    let time = map.next_value().map(unwrap_quantity).map_err(in_key)?;
                    config.times.extend(time.map(|time| (key, time)));
                }
                // Bedrock at block 0 has all of Ethereum's block-numbered forks; anything else
                // would be a chain with a past from before Bedrock.
                _ if key.ends_with("Block") => {
                    let block: Option<u64> =
                        map.next_value().map(unwrap_quantity).map_err(in_key)?;
                    if block.is_some_and(|block| block != 0) {
                        return Err(de::Error::custom(format_args!(
                            "config.{key}: must be 0, the chain must start with Bedrock"
                        )));
                    }
                }
                // Terminal difficulty, deposit contract, blob schedule and the like.
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(config)
    }
}

fn unwrap_quantity(quantity: Option<Quantity<u64>>) -> Option<u64> {
    quantity.map(|Quantity(value)| value)
}
