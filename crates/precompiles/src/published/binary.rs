use alloy_primitives::hex;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::{NotEvidence, PUBLISHED_LEN_MAX};

/// Bytes in JSON.
#[derive(Deserialize)]
#[serde(untagged)]
enum Json {
    Text(String),
    Bytes(Vec<u8>),
    Object(serde_json::Map<String, serde_json::Value>),
}

/// Bytes in any form; of a JSON object, those in `field`.
pub(super) fn read(published: &[u8], field: &'static str) -> Result<Vec<u8>, NotEvidence> {
    check_len(published)?;
    let Some(text) = as_text(published) else { return Ok(published.to_vec()) };
    if !text.starts_with(['{', '[', '"']) {
        return from_text(text);
    }
    let json = match serde_json::from_str(text)? {
        Json::Object(mut object) => {
            let value = object.remove(field).ok_or(NotEvidence::Field(field))?;
            serde_json::from_value(value)?
        }
        json => json,
    };
    match json {
        Json::Text(text) => from_text(&text),
        Json::Bytes(bytes) => Ok(bytes),
        Json::Object(_) => Err(NotEvidence::Field(field)),
    }
}

/// Hex with or without `0x`, or base64; blanks and line ends do not matter.
pub(super) fn from_text(text: &str) -> Result<Vec<u8>, NotEvidence> {
    let text: String = text.split_ascii_whitespace().collect();
    let digits = text.strip_prefix("0x").unwrap_or(&text);
    if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return hex::decode(digits).map_err(|_| NotEvidence::Encoding);
    }
    STANDARD.decode(&text).map_err(|_| NotEvidence::Encoding)
}

pub(super) fn check_len(published: &[u8]) -> Result<(), NotEvidence> {
    let len = published.len();
    if len > PUBLISHED_LEN_MAX { Err(NotEvidence::TooLong { len }) } else { Ok(()) }
}

pub(super) fn is_json_object(published: &[u8]) -> bool {
    published.trim_ascii_start().first() == Some(&b'{')
}

/// Text without the blanks around it; raw evidence always has bytes that no text has.
fn as_text(bytes: &[u8]) -> Option<&str> {
    let text = str::from_utf8(bytes).ok()?.trim();
    let is_text = text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace());
    is_text.then_some(text)
}
