use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, Signature};
use op_alloy_consensus::OpTxType;
use phala_primitives::{BlockBody, Header, RecoveredBlock, Transaction};
use reth_codecs::Compact;
use reth_codecs::alloy::transaction::{Envelope, FromTxCompact, ToTxCompact};

use crate::wire::{Damaged, Reader, Wire, put_varint};

const HAS_WITHDRAWALS: u8 = 1;

/// Fewest bytes a transaction can take: its length, its flags, its signature.
const TX_BYTES_MIN: usize = 66;

/// flags, count, senders, then each transaction behind its length.
///
/// A transaction is the `Compact` envelope of reth without the compression inside: one frame
/// around the whole body is several times faster and smaller than one around each transaction.
pub(crate) fn encode_body(block: &RecoveredBlock) -> Vec<u8> {
    let body = block.body();
    let mut out = Vec::with_capacity(64 + body.transactions.len() * 256);
    out.push(if body.withdrawals.is_some() { HAS_WITHDRAWALS } else { 0 });
    put_varint(&mut out, body.transactions.len() as u64);
    for sender in block.senders() {
        out.extend_from_slice(sender.as_slice());
    }
    let mut one = Vec::with_capacity(512);
    for tx in &body.transactions {
        one.clear();
        put_transaction(&mut one, tx);
        put_varint(&mut out, one.len() as u64);
        out.extend_from_slice(&one);
    }
    out
}

/// Body and senders; the bytes have passed their checksum.
pub(crate) fn decode_body(bytes: &[u8]) -> Wire<(BlockBody, Vec<Address>)> {
    let mut reader = Reader(bytes);
    let flags = reader.byte()?;
    let count = reader.count(20)?;
    let mut senders = Vec::with_capacity(count);
    for _ in 0..count {
        senders.push(Address::new(reader.array()?));
    }
    let mut transactions = Vec::with_capacity(count);
    for _ in 0..count {
        let len = usize::try_from(reader.varint()?).map_err(|_| Damaged)?;
        transactions.push(read_transaction(reader.bytes(len)?)?);
    }
    reader.end()?;
    let withdrawals = (flags & HAS_WITHDRAWALS != 0).then(Default::default);
    Ok((BlockBody { transactions, ommers: Vec::new(), withdrawals }, senders))
}

/// Joins the parts of a stored block.
pub(crate) fn join_block(
    header: Header,
    hash: alloy_primitives::B256,
    body: BlockBody,
    senders: Vec<Address>,
) -> RecoveredBlock {
    RecoveredBlock::new(phala_primitives::Block { header, body }, senders, hash)
}

fn put_transaction(out: &mut Vec<u8>, tx: &Transaction) {
    out.push(0);
    let signature_bit = Envelope::signature(tx).to_compact(out) as u8;
    let type_bits = Envelope::tx_type(tx).to_compact(out) as u8;
    tx.to_tx_compact(out);
    out[0] = signature_bit | type_bits << 1;
    debug_assert!(tx.input().len() <= out.len());
}

fn read_transaction(bytes: &[u8]) -> Wire<Transaction> {
    if bytes.len() + 1 < TX_BYTES_MIN {
        return Err(Damaged);
    }
    let flags = usize::from(bytes[0]);
    let (signature, rest) = Signature::from_compact(&bytes[1..], flags & 1);
    let (tx_type, rest) = OpTxType::from_compact(rest, flags >> 1 & 3);
    let (tx, rest) = Transaction::from_tx_compact(rest, tx_type, signature);
    Reader(rest).end()?;
    Ok(tx)
}

#[cfg(test)]
mod tests {
    use alloy_consensus::{
        Sealable, SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy,
    };
    use alloy_eips::eip2930::{AccessList, AccessListItem};
    use alloy_eips::eip7702::{Authorization, SignedAuthorization};
    use alloy_primitives::{B256, Bytes, TxKind, U256, hex};
    use op_alloy_consensus::TxDeposit;

    use super::*;

    fn signature(parity: bool) -> Signature {
        Signature::new(U256::from(0x11), U256::MAX, parity)
    }

    fn input(len: usize) -> Bytes {
        (0..len).map(|index| index as u8).collect::<Vec<_>>().into()
    }

