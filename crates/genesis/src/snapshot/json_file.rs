use super::{
    Format, SnapshotError, input::Stream, json::JsonReader, open::Contents, raw_spec,
    rpc_dump::RpcDump, sorter::Sorter,
};

/// Reads a raw chain spec, or whatever answers of a node one after the other.
pub(crate) fn read(stream: Stream, mut sorter: Sorter) -> Result<Contents, SnapshotError> {
    let mut json = JsonReader::new(stream);
    let mut dump = RpcDump::default();
    let mut has_spec = false;
    let mut documents = 0u64;
    while let Some(start) = json.peek()? {
        if has_spec {
            return Err(json.malformed("something after the chain spec"));
        }
        documents += 1;
        if start == b'[' {
            dump.read_array(&mut json, &mut sorter)?;
            continue;
        }
        let mut members = json.object()?;
        while json.more(&mut members)? {
            match json.name()?.as_str() {
                "genesis" if has_spec || documents > 1 => {
                    return Err(json.malformed("a second genesis, or one among answers of a node"));
                }
                "genesis" => {
                    raw_spec::read_genesis(&mut json, &mut sorter)?;
                    has_spec = true;
                }
                name => dump.read_member(name, &mut json, &mut sorter)?,
            }
        }
    }
    if has_spec == dump.has_values() {
        return Err(json.malformed(if has_spec {
            "a chain spec with answers of a node in it"
        } else {
            "neither a raw genesis nor pairs of a state"
        }));
    }
    let (format, block_hash) =
        if has_spec { (Format::RawSpec, None) } else { (Format::RpcDump, dump.block_hash()) };
    Ok(Contents { format, store: sorter.finish()?, header: None, block_hash, trie: None })
}
