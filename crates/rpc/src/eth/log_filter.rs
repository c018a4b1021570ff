use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{Address, B256, Log};
use serde::Deserialize;

use crate::RpcError;

/// Addresses, and values for one topic, that a filter may name.
const ALTERNATIVES_MAX: usize = 1_000;

/// Which logs somebody wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogFilter {
    pub(crate) blocks: FilterBlocks,
    /// Any address if empty. Sorted.
    pub(crate) addresses: Vec<Address>,
    /// For each topic the values it may have, sorted; any if empty.
    pub(crate) topics: Vec<Vec<B256>>,
}

/// In which blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FilterBlocks {
    /// From here to there, both included; the latest block where nothing is named.
    Range { from: Option<BlockNumberOrTag>, to: Option<BlockNumberOrTag> },
    /// One block, canonical or not.
    Hash(B256),
}

impl Default for FilterBlocks {
    fn default() -> Self {
        Self::Range { from: None, to: None }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LogFilterObject {
    from_block: Option<BlockNumberOrTag>,
    to_block: Option<BlockNumberOrTag>,
    block_hash: Option<B256>,
    address: Option<OneOrMany<Address>>,
    topics: Option<Vec<Option<OneOrMany<Option<B256>>>>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(value) => vec![value],
            Self::Many(values) => values,
        }
    }
}

impl TryFrom<LogFilterObject> for LogFilter {
    type Error = RpcError;

    fn try_from(object: LogFilterObject) -> Result<Self, RpcError> {
        let blocks = match (object.block_hash, object.from_block, object.to_block) {
            (Some(hash), None, None) => FilterBlocks::Hash(hash),
            (Some(_), ..) => {
                return Err(RpcError::InvalidParams(
                    "cannot specify both blockHash and fromBlock/toBlock, choose one or the other"
                        .into(),
                ));
            }
            (None, from, to) => FilterBlocks::Range { from, to },
        };
        let mut addresses = object.address.map(OneOrMany::into_vec).unwrap_or_default();
        check_alternatives("number of addresses", addresses.len())?;
        addresses.sort_unstable();
        let topics = object.topics.unwrap_or_default();
        if topics.len() > 4 {
            return Err(RpcError::InvalidParams("a log has at most four topics".into()));
        }
        let topics = topics.into_iter().map(|topic| {
            let values = topic.map(OneOrMany::into_vec).unwrap_or_default();
            check_alternatives("number of topics", values.len())?;
            // One `null` among alternatives stands for any value.
            let mut values = values.into_iter().collect::<Option<Vec<_>>>().unwrap_or_default();
            values.sort_unstable();
            Ok(values)
        });
        let topics = topics.collect::<Result<_, RpcError>>()?;
        Ok(Self { blocks, addresses, topics })
    }
}

fn check_alternatives(what: &'static str, count: usize) -> Result<(), RpcError> {
    if count > ALTERNATIVES_MAX {
        return Err(RpcError::Limit { what, limit: ALTERNATIVES_MAX as u64 });
    }
    Ok(())
}

impl LogFilter {
    /// Whether a log is wanted, whatever block it is in.
    pub(crate) fn matches(&self, log: &Log) -> bool {
        let topics = log.data.topics();
        (self.addresses.is_empty() || self.addresses.binary_search(&log.address).is_ok())
            && self.topics.iter().enumerate().all(|(place, wanted)| {
                // An empty place still asks for the topic to be there.
                topics
                    .get(place)
                    .is_some_and(|topic| wanted.is_empty() || wanted.binary_search(topic).is_ok())
            })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests: a panic is the failure.
mod tests {
    use alloy_primitives::{Bytes, LogData};

    use super::*;

    fn filter(json: serde_json::Value) -> Result<LogFilter, RpcError> {
        serde_json::from_value::<LogFilterObject>(json).unwrap().try_into()
    }

    fn log(address: u8, topics: &[u8]) -> Log {
        let topics = topics.iter().copied().map(B256::repeat_byte).collect();
        let data = LogData::new_unchecked(topics, Bytes::new());
        Log { address: Address::repeat_byte(address), data }
    }

    #[test]
    fn selects_by_address_and_topics() {
        let topic = B256::repeat_byte;
        let any = filter(serde_json::json!({})).unwrap();
        assert!(any.matches(&log(1, &[])) && any.matches(&log(2, &[1, 2, 3, 4])));
        let one = filter(serde_json::json!({"address": Address::repeat_byte(1)})).unwrap();
        assert!(one.matches(&log(1, &[9])) && !one.matches(&log(2, &[9])));
        let two = filter(serde_json::json!({"topics": [null, [topic(5), topic(4)]]})).unwrap();
        assert!(two.matches(&log(1, &[1, 4])) && two.matches(&log(1, &[1, 5, 6])));
        assert!(!two.matches(&log(1, &[4])) && !two.matches(&log(1, &[4, 1])));
        for wildcard in [serde_json::json!([[], topic(2)]), serde_json::json!([[null], topic(2)])] {
            let filter = filter(serde_json::json!({ "topics": wildcard })).unwrap();
            assert!(filter.matches(&log(1, &[7, 2])) && !filter.matches(&log(1, &[2])));
        }
        let three = filter(serde_json::json!({"topics": [null, null, null]})).unwrap();
        assert!(three.matches(&log(1, &[1, 2, 3])) && !three.matches(&log(1, &[1, 2])));
    }

    #[test]
    fn refuses_contradictions_and_excess() {
        let both = serde_json::json!({"blockHash": B256::ZERO, "fromBlock": "0x1"});
        assert_eq!(filter(both).unwrap_err().code(), -32602);
        let five = serde_json::json!({"topics": [null, null, null, null, null]});
        assert_eq!(filter(five).unwrap_err().code(), -32602);
        let many = vec![Address::ZERO; ALTERNATIVES_MAX + 1];
        assert_eq!(filter(serde_json::json!({"address": many})).unwrap_err().code(), -32005);
        let many = vec![B256::ZERO; ALTERNATIVES_MAX + 1];
        assert_eq!(filter(serde_json::json!({"topics": [many]})).unwrap_err().code(), -32005);
    }
}
