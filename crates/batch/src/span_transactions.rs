//! The transactions of a span batch: taken apart into columns, and put together again.
//!
//! Fields are copied as the RLP they are. [`rlp`](crate::rlp) accepts one encoding only, so the
//! result is what decoding and encoding would give, without either.

use alloy_primitives::Bytes;
use alloy_rlp::{Encodable, Header};

use crate::{
    BatchError,
    bitlist::{Bitlist, BitlistBuilder},
    rlp, uvarint,
};

/// Transaction types a span batch can tell, besides legacy.
const ACCESS_LIST: u8 = 1;
const DYNAMIC_FEE: u8 = 2;
const SET_CODE: u8 = 4;

/// Bytes an integer of the EVM may take.
const WORD_LEN: usize = 32;
/// First byte beyond those that name a type (EIP-2718).
const TYPES_END: u8 = 0x80;

/// The columns of a batch, in the order they come in.
#[derive(Debug)]
pub(crate) struct TransactionReader<'a> {
    chain_id: u64,
    index: usize,
    legacy_index: usize,
    creation: Bitlist<'a>,
    y_parity: Bitlist<'a>,
    signatures: &'a [u8],
    recipients: &'a [u8],
    data: &'a [u8],
    nonces: &'a [u8],
    gas_limits: &'a [u8],
    protected: Bitlist<'a>,
}

impl<'a> TransactionReader<'a> {
    /// Finds the columns of `count` transactions.
    pub(crate) fn new(buf: &mut &'a [u8], count: usize, chain_id: u64) -> Result<Self, BatchError> {
        let creation = Bitlist::read(buf, count, "creation bits")?;
        let y_parity = Bitlist::read(buf, count, "parity bits")?;
        let signatures = column(buf, count, 2 * WORD_LEN, "signatures")?;
        let recipients = column(buf, count - creation.count_ones(), 20, "recipients")?;
        let data = *buf;
        let mut legacy_count = 0;
        for _ in 0..count {
            legacy_count += usize::from(transaction_data(buf)?.0.is_none());
        }
        let nonces = *buf;
        for _ in 0..count {
            uvarint::read(buf, "nonce")?;
        }
        let gas_limits = *buf;
        for _ in 0..count {
            uvarint::read(buf, "gas limit")?;
        }
        let protected = Bitlist::read(buf, legacy_count, "protected bits")?;
        Ok(Self {
            chain_id,
            index: 0,
            legacy_index: 0,
            creation,
            y_parity,
            signatures,
            recipients,
            data,
            nonces,
            gas_limits,
            protected,
        })
    }

    /// Puts the next transaction together (EIP-2718). To be called as often as there are some.
    pub(crate) fn next_transaction(&mut self) -> Result<Bytes, BatchError> {
        let (transaction_type, mut data) = transaction_data(&mut self.data)?;
        let fields = Fields::read(transaction_type, &mut data)?;
        let index = self.index;
        self.index += 1;
        let (signature, signatures) =
            self.signatures.split_at_checked(2 * WORD_LEN).expect("signatures were counted");
        self.signatures = signatures;
        let (r, s) = signature.split_at(WORD_LEN);
        let recipient: &[u8] = if self.creation.get(index) {
            if transaction_type == Some(SET_CODE) {
                return Err(BatchError::Creation(SET_CODE));
            }
            &[]
        } else {
            let (recipient, rest) =
                self.recipients.split_at_checked(20).expect("recipients were counted");
            self.recipients = rest;
            recipient
        };
        let parity = u8::from(self.y_parity.get(index));
        let v = if transaction_type.is_none() {
            self.legacy_index += 1;
            let is_protected = self.protected.get(self.legacy_index - 1);
            legacy_v(is_protected.then_some(self.chain_id), parity)
        } else {
            parity.into()
        };
        let nonce = uvarint::read(&mut self.nonces, "nonce")?;
        let gas_limit = uvarint::read(&mut self.gas_limits, "gas limit")?;
        let parts = Parts { nonce, gas_limit, recipient, v, r: trim(r), s: trim(s) };
        Ok(encode(transaction_type.map(|ty| (ty, self.chain_id)), &parts, &fields))
    }
}

fn column<'a>(
    buf: &mut &'a [u8],
    count: usize,
    width: usize,
    what: &'static str,
) -> Result<&'a [u8], BatchError> {
    let (column, rest) = buf.split_at_checked(count * width).ok_or(BatchError::Truncated(what))?;
    *buf = rest;
    Ok(column)
}

