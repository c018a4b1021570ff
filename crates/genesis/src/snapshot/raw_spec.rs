use std::io::BufRead;

use super::{
    SnapshotError,
    json::JsonReader,
    limits::{KEY_LEN_MAX, VALUE_LEN_MAX},
    sorter::Sorter,
    store::CHILD_ROOT_PREFIX,
};

/// Reads the member `genesis` of a chain spec, which must hold raw storage. Everything beside it, as
/// `codeSubstitutes`, is not state.
pub(crate) fn read_genesis<R: BufRead>(
    json: &mut JsonReader<R>,
    sorter: &mut Sorter,
) -> Result<(), SnapshotError> {
    let mut has_raw = false;
    let mut members = json.object()?;
    while json.more(&mut members)? {
        match json.name()?.as_str() {
            "raw" if has_raw => return Err(json.malformed("a second raw genesis")),
            "raw" => {
                read_raw(json, sorter)?;
                has_raw = true;
            }
            _ => json.skip()?,
        }
    }
    if has_raw {
        Ok(())
    } else {
        Err(json
            .malformed("the genesis is not raw: export the state, or build the spec with --raw"))
    }
}

/// `{"top": …, "childrenDefault": …}`, or `[top, children]` in old specs.
fn read_raw<R: BufRead>(
    json: &mut JsonReader<R>,
    sorter: &mut Sorter,
) -> Result<(), SnapshotError> {
    if json.peek()? == Some(b'[') {
        let mut parts = json.array()?;
        let mut index = 0;
        while json.more(&mut parts)? {
            match index {
                0 => read_pairs(json, None, sorter)?,
                1 => read_children(json, sorter)?,
                _ => return Err(json.malformed("a raw genesis of more than two parts")),
            }
            index += 1;
        }
        return if index > 0 { Ok(()) } else { Err(json.malformed("an empty raw genesis")) };
    }
    let (mut has_top, mut has_children) = (false, false);
    let mut members = json.object()?;
    while json.more(&mut members)? {
        match json.name()?.as_str() {
            "top" if !has_top => {
                read_pairs(json, None, sorter)?;
                has_top = true;
            }
            "childrenDefault" | "children" if !has_children => {
                read_children(json, sorter)?;
                has_children = true;
            }
            name => {
                let reason = format!("`{name}` in a raw genesis, unknown or for the second time");
                return Err(json.malformed(reason));
            }
        }
    }
    if has_top { Ok(()) } else { Err(json.malformed("a raw genesis without `top`")) }
}

fn read_pairs<R: BufRead>(
    json: &mut JsonReader<R>,
    child: Option<&[u8]>,
    sorter: &mut Sorter,
) -> Result<(), SnapshotError> {
    let (mut key, mut value) = (Vec::new(), Vec::new());
    let mut members = json.object()?;
    while json.more(&mut members)? {
        json.hex_name(&mut key, KEY_LEN_MAX, "a key")?;
        json.hex(&mut value, VALUE_LEN_MAX, "a value")?;
        sorter.push(child, &key, &value)?;
    }
    Ok(())
}

/// Old specs have the whole storage key of a child trie where others have its name.
fn read_children<R: BufRead>(
    json: &mut JsonReader<R>,
    sorter: &mut Sorter,
) -> Result<(), SnapshotError> {
    let mut name = Vec::new();
    let mut members = json.object()?;
    while json.more(&mut members)? {
        json.hex_name(&mut name, KEY_LEN_MAX, "the name of a child trie")?;
        let short = name.strip_prefix(CHILD_ROOT_PREFIX).unwrap_or(&name);
        read_pairs(json, Some(short), sorter)?;
    }
    Ok(())
}
