use std::io::BufRead;

use alloy_primitives::B256;

use super::{
    SnapshotError,
    json::JsonReader,
    limits::{KEY_LEN_MAX, VALUE_LEN_MAX},
    sorter::Sorter,
};

/// What a node answers about its state, in any number of documents one after the other:
///
/// - `["0xkey", "0xvalue"]`, as lines of a dump;
/// - `[["0xkey", "0xvalue"], …]`, of `state_getPairs`;
/// - `[{"block": "0x…", "changes": [["0xkey", "0xvalue" or null], …]}]`, of `state_queryStorageAt`;
/// - any of these as `result` of a JSON-RPC response.
#[derive(Debug, Default)]
pub(crate) struct RpcDump {
    block_hash: Option<B256>,
    has_values: bool,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// What a pair may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Null {
    /// A change set has it for keys that do not exist.
    Allowed,
    Refused,
}

impl RpcDump {
    /// Whether the file holds answers, perhaps empty ones.
    pub(crate) fn has_values(&self) -> bool {
        self.has_values
    }

    /// The block of the change sets.
    pub(crate) fn block_hash(&self) -> Option<B256> {
        self.block_hash
    }

    pub(crate) fn read_array<R: BufRead>(
        &mut self,
        json: &mut JsonReader<R>,
        sorter: &mut Sorter,
    ) -> Result<(), SnapshotError> {
        self.has_values = true;
        let mut members = json.array()?;
        if json.peek()? == Some(b'"') {
            return self.read_pair_body(json, &mut members, Null::Refused, sorter);
        }
        while json.more(&mut members)? {
            match json.peek()? {
                Some(b'{') => {
                    let mut fields = json.object()?;
                    while json.more(&mut fields)? {
                        let name = json.name()?;
                        self.read_change_set_member(&name, json, sorter)?;
                    }
                }
                _ => self.read_pair(json, Null::Refused, sorter)?,
            }
        }
        Ok(())
    }

    /// A member of an object on the outermost level: a response or a change set.
    pub(crate) fn read_member<R: BufRead>(
        &mut self,
        name: &str,
        json: &mut JsonReader<R>,
        sorter: &mut Sorter,
    ) -> Result<(), SnapshotError> {
        match name {
            "result" => self.read_array(json, sorter),
            "error" => Err(json.malformed("a response of the node that is an error")),
            "block" | "changes" => self.read_change_set_member(name, json, sorter),
            _ => json.skip(),
        }
    }

    fn read_change_set_member<R: BufRead>(
        &mut self,
        name: &str,
        json: &mut JsonReader<R>,
        sorter: &mut Sorter,
    ) -> Result<(), SnapshotError> {
        match name {
            "block" => self.read_block(json),
            "changes" => {
                self.has_values = true;
                let mut members = json.array()?;
                while json.more(&mut members)? {
                    self.read_pair(json, Null::Allowed, sorter)?;
                }
                Ok(())
            }
            _ => Err(json.malformed(format!("`{name}` in a change set"))),
        }
    }

    fn read_block<R: BufRead>(&mut self, json: &mut JsonReader<R>) -> Result<(), SnapshotError> {
        json.hex(&mut self.value, 32, "a block hash")?;
        let other = B256::try_from(self.value.as_slice())
            .map_err(|_| json.malformed("a block hash that has not 32 bytes"))?;
        match self.block_hash.replace(other) {
            Some(first) if first != other => Err(SnapshotError::TwoBlocks { first, other }),
            _ => Ok(()),
        }
    }

    fn read_pair<R: BufRead>(
        &mut self,
        json: &mut JsonReader<R>,
        null: Null,
        sorter: &mut Sorter,
    ) -> Result<(), SnapshotError> {
        let mut members = json.array()?;
        self.read_pair_body(json, &mut members, null, sorter)
    }

    fn read_pair_body<R: BufRead>(
        &mut self,
        json: &mut JsonReader<R>,
        members: &mut super::json::Members,
        null: Null,
        sorter: &mut Sorter,
    ) -> Result<(), SnapshotError> {
        if !json.more(members)? {
            return Err(json.malformed("a pair without a key"));
        }
        json.hex(&mut self.key, KEY_LEN_MAX, "a key")?;
        if !json.more(members)? {
            return Err(json.malformed("a pair without a value"));
        }
        if null == Null::Refused || !json.null()? {
            json.hex(&mut self.value, VALUE_LEN_MAX, "a value")?;
            sorter.push(None, &self.key, &self.value)?;
        }
        if json.more(members)? {
            return Err(json.malformed("a pair of three"));
        }
        Ok(())
    }
}