    fn transactions() -> Vec<Transaction> {
        let access_list = AccessList(vec![
            AccessListItem { address: Address::repeat_byte(1), storage_keys: vec![] },
            AccessListItem {
                address: Address::repeat_byte(2),
                storage_keys: vec![B256::repeat_byte(3), B256::ZERO],
            },
        ]);
        let authorization = |parity| {
            SignedAuthorization::new_unchecked(
                Authorization {
                    chain_id: U256::MAX,
                    address: Address::repeat_byte(4),
                    nonce: u64::MAX,
                },
                parity,
                U256::ZERO,
                U256::MAX,
            )
        };
        let deposit = |mint, to, len| {
            Transaction::Deposit(
                TxDeposit {
                    source_hash: B256::repeat_byte(5),
                    from: Address::repeat_byte(6),
                    to,
                    mint,
                    value: U256::from(7),
                    gas_limit: 1_000_000,
                    is_system_transaction: false,
                    input: input(len),
                }
                .seal_slow(),
            )
        };
        let mut all = vec![
            deposit(0, TxKind::Call(Address::ZERO), 0),
            deposit(u128::MAX, TxKind::Create, 300),
        ];
        for (chain_id, to, len, parity) in [
            (None, TxKind::Create, 0, false),
            (Some(u64::MAX), TxKind::Call(Address::repeat_byte(9)), 31, true),
            (Some(0), TxKind::Call(Address::ZERO), 32, false),
            (Some(20_351_337), TxKind::Create, 5_000, true),
        ] {
            let legacy = TxLegacy {
                chain_id,
                nonce: u64::from(parity),
                gas_price: u128::MAX,
                gas_limit: 21_000,
                to,
                value: U256::MAX,
                input: input(len),
            };
            all.push(legacy.into_signed(signature(parity)).into());
            let access = TxEip2930 {
                chain_id: chain_id.unwrap_or(1),
                nonce: u64::MAX,
                gas_price: 1,
                gas_limit: 0,
                to,
                value: U256::ZERO,
                access_list: access_list.clone(),
                input: input(len),
            };
            all.push(access.into_signed(signature(parity)).into());
            let dynamic = TxEip1559 {
                chain_id: chain_id.unwrap_or(1),
                nonce: 3,
                gas_limit: u64::MAX,
                max_fee_per_gas: u128::MAX,
                max_priority_fee_per_gas: 0,
                to,
                value: U256::from(1),
                access_list: if parity { access_list.clone() } else { AccessList::default() },
                input: input(len),
            };
            all.push(dynamic.into_signed(signature(parity)).into());
            let set_code = TxEip7702 {
                chain_id: chain_id.unwrap_or(1),
                nonce: 3,
                gas_limit: 5,
                max_fee_per_gas: 6,
                max_priority_fee_per_gas: 7,
                to: Address::repeat_byte(8),
                value: U256::from(1),
                access_list: access_list.clone(),
                authorization_list: vec![authorization(0), authorization(1), authorization(255)],
                input: input(len),
            };
            all.push(set_code.into_signed(signature(parity)).into());
        }
        all
    }

    fn block(transactions: Vec<Transaction>, withdrawals: bool) -> RecoveredBlock {
        let senders = (0..transactions.len()).map(|i| Address::repeat_byte(i as u8)).collect();
        let body = BlockBody {
            transactions,
            ommers: vec![],
            withdrawals: withdrawals.then(Default::default),
        };
        join_block(Header::default(), B256::ZERO, body, senders)
    }

    #[test]
    fn transactions_of_every_type_round_trip() {
        for withdrawals in [false, true] {
            let block = block(transactions(), withdrawals);
            let (body, senders) = decode_body(&encode_body(&block)).expect("round trip");
            assert_eq!(&body, block.body());
            assert_eq!(senders, block.senders());
            for (read, written) in body.transactions.iter().zip(&block.body().transactions) {
                assert_eq!(read.tx_hash(), written.tx_hash());
            }
        }
    }

    #[test]
    fn golden_bytes() {
        let legacy = TxLegacy {
            chain_id: Some(1),
            nonce: 2,
            gas_price: 3,
            gas_limit: 21_000,
            to: TxKind::Call(Address::repeat_byte(0xaa)),
            value: U256::from(4),
            input: Bytes::from_static(&[0xee]),
        };
        let tx: Transaction = legacy.into_signed(signature(true)).into();
        let out = encode_body(&block(vec![tx], true));
        let golden = [
            format!("0101{}6001", "00".repeat(20)),
            format!("11{}{}", "00".repeat(31), "ff".repeat(32)),
            format!("23c800{}", "0101"),
            format!("02035208{}04ee", "aa".repeat(20)),
        ]
        .concat();
        assert_eq!(hex::encode(&out), golden);
    }

    #[test]
    fn cut_bodies_are_damage() {
        let encoded = encode_body(&block(transactions(), true));
        // Cuts inside the framing; inside a transaction the checksum has already failed.
        for len in [0, 1, 2, 20, 100] {
            assert_eq!(decode_body(&encoded[..len]), Err(Damaged));
        }
    }
}
