use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Encodable, Header};

use crate::{BatchError, rlp};

/// Transactions kept of a batch that claims to hold more.
///
/// A transaction may be a single byte here, and 100 MB of those would take gigabytes to hold. No
/// block has room for so many (21,000 gas each), so that the batch has the same fate without them:
/// the engine refuses the block. What the validity table looks for is kept wherever it stands.
const TRANSACTIONS_KEPT_MAX: usize = 1_000_000;

/// First byte of a deposit, which no batch may hold.
const DEPOSIT_TYPE: u8 = 0x7e;

/// One L2 block as the batcher tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SingularBatch {
    /// Hash of the block before.
    pub parent_hash: B256,
    /// Number of the L1 origin.
    pub epoch_number: u64,
    /// Hash of the L1 origin.
    pub epoch_hash: B256,
    /// Time of the block, in seconds.
    pub timestamp: u64,
    /// Transactions of users (EIP-2718), whatever their type: what they are worth is for the
    /// validity rules and the engine to say.
    pub transactions: Vec<Bytes>,
}

impl SingularBatch {
    /// Reads the content of a batch of version 0; bytes after the list are ignored.
    pub fn decode(mut content: &[u8]) -> Result<Self, BatchError> {
        let mut fields = rlp::list(&mut content, "singular batch")?.payload;
        let parent_hash = B256::from(rlp::fixed(&mut fields, "parent hash")?);
        let epoch_number = rlp::u64(&mut fields, "epoch number")?;
        let epoch_hash = B256::from(rlp::fixed(&mut fields, "epoch hash")?);
        let timestamp = rlp::u64(&mut fields, "timestamp")?;
        let transactions = decode_transactions(rlp::list(&mut fields, "transactions")?.payload)?;
        rlp::end(fields, "singular batch")?;
        Ok(Self { parent_hash, epoch_number, epoch_hash, timestamp, transactions })
    }

    /// Writes the content of a batch of version 0.
    pub fn encode(&self) -> Vec<u8> {
        let transactions_len = self.transactions.iter().map(Encodable::length).sum::<usize>();
        let transactions = Header { list: true, payload_length: transactions_len };
        let fields = Header {
            list: true,
            payload_length: self.parent_hash.length()
                + self.epoch_number.length()
                + self.epoch_hash.length()
                + self.timestamp.length()
                + transactions.length()
                + transactions_len,
        };
        let mut out = Vec::with_capacity(fields.length_with_payload());
        fields.encode(&mut out);
        self.parent_hash.encode(&mut out);
        self.epoch_number.encode(&mut out);
        self.epoch_hash.encode(&mut out);
        self.timestamp.encode(&mut out);
        transactions.encode(&mut out);
        self.transactions.iter().for_each(|transaction| transaction.encode(&mut out));
        out
    }
}

fn decode_transactions(mut list: &[u8]) -> Result<Vec<Bytes>, BatchError> {
    let mut transactions = Vec::new();
    while !list.is_empty() {
        let transaction = rlp::string(&mut list, "transaction")?.payload;
        let is_forbidden = transaction.first().is_none_or(|&first| first == DEPOSIT_TYPE);
        if transactions.len() < TRANSACTIONS_KEPT_MAX
            || (is_forbidden && transactions.len() == TRANSACTIONS_KEPT_MAX)
        {
            transactions.push(Bytes::copy_from_slice(transaction));
        }
    }
    Ok(transactions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> SingularBatch {
        SingularBatch {
            parent_hash: B256::repeat_byte(1),
            epoch_number: 300,
            epoch_hash: B256::repeat_byte(2),
            timestamp: 1_700_000_000,
            transactions: vec![
                Bytes::from_static(&[0x02, 0xc0]),
                Bytes::new(),
                Bytes::from_static(&[0x05]),
                Bytes::from_static(&[0xff; 60]),
            ],
        }
    }

    #[test]
    fn any_transaction_comes_back_and_trailing_bytes_do_not_matter() {
        let mut content = batch().encode();
        assert_eq!(SingularBatch::decode(&content).unwrap(), batch());
        content.extend([1, 2, 3]);
        assert_eq!(SingularBatch::decode(&content).unwrap(), batch());
    }

    #[test]
    fn malformed_lists_are_refused() {
        let content = batch().encode();
        (0..content.len()).for_each(|len| {
            assert!(SingularBatch::decode(&content[..len]).is_err(), "cut at {len}")
        });
        let list = |items: &[&[u8]]| {
            let payload = items.concat();
            let mut out = Vec::new();
            Header { list: true, payload_length: payload.len() }.encode(&mut out);
            out.extend(payload);
            out
        };
        let hash = [&[0xa0][..], &[7; 32]].concat();
        let good = list(&[&hash, &[1], &hash, &[2], &[0xc1, 0x80]]);
        assert!(SingularBatch::decode(&good).is_ok());
        for bad in [
            list(&[&hash, &[1], &hash, &[2]]),
            list(&[&hash, &[1], &hash, &[2], &[0xc0], &[0x80]]),
            list(&[&hash, &[0], &hash, &[2], &[0xc0]]),
            list(&[&hash[..32], &[1], &hash, &[2], &[0xc0]]),
            list(&[&hash, &[1], &hash, &[2], &[0xc1, 0xc0]]),
            list(&[&hash, &[1], &hash, &[2], &[0x80]]),
        ] {
            assert!(SingularBatch::decode(&bad).is_err(), "{bad:02x?}");
        }
    }

    #[test]
    fn needless_transactions_are_not_kept_but_forbidden_ones_are() {
        let with = |last: &'static [u8]| {
            let mut transactions = vec![Bytes::from_static(&[1]); TRANSACTIONS_KEPT_MAX + 5];
            transactions.push(Bytes::from_static(last));
            transactions.push(Bytes::from_static(&[1]));
            SingularBatch::decode(&SingularBatch { transactions, ..batch() }.encode()).unwrap()
        };
        assert_eq!(with(&[2]).transactions.len(), TRANSACTIONS_KEPT_MAX);
        assert_eq!(with(&[]).transactions.last().unwrap().len(), 0);
        assert_eq!(with(&[DEPOSIT_TYPE, 1]).transactions.last().unwrap()[0], DEPOSIT_TYPE);
    }
}
