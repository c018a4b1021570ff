use std::borrow::Cow;

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256, hex};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::RpcError;

/// Parameters one method may have; more are an error before anything is read.
const ARGUMENTS_MAX: usize = 8;

/// The parameters of a call as they came: JSON text, or nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Params<'a>(pub(crate) Option<&'a str>);

impl<'a> Params<'a> {
    /// Splits the array; a method that takes no parameters need not call this.
    pub(crate) fn args(self) -> Result<Args<'a>, RpcError> {
        let items = match self.0.map(str::trim) {
            None | Some("" | "null") => Vec::new(),
            Some(text) => serde_json::from_str(text).map_err(|_| RpcError::NotAnArray)?,
        };
        if items.len() > ARGUMENTS_MAX {
            return Err(RpcError::TooManyArguments { max: ARGUMENTS_MAX });
        }
        Ok(Args { items, next: 0 })
    }
}

/// Walks over the parameters of a call.
#[derive(Debug)]
pub(crate) struct Args<'a> {
    items: Vec<&'a RawValue>,
    next: usize,
}

impl Args<'_> {
    /// The next parameter, which must be there.
    pub(crate) fn required<T: Argument>(&mut self) -> Result<T, RpcError> {
        let index = self.next;
        self.optional()?.ok_or(RpcError::MissingArgument { index })
    }

    /// The next parameter; `null` and absence are the same.
    pub(crate) fn optional<T: Argument>(&mut self) -> Result<Option<T>, RpcError> {
        let index = self.next;
        self.next += 1;
        match self.items.get(index).map(|item| item.get()) {
            None | Some("null") => Ok(None),
            Some(text) => match T::parse(text) {
                Ok(value) => Ok(Some(value)),
                Err(reason) => Err(RpcError::InvalidArgument { index, reason }),
            },
        }
    }

    /// Makes sure nothing is left over.
    pub(crate) fn end(self) -> Result<(), RpcError> {
        if self.items.len() > self.next {
            return Err(RpcError::TooManyArguments { max: self.next });
        }
        Ok(())
    }
}

/// A value that can be a parameter.
pub(crate) trait Argument: Sized {
    /// Reads the JSON text, or says what is wrong with it.
    fn parse(text: &str) -> Result<Self, Cow<'static, str>>;
}

impl<const N: usize> Argument for FixedBytes<N> {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        let digits = hex_digits(text)?;
        if digits.len() != 2 * N {
            return Err(format!("hex string has length {}, want {}", digits.len(), 2 * N).into());
        }
        let mut bytes = [0; N];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| INVALID_HEX)?;
        Ok(Self(bytes))
    }
}

impl Argument for Address {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        FixedBytes::<20>::parse(text).map(Self::from)
    }
}

impl Argument for Bytes {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        hex::decode(hex_digits(text)?).map(Self::from).map_err(|_| INVALID_HEX)
    }
}

impl Argument for U256 {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        let digits = hex_digits(text)?;
        if digits.is_empty() {
            return Err("hex string \"0x\"".into());
        }
        Self::from_str_radix(digits, 16).map_err(|_| INVALID_HEX)
    }
}

impl Argument for u64 {
    /// A hex quantity; a JSON number is taken too, as some callers send block counts so.
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return text.parse().map_err(|_| Cow::Borrowed("number out of range"));
        }
        U256::parse(text)?.try_into().map_err(|_| Cow::Borrowed("hex number > 64 bits"))
    }
}

impl Argument for bool {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("want true or false".into()),
        }
    }
}

impl Argument for BlockId {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        // The common forms, without a detour over a deserializer.
        match text {
            "\"latest\"" => return Ok(Self::latest()),
            "\"pending\"" => return Ok(Self::pending()),
            _ => {}
        }
        if text.starts_with('"') && text.len() == 68 {
            return B256::parse(text).map(Self::from);
        }
        from_json(text)
    }
}

impl Argument for BlockNumberOrTag {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        match text {
            "\"latest\"" => Ok(Self::Latest),
            _ => from_json(text),
        }
    }
}

/// A storage slot: up to 32 bytes, odd digits allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StorageKey {
    pub(crate) slot: B256,
    /// The caller wrote all 32 bytes; answers then do the same.
    pub(crate) is_full: bool,
}

impl Argument for StorageKey {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        let digits = hex_digits(text)?;
        if digits.len() > 64 {
            return Err(format!("storage key too long (want at most 32 bytes): {text}").into());
        }
        let mut padded = [b'0'; 64];
        padded[64 - digits.len()..].copy_from_slice(digits.as_bytes());
        let mut slot = B256::ZERO;
        hex::decode_to_slice(padded, slot.as_mut_slice()).map_err(|_| INVALID_HEX)?;
        Ok(Self { slot, is_full: digits.len() == 64 })
    }
}

/// A parameter that is an object, read by its `Deserialize`.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<T: DeserializeOwned> Argument for Object<T> {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        // A list of fields would be read too, which nobody means.
        if !text.starts_with('{') {
            return Err("want an object".into());
        }
        from_json(text).map(Self)
    }
}