/// Type (`None`: legacy) and the payload of the list of one transaction's data.
fn transaction_data<'a>(buf: &mut &'a [u8]) -> Result<(Option<u8>, &'a [u8]), BatchError> {
    let &first = buf.first().ok_or(BatchError::Truncated("transaction data"))?;
    let transaction_type = match first {
        ACCESS_LIST | DYNAMIC_FEE | SET_CODE => Some(first),
        TYPES_END.. => None,
        _ => return Err(BatchError::TransactionType(first)),
    };
    if transaction_type.is_some() {
        *buf = &buf[1..];
    }
    Ok((transaction_type, rlp::list(buf, "transaction data")?.payload))
}

fn legacy_v(chain_id: Option<u64>, parity: u8) -> u128 {
    chain_id.map_or(27, |chain_id| 35 + 2 * u128::from(chain_id)) + u128::from(parity)
}

/// A word without the zeros in front.
fn trim(word: &[u8]) -> &[u8] {
    &word[word.iter().take_while(|&&byte| byte == 0).count()..]
}

/// The fields a span batch keeps in its data column, as RLP.
#[derive(Debug, Default)]
struct Fields<'a> {
    value: &'a [u8],
    /// Gas price; or priority fee and maximal fee, one after the other.
    prices: &'a [u8],
    data: &'a [u8],
    /// Access list and authorizations, as far as the type has them.
    lists: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Reads the payload of a list in the data column.
    fn read(transaction_type: Option<u8>, payload: &mut &'a [u8]) -> Result<Self, BatchError> {
        let fields = Self {
            value: read_value(transaction_type, payload)?,
            prices: read_prices(transaction_type, payload)?,
            data: rlp::string(payload, "call data")?.raw,
            lists: read_lists(transaction_type, payload)?,
        };
        rlp::end(payload, "transaction data")?;
        Ok(fields)
    }

    const fn len(&self) -> usize {
        self.value.len() + self.prices.len() + self.data.len() + self.lists.len()
    }
}

/// Widest integer of a type. The reference reads those of older types at any width; a block with
/// one beyond 256 bits is for the engine to refuse.
const fn integer_len_max(transaction_type: Option<u8>) -> usize {
    match transaction_type {
        Some(SET_CODE) => WORD_LEN,
        _ => usize::MAX,
    }
}

fn read_value<'a>(
    transaction_type: Option<u8>,
    payload: &mut &'a [u8],
) -> Result<&'a [u8], BatchError> {
    Ok(rlp::integer(payload, integer_len_max(transaction_type), "value")?.raw)
}

fn read_prices<'a>(
    transaction_type: Option<u8>,
    payload: &mut &'a [u8],
) -> Result<&'a [u8], BatchError> {
    let start = *payload;
    rlp::integer(payload, integer_len_max(transaction_type), "gas price")?;
    if matches!(transaction_type, Some(DYNAMIC_FEE | SET_CODE)) {
        rlp::integer(payload, integer_len_max(transaction_type), "gas price")?;
    }
    Ok(&start[..start.len() - payload.len()])
}

fn read_lists<'a>(
    transaction_type: Option<u8>,
    payload: &mut &'a [u8],
) -> Result<&'a [u8], BatchError> {
    let start = *payload;
    if transaction_type.is_some() {
        check_access_list(rlp::list(payload, "access list")?.payload)?;
    }
    if transaction_type == Some(SET_CODE) {
        check_authorizations(rlp::list(payload, "authorizations")?.payload)?;
    }
    Ok(&start[..start.len() - payload.len()])
}

fn check_access_list(mut list: &[u8]) -> Result<(), BatchError> {
    while !list.is_empty() {
        let mut entry = rlp::list(&mut list, "access list")?.payload;
        rlp::fixed::<20>(&mut entry, "access list")?;
        let mut keys = rlp::list(&mut entry, "access list")?.payload;
        rlp::end(entry, "access list")?;
        while !keys.is_empty() {
            rlp::fixed::<32>(&mut keys, "access list")?;
        }
    }
    Ok(())
}

