use alloy_primitives::B256;

use super::SignedReceipt;
use crate::{Frame, reader::Reader};

/// The one version of the frame.
const VERSION: u8 = 1;

/// As many as fit the gas cap of a transaction together with their storage.
const RECEIPTS_MAX: u16 = 256;

/// The input frame.
///
/// ```text
/// 0   1   version = 1
/// 1   1   zero
/// 2   2   number of receipts, 1 to 256
/// 4   32  EIP-712 domain separator
/// 36  ..  receipts of 385 bytes: 10 ABI words, r, s, v
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettleInput {
    /// The EIP-712 domain separator of the escrow contract.
    pub domain: B256,
    /// In the order in which they are judged.
    pub receipts: Vec<SignedReceipt>,
}

impl SettleInput {
    /// The bytes to call the precompile with.
    pub fn encode(&self) -> Vec<u8> {
        let mut input = vec![VERSION, 0];
        input.extend(u16::try_from(self.receipts.len()).unwrap_or(u16::MAX).to_be_bytes());
        input.extend(self.domain);
        for receipt in &self.receipts {
            input.extend(receipt.encode());
        }
        input
    }

    /// Exactly a frame.
    pub fn decode(input: &[u8]) -> Result<Self, Frame> {
        let count = Self::count(input)?;
        let mut reader = Reader::new(&input[4..]);
        let truncated = Frame::Truncated { len: input.len() };
        let domain = reader.array().ok_or(truncated)?.into();
        let receipts = (0..count)
            .map(|_| SignedReceipt::decode(&mut reader).ok_or(truncated))
            .collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self { domain, receipts })
    }

    /// How many receipts the header announces.
    pub(super) fn count(input: &[u8]) -> Result<usize, Frame> {
        let mut reader = Reader::new(input);
        let truncated = reader.truncated();
        let version = reader.u8().ok_or(truncated)?;
        if version != VERSION {
            return Err(Frame::Version(version));
        }
        if reader.u8().ok_or(truncated)? != 0 {
            return Err(Frame::NotZero("byte 1"));
        }
        match reader.u16_be().ok_or(truncated)? {
            count @ 1..=RECEIPTS_MAX => Ok(count.into()),
            count => Err(Frame::OutOfRange { field: "number of receipts", value: count.into() }),
        }
    }
}
