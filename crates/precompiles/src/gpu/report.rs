use super::{key::SIGNATURE_LEN, opaque::Opaque};
use crate::reader::Reader;

/// SPDM 1.1 GET_MEASUREMENTS: all blocks, with signature.
const REQUEST: [u8; 4] = [0x11, 0xe0, 0x01, 0xff];

/// The one slot that holds a certificate chain.
const SLOT: u8 = 0;

/// SPDM 1.1 MEASUREMENTS.
const RESPONSE: [u8; 4] = [0x11, 0x60, 0x00, 0x00];

/// Blocks a GPU, or a switch, answers with.
const BLOCKS: [u8; 2] = [64, 31];

const BLOCK_LEN: usize = 55;
const VALUE_LEN: usize = 48;

/// Of a block after its index: DMTF's format, size of the rest, kind "firmware", size of the value.
const BLOCK_HEADER: [u8; 6] = [1, 51, 0, 1, 48, 0];

/// What a device signed: request, measurements, and what the driver knows.
pub(super) struct Report<'a> {
    /// The challenge the device was sent.
    pub(super) nonce: [u8; 32],
    /// The values of all blocks, one after another.
    pub(super) measurements: Vec<u8>,
    pub(super) opaque: Opaque<'a>,
    /// All before the signature, the request included.
    pub(super) signed: &'a [u8],
    pub(super) signature: [u8; SIGNATURE_LEN],
}

impl<'a> Report<'a> {
    /// Exactly the layout of attestation.md 3.1.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (signed, signature) = bytes.split_last_chunk::<SIGNATURE_LEN>()?;
        let mut reader = Reader::new(signed);
        (reader.array()? == REQUEST).then_some(())?;
        let nonce = reader.array()?;
        (reader.u8()? == SLOT).then_some(())?;
        (reader.array()? == RESPONSE).then_some(())?;
        let blocks = reader.u8().filter(|blocks| BLOCKS.contains(blocks))?;
        let record_len = u16::from(blocks) * BLOCK_LEN as u16;
        (reader.u16_le()? == record_len && reader.u8()? == 0).then_some(())?;
        let mut measurements = Vec::with_capacity(usize::from(blocks) * VALUE_LEN);
        for index in 1..=blocks {
            (reader.u8()? == index && reader.array()? == BLOCK_HEADER).then_some(())?;
            measurements.extend(reader.take(VALUE_LEN)?);
        }
        reader.array::<32>()?; // The device's own nonce.
        let opaque_len = reader.u16_le()?;
        let opaque = Opaque::parse(reader.take(opaque_len.into())?)?;
        reader.end()?;
        Some(Self { nonce, measurements, opaque, signed, signature: *signature })
    }
}