fn check_authorizations(mut list: &[u8]) -> Result<(), BatchError> {
    while !list.is_empty() {
        let mut entry = rlp::list(&mut list, "authorizations")?.payload;
        rlp::integer(&mut entry, WORD_LEN, "authorizations")?;
        rlp::fixed::<20>(&mut entry, "authorizations")?;
        rlp::integer(&mut entry, 8, "authorizations")?;
        rlp::integer(&mut entry, 1, "authorizations")?;
        rlp::integer(&mut entry, WORD_LEN, "authorizations")?;
        rlp::integer(&mut entry, WORD_LEN, "authorizations")?;
        rlp::end(entry, "authorizations")?;
    }
    Ok(())
}

/// The fields of a transaction that have columns of their own.
#[derive(Debug)]
struct Parts<'a> {
    nonce: u64,
    gas_limit: u64,
    recipient: &'a [u8],
    v: u128,
    r: &'a [u8],
    s: &'a [u8],
}

/// Writes a transaction in one allocation of its exact size.
fn encode(type_and_chain: Option<(u8, u64)>, parts: &Parts<'_>, fields: &Fields<'_>) -> Bytes {
    let payload_length = type_and_chain.map_or(0, |(_, chain_id)| chain_id.length())
        + parts.nonce.length()
        + parts.gas_limit.length()
        + parts.recipient.length()
        + parts.v.length()
        + parts.r.length()
        + parts.s.length()
        + fields.len();
    let header = Header { list: true, payload_length };
    let len = usize::from(type_and_chain.is_some()) + header.length_with_payload();
    let mut out = Vec::with_capacity(len);
    if let Some((transaction_type, _)) = type_and_chain {
        out.push(transaction_type);
    }
    header.encode(&mut out);
    if let Some((_, chain_id)) = type_and_chain {
        chain_id.encode(&mut out);
    }
    parts.nonce.encode(&mut out);
    out.extend_from_slice(fields.prices);
    parts.gas_limit.encode(&mut out);
    parts.recipient.encode(&mut out);
    out.extend_from_slice(fields.value);
    out.extend_from_slice(fields.data);
    out.extend_from_slice(fields.lists);
    parts.v.encode(&mut out);
    parts.r.encode(&mut out);
    parts.s.encode(&mut out);
    debug_assert_eq!(out.len(), len, "the length was computed from the same fields");
    out.into()
}

/// A transaction taken apart.
#[derive(Debug)]
struct Dissected<'a> {
    transaction_type: Option<u8>,
    is_protected: bool,
    y_parity: bool,
    nonce: u64,
    gas_limit: u64,
    recipient: &'a [u8],
    r: &'a [u8],
    s: &'a [u8],
    fields: Fields<'a>,
}

impl<'a> Dissected<'a> {
    fn read(transaction: &'a [u8], expected_chain_id: u64) -> Result<Self, BatchError> {
        let mut buf = transaction;
        let (transaction_type, mut list) = transaction_data(&mut buf)?;
        rlp::end(buf, "transaction")?;
        let list = &mut list;
        if transaction_type.is_some() && rlp::u64(list, "chain id")? != expected_chain_id {
            return Err(BatchError::ChainId);
        }
        let nonce = rlp::u64(list, "nonce")?;
        let prices = read_prices(transaction_type, list)?;
        let gas_limit = rlp::u64(list, "gas limit")?;
        let recipient = rlp::string(list, "recipient")?.payload;
        match recipient.len() {
            20 => {}
            0 if transaction_type == Some(SET_CODE) => return Err(BatchError::Creation(SET_CODE)),
            0 => {}
            _ => return Err(BatchError::Rlp("recipient")),
        }
        let value = read_value(transaction_type, list)?;
        let data = rlp::string(list, "call data")?.raw;
        let lists = read_lists(transaction_type, list)?;
        let v = rlp::integer(list, 16, "signature")?.payload;
        let v = v.iter().fold(0_u128, |v, &byte| (v << 8) | u128::from(byte));
        let (is_protected, y_parity) = match transaction_type {
            Some(_) => (false, v),
            None if v == 27 || v == 28 => (false, v - 27),
            None => {
                let v_min = legacy_v(Some(expected_chain_id), 0);
                (true, v.checked_sub(v_min).ok_or(BatchError::ChainId)?)
            }
        };
        if y_parity > 1 {
            return Err(if is_protected {
                BatchError::ChainId
            } else {
                BatchError::Rlp("signature")
            });
        }
        let r = rlp::integer(list, WORD_LEN, "signature")?.payload;
        let s = rlp::integer(list, WORD_LEN, "signature")?.payload;
        rlp::end(list, "transaction")?;
        let fields = Fields { value, prices, data, lists };
        let y_parity = y_parity == 1;
        Ok(Self {
            transaction_type,
            is_protected,
            y_parity,
            nonce,
            gas_limit,
            recipient,
            r,
            s,
            fields,
        })
    }
}

