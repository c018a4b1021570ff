use phala_primitives::Header;
use reth_codecs::Compact;

use crate::wire::Wire;

/// The `Compact` header, as it is.
pub(crate) fn encode_header(header: &Header) -> Vec<u8> {
    let mut out = Vec::with_capacity(640);
    header.to_compact(&mut out);
    out
}

/// The reverse; the bytes have passed their checksum.
pub(crate) fn decode_header(bytes: &[u8]) -> Wire<Header> {
    let (header, rest) = Header::from_compact(bytes, bytes.len());
    crate::wire::Reader(rest).end()?;
    Ok(header)
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, B64, B256, Bloom, Bytes, U256, hex};

    use super::*;

    fn full_header() -> Header {
        Header {
            parent_hash: B256::repeat_byte(1),
            ommers_hash: B256::repeat_byte(2),
            beneficiary: Address::repeat_byte(3),
            state_root: B256::repeat_byte(4),
            transactions_root: B256::repeat_byte(5),
            receipts_root: B256::repeat_byte(6),
            logs_bloom: Bloom::repeat_byte(7),
            difficulty: U256::ZERO,
            number: 0x0102,
            gas_limit: 30_000_000,
            gas_used: 21_000,
            timestamp: 1_700_000_000,
            extra_data: Bytes::from_static(&[0, 1, 2]),
            mix_hash: B256::repeat_byte(8),
            nonce: B64::ZERO,
            base_fee_per_gas: Some(7),
            withdrawals_root: Some(B256::repeat_byte(9)),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::repeat_byte(10)),
            requests_hash: Some(B256::repeat_byte(11)),
            ..Default::default()
        }
    }

    #[test]
    fn golden_bytes() {
        let out = encode_header(&full_header());
        let repeat = |byte: &str, count: usize| byte.repeat(count);
        let golden = [
            "012121f8".to_owned(),
            repeat("01", 32),
            repeat("02", 32),
            repeat("03", 20),
            repeat("04", 32),
            repeat("05", 32),
            repeat("06", 32),
            repeat("09", 32),
            repeat("07", 256),
            "0102".into(),
            "01c9c380".into(),
            "5208".into(),
            "6553f100".into(),
            repeat("08", 32),
            "0107".into(),
            "0000".into(),
            repeat("0a", 32),
            format!("2101{}", repeat("0b", 32)),
            "000102".into(),
        ]
        .concat();
        assert_eq!(hex::encode(&out), golden);
    }

    #[test]
    fn headers_of_every_fork_round_trip() {
        let mut header = full_header();
        assert_eq!(decode_header(&encode_header(&header)), Ok(header.clone()));
        header.requests_hash = None;
        assert_eq!(decode_header(&encode_header(&header)), Ok(header.clone()));
        header.parent_beacon_block_root = None;
        header.excess_blob_gas = None;
        header.blob_gas_used = None;
        header.withdrawals_root = None;
        assert_eq!(decode_header(&encode_header(&header)), Ok(header.clone()));
        header.difficulty = U256::MAX;
        header.nonce = B64::repeat_byte(0xff);
        header.extra_data = Bytes::new();
        assert_eq!(decode_header(&encode_header(&header)), Ok(header));
        assert_eq!(decode_header(&encode_header(&Header::default())), Ok(Header::default()));
    }
}
