//! Numbers and byte strings as genesis files spell them: JSON or TOML integers, decimal strings, hex
//! strings with `0x`.

use std::{fmt, marker::PhantomData, str::FromStr};

use alloy_primitives::{Address, B256, Bytes, U256, hex};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An integer that fits `T`, from any spelling. Written as a hex string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quantity<T>(pub(crate) T);

impl<'de, T: TryFrom<U256>> Deserialize<'de> for Quantity<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(QuantityVisitor(PhantomData))
    }
}

impl<T: fmt::LowerHex> Serialize for Quantity<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

/// Reads an amount of wei into a plain number.
pub(crate) fn deserialize_wei<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<U256, D::Error> {
    Quantity::deserialize(deserializer).map(|Quantity(wei)| wei)
}

struct QuantityVisitor<T>(PhantomData<T>);

impl<T: TryFrom<U256>> QuantityVisitor<T> {
    fn fit<E: de::Error>(value: U256) -> Result<Quantity<T>, E> {
        T::try_from(value)
            .map(Quantity)
            .map_err(|_| E::custom(format_args!("{value} does not fit the field")))
    }
}

impl<T: TryFrom<U256>> de::Visitor<'_> for QuantityVisitor<T> {
    type Value = Quantity<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a decimal string or a hex string with 0x")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Self::fit(U256::from(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => Err(E::invalid_value(de::Unexpected::Signed(value), &self)),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        parse_number(text)
            .map_or_else(|| Err(E::invalid_value(de::Unexpected::Str(text), &self)), Self::fit)
    }
}

fn parse_number(text: &str) -> Option<U256> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        // Other clients write 0x for zero here and there.
        Some("") => return Some(U256::ZERO),
        Some(digits) => (digits, 16),
        None if text.is_empty() => return None,
        None => (text, 10),
    };
    // The parser would skip underscores.
    let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| U256::from_str_radix(digits, radix).ok()).flatten()
}

/// A storage slot or value: up to 32 bytes of hex, with or without `0x`, left-padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Word(pub(crate) B256);

impl FromStr for Word {
    type Err = NotHex;

    fn from_str(text: &str) -> Result<Self, NotHex> {
        let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
        let mut word = B256::ZERO;
        for (i, digit) in digits.iter().rev().enumerate() {
            let nibble = char::from(*digit).to_digit(16).ok_or(NotHex("is not hex"))?;
            let byte = 31usize.checked_sub(i / 2).ok_or(NotHex("is longer than 32 bytes"))?;
            word[byte] |= u8::try_from(nibble).expect("a nibble") << (4 * (i % 2));
        }
        Ok(Self(word))
    }
}

/// An address with or without `0x`, in any case.
#[derive(Clone, Copy)]
pub(crate) struct AddressKey(pub(crate) Address);

impl FromStr for AddressKey {
    type Err = NotHex;

    fn from_str(text: &str) -> Result<Self, NotHex> {
        let mut address = Address::ZERO;
        hex::decode_to_slice(text, address.as_mut_slice())
            .map_err(|_| NotHex("is not an address of 20 bytes in hex"))?;
        Ok(Self(address))
    }
}

/// Bytes as hex with `0x`.
pub(crate) struct HexBytes(pub(crate) Bytes);

impl FromStr for HexBytes {
    type Err = NotHex;

    fn from_str(text: &str) -> Result<Self, NotHex> {
        let digits = text.strip_prefix("0x").ok_or(NotHex("does not start with 0x"))?;
        hex::decode(digits)
            .map(|bytes| Self(bytes.into()))
            .map_err(|_| NotHex("is not hex of whole bytes"))
    }
}

/// What is wrong with a hex string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotHex(&'static str);

/// Longest string that an error message repeats; code can have any length.
const SHOWN_LEN_MAX: usize = 66;

/// Deserialises what is written as a string, without copying the string.
struct FromStrVisitor<T>(PhantomData<T>);

impl<T: FromStr<Err = NotHex>> de::Visitor<'_> for FromStrVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hex string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|NotHex(reason)| {
            let shown: String = text.chars().take(SHOWN_LEN_MAX).collect();
            let dots = if shown.len() < text.len() { ".." } else { "" };
            E::custom(format_args!("\"{shown}{dots}\" {reason}"))
        })
    }
}

macro_rules! deserialize_from_str {
    ($($name:ty),+) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(FromStrVisitor(PhantomData))
            }
        }
    )+};
}

deserialize_from_str!(Word, AddressKey, HexBytes);

#[cfg(test)]
mod tests {
    use super::*;

    fn quantity<T: TryFrom<U256>>(json: &str) -> Result<T, String> {
        serde_json::from_str::<Quantity<T>>(json)
            .map(|quantity| quantity.0)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_come_in_many_spellings() {
        for json in ["255", "\"255\"", "\"0xff\"", "\"0x00ff\"", "\"0XFF\""] {
            assert_eq!(quantity::<u64>(json), Ok(255), "{json}");
        }
        assert_eq!(quantity::<u64>("\"0x\""), Ok(0));
        assert_eq!(quantity::<U256>("\"0xffffffffffffffffff\""), Ok((U256::ONE << 72) - U256::ONE));
        for json in
            ["-1", "\"\"", "\"0xg\"", "\"1_0\"", "\"0x_1\"", "1.5", "null", "true", "\"-1\""]
        {
            assert!(quantity::<u64>(json).is_err(), "{json}");
        }
        assert!(quantity::<u64>("\"0x10000000000000000\"").is_err());
        assert!(quantity::<u32>("4294967296").is_err());
        assert!(quantity::<U256>(&format!("\"0x1{}\"", "0".repeat(64))).is_err());
    }

    #[test]
    fn words_are_padded_on_the_left() {
        let word = |text: &str| text.parse::<Word>().map(|word| word.0);
        assert_eq!(word("0x1"), Ok(B256::with_last_byte(1)));
        assert_eq!(word("ff"), Ok(B256::with_last_byte(255)));
        assert_eq!(word("0x"), Ok(B256::ZERO));
        assert_eq!(word(&"f".repeat(64)), Ok(B256::repeat_byte(255)));
        for text in ["0xg", &"f".repeat(65), "0x1_1", "-1"] {
            assert!(word(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_and_addresses_are_exact() {
        assert!("0x00ff".parse::<HexBytes>().is_ok());
        for text in ["00ff", "0x0", "0x0g"] {
            assert!(text.parse::<HexBytes>().is_err(), "{text}");
        }
        let text = "4200000000000000000000000000000000000011";
        assert!(text.parse::<AddressKey>().is_ok());
        assert!(format!("0x{text}").parse::<AddressKey>().is_ok());
        for text in [&text[1..], &text[2..], "0x", ""] {
            assert!(text.parse::<AddressKey>().is_err(), "{text}");
        }
    }
}