/// The columns of a batch to be written.
#[derive(Clone, Debug, Default)]
pub(crate) struct TransactionColumns {
    creation: BitlistBuilder,
    y_parity: BitlistBuilder,
    signatures: Vec<u8>,
    recipients: Vec<u8>,
    data: Vec<u8>,
    nonces: Vec<u8>,
    gas_limits: Vec<u8>,
    protected: BitlistBuilder,
}

/// How long the columns were at some time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TransactionMark {
    count: usize,
    recipients: usize,
    data: usize,
    nonces: usize,
    gas_limits: usize,
    legacy_count: usize,
}

impl TransactionColumns {
    /// Appends a transaction, or leaves the columns as they are.
    pub(crate) fn push(&mut self, transaction: &[u8], chain_id: u64) -> Result<(), BatchError> {
        let parts = Dissected::read(transaction, chain_id)?;
        self.creation.push(parts.recipient.is_empty());
        self.y_parity.push(parts.y_parity);
        for word in [parts.r, parts.s] {
            self.signatures.resize(self.signatures.len() + WORD_LEN - word.len(), 0);
            self.signatures.extend_from_slice(word);
        }
        self.recipients.extend_from_slice(parts.recipient);
        match parts.transaction_type {
            Some(transaction_type) => self.data.push(transaction_type),
            None => self.protected.push(parts.is_protected),
        }
        let fields = &parts.fields;
        Header { list: true, payload_length: fields.len() }.encode(&mut self.data);
        self.data.extend_from_slice(fields.value);
        self.data.extend_from_slice(fields.prices);
        self.data.extend_from_slice(fields.data);
        self.data.extend_from_slice(fields.lists);
        uvarint::write(parts.nonce, &mut self.nonces);
        uvarint::write(parts.gas_limit, &mut self.gas_limits);
        Ok(())
    }

    /// Transactions so far.
    pub(crate) const fn count(&self) -> usize {
        self.creation.len()
    }

    /// Remembers where the columns end.
    pub(crate) const fn mark(&self) -> TransactionMark {
        TransactionMark {
            count: self.count(),
            recipients: self.recipients.len(),
            data: self.data.len(),
            nonces: self.nonces.len(),
            gas_limits: self.gas_limits.len(),
            legacy_count: self.protected.len(),
        }
    }

    /// Forgets what was pushed since.
    pub(crate) fn rewind(&mut self, mark: &TransactionMark) {
        self.creation.truncate(mark.count);
        self.y_parity.truncate(mark.count);
        self.signatures.truncate(mark.count * 2 * WORD_LEN);
        self.recipients.truncate(mark.recipients);
        self.data.truncate(mark.data);
        self.nonces.truncate(mark.nonces);
        self.gas_limits.truncate(mark.gas_limits);
        self.protected.truncate(mark.legacy_count);
    }

    /// Bytes of signatures: random, so that they do not compress.
    pub(crate) const fn signatures_len(&self) -> usize {
        self.signatures.len()
    }

    /// What was pushed since, in the columns that compress.
    pub(crate) fn compressible_since(&self, mark: &TransactionMark) -> [&[u8]; 4] {
        [
            &self.recipients[mark.recipients..],
            &self.data[mark.data..],
            &self.nonces[mark.nonces..],
            &self.gas_limits[mark.gas_limits..],
        ]
    }

    /// Bytes [`write`](Self::write) appends.
    pub(crate) const fn encoded_len(&self) -> usize {
        self.creation.encoded_len()
            + self.y_parity.encoded_len()
            + self.signatures.len()
            + self.recipients.len()
            + self.data.len()
            + self.nonces.len()
            + self.gas_limits.len()
            + self.protected.encoded_len()
    }

    /// Appends all columns in order.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        self.creation.write(out);
        self.y_parity.write(out);
        out.extend_from_slice(&self.signatures);
        out.extend_from_slice(&self.recipients);
        out.extend_from_slice(&self.data);
        out.extend_from_slice(&self.nonces);
        out.extend_from_slice(&self.gas_limits);
        self.protected.write(out);
    }
}