/// A parameter that is a list, or whatever its `Deserialize` takes.
#[derive(Debug)]
pub(crate) struct Plain<T>(pub(crate) T);

impl<T: DeserializeOwned> Argument for Plain<T> {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        from_json(text).map(Self)
    }
}

const INVALID_HEX: Cow<'static, str> = Cow::Borrowed("invalid hex string");

/// The digits of a JSON string that starts with `0x`.
fn hex_digits(text: &str) -> Result<&str, Cow<'static, str>> {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let inner = inner.ok_or(Cow::Borrowed("want a hex string"))?;
    let digits = inner.strip_prefix("0x").or_else(|| inner.strip_prefix("0X"));
    let digits = digits.ok_or(Cow::Borrowed("hex string without 0x prefix"))?;
    // The decoders below would take a second prefix, or underscores.
    if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        Ok(digits)
    } else {
        Err(INVALID_HEX)
    }
}

fn from_json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Cow<'static, str>> {
    serde_json::from_str(text).map_err(|error| Cow::Owned(error.to_string()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests: a panic is the failure.
mod tests {
    use alloy_eips::RpcBlockHash;

    use super::*;

    fn parse<T: Argument>(text: &str) -> Result<T, String> {
        T::parse(text).map_err(Cow::into_owned)
    }

    #[test]
    fn walks_over_arguments() {
        let mut args = Params(Some("[true, null]")).args().unwrap();
        assert!(args.required::<bool>().unwrap());
        assert_eq!(args.optional::<bool>().unwrap(), None);
        assert_eq!(args.optional::<bool>().unwrap(), None);
        args.end().unwrap();
        for nothing in [None, Some("[]"), Some("null")] {
            let error = Params(nothing).args().unwrap().required::<bool>().unwrap_err();
            assert_eq!(error.to_string(), "missing value for required argument 0");
        }
        let error = Params(Some("[true,1]")).args().unwrap().end().unwrap_err();
        assert_eq!(error.code(), -32602);
        for no_array in ["{\"a\":1}", "[", "1"] {
            assert!(
                matches!(Params(Some(no_array)).args(), Err(RpcError::NotAnArray)),
                "{no_array}"
            );
        }
        let many = format!("[{}0]", "0,".repeat(100_000));
        assert!(matches!(Params(Some(&many)).args(), Err(RpcError::TooManyArguments { .. })));
    }

    #[test]
    fn hex_needs_its_prefix_and_length() {
        let hash = "11".repeat(32);
        assert_eq!(parse::<B256>(&format!("\"0x{hash}\"")).unwrap(), B256::repeat_byte(0x11));
        for wrong in [format!("\"{hash}\""), format!("\"0x{hash}1\""), hash, "\"0xzz\"".to_owned()]
        {
            parse::<B256>(&wrong).unwrap_err();
        }
        assert_eq!(parse::<u64>("\"0xff\"").unwrap(), 255);
        assert_eq!(parse::<u64>("4").unwrap(), 4);
        for wrong in ["\"0x\"", "\"ff\"", "\"0x10000000000000000\"", "-1", "{}", "\"0x1_0\""] {
            assert!(parse::<u64>(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse::<Bytes>("\"0x\"").unwrap(), Bytes::new());
        parse::<Bytes>("\"0x1\"").unwrap_err();
    }

    #[test]
    fn storage_keys_may_be_short() {
        assert_eq!(parse::<StorageKey>("\"0x0\"").unwrap().slot, B256::ZERO);
        assert_eq!(parse::<StorageKey>("\"0x1ff\"").unwrap().slot, B256::from(U256::from(0x1ff)));
        let full = format!("\"0x{}\"", "0".repeat(64));
        assert!(parse::<StorageKey>(&full).unwrap().is_full);
        let long = format!("\"0x{}\"", "0".repeat(65));
        assert!(parse::<StorageKey>(&long).unwrap_err().contains("too long"));
        assert!(parse::<StorageKey>("\"0xasdf\"").unwrap_err().contains("invalid hex"));
    }

    #[test]
    fn blocks_are_numbers_tags_or_hashes() {
        let hash = B256::repeat_byte(7);
        assert_eq!(parse::<BlockId>("\"latest\"").unwrap(), BlockId::latest());
        assert_eq!(parse::<BlockId>("\"0x10\"").unwrap(), BlockId::number(16));
        assert_eq!(parse::<BlockId>(&format!("\"{hash}\"")).unwrap(), BlockId::from(hash));
        assert_eq!(
            parse::<BlockId>(&format!(r#"{{"blockHash":"{hash}","requireCanonical":true}}"#))
                .unwrap(),
            BlockId::Hash(RpcBlockHash { block_hash: hash, require_canonical: Some(true) })
        );
        assert_eq!(parse::<BlockId>(r#"{"blockNumber":"0x2"}"#).unwrap(), BlockId::number(2));
        for wrong in ["\"2\"", "\"newest\"", "[]", "{}", "\"0x\""] {
            assert!(parse::<BlockId>(wrong).is_err(), "{wrong}");
        }
    }
}
