//! Span batches and channels that are not quite right.

#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod common;

use common::CONTEXT;
use phala_batch::{
    Batch, BatchContext, BatchError, BatchReader, MAX_SPAN_BATCH_ELEMENT_COUNT, SpanBatch,
};

/// The columns of a span batch, to be damaged one by one.
#[derive(Clone)]
struct Columns {
    rel_timestamp: Vec<u8>,
    l1_origin_num: Vec<u8>,
    checks: Vec<u8>,
    block_count: Vec<u8>,
    origin_bits: Vec<u8>,
    tx_counts: Vec<u8>,
    creation_bits: Vec<u8>,
    parity_bits: Vec<u8>,
    signatures: Vec<u8>,
    recipients: Vec<u8>,
    data: Vec<u8>,
    nonces: Vec<u8>,
    gas_limits: Vec<u8>,
    protected_bits: Vec<u8>,
}

/// Three blocks with two, none and one transaction: a protected legacy one that creates, one of
/// type 4 and an unprotected legacy one.
fn good() -> Columns {
    let legacy = [0xc3, 0x01, 0x02, 0x80];
    let set_code = [0x04, 0xc6, 0x05, 0x06, 0x07, 0x80, 0xc0, 0xc0];
    Columns {
        rel_timestamp: vec![10],
        l1_origin_num: vec![100],
        checks: vec![0xcc; 40],
        block_count: vec![3],
        origin_bits: vec![0b101],
        tx_counts: vec![2, 0, 1],
        creation_bits: vec![0b001],
        parity_bits: vec![0b110],
        signatures: vec![0x11; 3 * 64],
        recipients: vec![0x22; 2 * 20],
        data: [&legacy[..], &set_code, &legacy].concat(),
        nonces: vec![1, 2, 3],
        gas_limits: vec![0x80, 0x01, 5, 6],
        protected_bits: vec![0b01],
    }
}

impl Columns {
    fn bytes(&self) -> Vec<u8> {
        [
            &self.rel_timestamp,
            &self.l1_origin_num,
            &self.checks,
            &self.block_count,
            &self.origin_bits,
            &self.tx_counts,
            &self.creation_bits,
            &self.parity_bits,
            &self.signatures,
            &self.recipients,
            &self.data,
            &self.nonces,
            &self.gas_limits,
            &self.protected_bits,
        ]
        .map(Vec::as_slice)
        .concat()
    }
}

fn decode(columns: &Columns) -> Result<SpanBatch, BatchError> {
    SpanBatch::decode(&columns.bytes(), &CONTEXT)
}

fn with(change: impl Fn(&mut Columns)) -> Result<SpanBatch, BatchError> {
    let mut columns = good();
    change(&mut columns);
    decode(&columns)
}

#[test]
fn columns_become_blocks() {
    let span = decode(&good()).unwrap();
    assert_eq!(span.start_timestamp, CONTEXT.genesis_time + 10);
    assert_eq!(span.end_timestamp(), CONTEXT.genesis_time + 14);
    let epochs: Vec<u64> = span.blocks.iter().map(|block| block.epoch_number).collect();
    assert_eq!((epochs, span.starts_epoch, span.start_epoch()), (vec![99, 99, 100], true, 99));
    let counts: Vec<usize> = span.blocks.iter().map(|block| block.transactions.len()).collect();
    assert_eq!(counts, [2, 0, 1]);
    assert_eq!(span.encode(&CONTEXT).unwrap(), good().bytes());

    // The transactions, by hand. The chain id makes v 40,702,709 of the protected one, which is
    // 35 + 2 * 20,351,337.
    let word = |first: u8| [vec![first], vec![0x11; 32]].concat();
    let protected = [
        vec![0xf8, 0x4e, 1, 2, 0x81, 0x80, 0x80, 1, 0x80, 0x84, 0x02, 0x6d, 0x12, 0xf5],
        word(0xa0),
        word(0xa0),
    ]
    .concat();
    assert_eq!(span.blocks[0].transactions[0], protected);
    let mut set_code = vec![0x04, 0xf8, 0x65, 0x84, 0x01, 0x36, 0x89, 0x69, 2, 6, 7, 5, 0x94];
    set_code.extend([0x22; 20]);
    set_code.extend([5, 0x80, 0xc0, 0xc0, 1]);
    set_code.extend([word(0xa0), word(0xa0)].concat());
    assert_eq!(span.blocks[0].transactions[1], set_code);
    let mut unprotected = vec![0xf8, 0x5d, 3, 2, 6, 0x94];
    unprotected.extend([0x22; 20]);
    unprotected.extend([1, 0x80, 28]);
    unprotected.extend([word(0xa0), word(0xa0)].concat());
    assert_eq!(span.blocks[2].transactions[0], unprotected);
}

#[test]
fn no_bit_may_be_set_beyond_a_list() {
    assert_eq!(with(|c| c.origin_bits = vec![0b1101]), Err(BatchError::Bits("origin bits")));
    assert_eq!(with(|c| c.creation_bits = vec![0b1001]), Err(BatchError::Bits("creation bits")));
    assert_eq!(with(|c| c.parity_bits = vec![0b1110]), Err(BatchError::Bits("parity bits")));
    assert_eq!(with(|c| c.protected_bits = vec![0b101]), Err(BatchError::Bits("protected bits")));
    assert!(with(|c| c.protected_bits = vec![0b11]).is_ok());
}

#[test]
fn counts_are_bounded_before_anything_is_made_of_them() {
    let uvarint = |mut value: u64| {
        let mut out = Vec::new();
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
        out
    };
    let limit = MAX_SPAN_BATCH_ELEMENT_COUNT;
    assert_eq!(with(|c| c.block_count = vec![0]), Err(BatchError::NoBlocks));
    for count in [limit + 1, u64::MAX] {
        let error = Err(BatchError::TooManyElements(count));
        assert_eq!(with(|c| c.block_count = uvarint(count)), error);
        assert_eq!(with(|c| c.tx_counts = [uvarint(count), vec![0, 1]].concat()), error);
    }
    // Each is allowed, their sum is not.
    let sum = [uvarint(limit), vec![0, 1]].concat();
    assert_eq!(with(|c| c.tx_counts = sum.clone()), Err(BatchError::TooManyElements(limit + 1)));
    // Allowed, but not there.
    let most = [uvarint(limit - 1), vec![0, 1]].concat();
    assert_eq!(with(|c| c.tx_counts = most.clone()), Err(BatchError::Truncated("creation bits")));
    let most = uvarint(limit);
    assert_eq!(with(|c| c.block_count = most.clone()), Err(BatchError::Truncated("origin bits")));
    assert_eq!(with(|c| c.block_count = vec![0xff; 11]), Err(BatchError::Uvarint("block count")));
}

#[test]
fn the_most_blocks_there_may_be_are_read() {
    let count = MAX_SPAN_BATCH_ELEMENT_COUNT as usize;
    let mut content = vec![0, 100];
    content.extend([0xcc; 40]);
    content.extend([0x80, 0xad, 0xe2, 0x04]);
    content.resize(content.len() + count.div_ceil(8) + count, 0);
    let span = SpanBatch::decode(&content, &CONTEXT).unwrap();
    assert_eq!(span.blocks.len(), count);
    assert_eq!(span.end_timestamp(), CONTEXT.genesis_time + 2 * (count as u64 - 1));
}

#[test]
fn transaction_data_is_read_strictly() {
    let legacy = [0xc3, 0x01, 0x02, 0x80];
    let with_second = |data: &[u8]| {
        with(|c| {
            c.data = [&legacy[..], data, &legacy].concat();
            if data[0] >= 0x80 || data[0] == 0 {
                c.protected_bits = vec![0b001];
            }
        })
    };
    let address = [&[0x94][..], &[3; 20]].concat();
    let key = [&[0xa0][..], &[4; 32]].concat();
    let list = |items: &[&[u8]]| {
        let payload = items.concat();
        let mut out = Vec::new();
        alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut out);
        out.extend(payload);
        out
    };
    let typed = |ty: u8, items: &[&[u8]]| [vec![ty], list(items)].concat();
    let entry = list(&[&address, &list(&[&key, &key])]);
    let accesses = list(&[&entry, &list(&[&address, &[0xc0]])]);
    let authorization = list(&[&[0x80], &address, &[1], &[0x80], &[2], &[3]]);
    let authorizations = list(&[&authorization, &authorization]);

    let good = [
        typed(1, &[&[1], &[2], &[0x80], &accesses]),
        typed(2, &[&[0x80], &[2], &[0x80], &[0x82, 1, 2], &accesses]),
        typed(4, &[&[0x80], &[2], &[0x80], &[0x82, 1, 2], &accesses, &authorizations]),
        typed(4, &[&[0x80], &[2], &[0x80], &[0x80], &[0xc0], &[0xc0]]),
        list(&[&[1], &[2], &[0x83, 1, 2, 3]]),
        // Wider than a word: for the engine to refuse.
        list(&[&[&[0xa1][..], &[1; 33]].concat(), &[2], &[0x80]]),
    ];
    for data in good {
        let span = with_second(&data).unwrap_or_else(|error| panic!("{data:02x?}: {error}"));
        assert_eq!(SpanBatch::decode(&span.encode(&CONTEXT).unwrap(), &CONTEXT), Ok(span));
    }

    let wide = [&[0xa1][..], &[1; 33]].concat();
    let bad = [
        // Too few fields, too many, a list where a string should be and the other way around.
        typed(1, &[&[1], &[2], &[0x80]]),
        typed(1, &[&[1], &[2], &[0x80], &accesses, &[0x80]]),
        typed(2, &[&[1], &[2], &[0x80], &accesses]),
        typed(4, &[&[1], &[2], &[3], &[0x80], &accesses]),
        typed(1, &[&[1], &[2], &[0xc0], &accesses]),
        typed(1, &[&[1], &[2], &[0x80], &[0x80]]),
        list(&[&[1], &[2]]),
        list(&[&[1], &[2], &[0x80], &[0x80]]),
        // Integers with zeros in front or too long a header.
        list(&[&[0], &[2], &[0x80]]),
        list(&[&[0x81, 1], &[2], &[0x80]]),
        list(&[&[0x82, 0, 1], &[2], &[0x80]]),
        typed(4, &[&wide, &[2], &[3], &[0x80], &[0xc0], &[0xc0]]),
        // Access lists and authorizations of other shapes.
        typed(1, &[&[1], &[2], &[0x80], &list(&[&address])]),
        typed(1, &[&[1], &[2], &[0x80], &list(&[&list(&[&address])])]),
        typed(1, &[&[1], &[2], &[0x80], &list(&[&list(&[&key, &[0xc0]])])]),
        typed(1, &[&[1], &[2], &[0x80], &list(&[&list(&[&address, &list(&[&address])])])]),
        typed(1, &[&[1], &[2], &[0x80], &list(&[&list(&[&address, &[0xc0], &[0xc0]])])]),
        typed(4, &[&[1], &[2], &[3], &[0x80], &[0xc0], &list(&[&address])]),
        typed(4, &[&[1], &[2], &[3], &[0x80], &[0xc0], &list(&[&list(&[&[1], &address])])]),
        // A string instead of the list.
        vec![0x83, 1, 2, 3],
    ];
    for data in bad {
        assert!(matches!(with_second(&data), Err(BatchError::Rlp(_))), "{data:02x?}");
    }
    for ty in [0, 3, 5, 0x7d, 0x7e, 0x7f] {
        let error = Err(BatchError::TransactionType(ty));
        assert_eq!(with_second(&typed(ty, &[&[1], &[2], &[0x80]])), error);
    }
    let creating = with(|c| {
        c.creation_bits = vec![0b010];
    });
    assert_eq!(creating, Err(BatchError::Creation(4)));
}

#[test]
fn a_batch_cut_anywhere_is_refused_and_one_with_more_is_not() {
    let bytes = good().bytes();
    for len in 0..bytes.len() {
        assert!(SpanBatch::decode(&bytes[..len], &CONTEXT).is_err(), "cut at {len}");
    }
    let longer = [&bytes[..], &[1, 2, 3]].concat();
    assert_eq!(SpanBatch::decode(&longer, &CONTEXT), decode(&good()));
}

#[test]
fn absurd_numbers_wrap_around() {
    let most = [&[0xff; 9][..], &[1]].concat();
    let span = with(|c| c.rel_timestamp = most.clone()).unwrap();
    assert_eq!(span.start_timestamp, CONTEXT.genesis_time - 1);
    let span = with(|c| c.l1_origin_num = vec![0]).unwrap();
    let epochs: Vec<u64> = span.blocks.iter().map(|block| block.epoch_number).collect();
    assert_eq!(epochs, [u64::MAX, u64::MAX, 0]);
    assert_eq!(SpanBatch::decode(&span.encode(&CONTEXT).unwrap(), &CONTEXT), Ok(span));
    let context = BatchContext { chain_id: u64::MAX, ..CONTEXT };
    let span = SpanBatch::decode(&good().bytes(), &context).unwrap();
    assert_eq!(span.encode(&context).unwrap(), good().bytes());
}

/// A channel of stored bytes: a zlib stream without compression.
fn stored(plain: &[u8]) -> Vec<u8> {
    let mut channel = vec![0x78, 0x01];
    for chunk in plain.chunks(0xffff) {
        let len = chunk.len() as u16;
        channel.push(0);
        channel.extend(len.to_le_bytes());
        channel.extend((!len).to_le_bytes());
        channel.extend(chunk);
    }
    channel.extend([1, 0, 0, 0xff, 0xff]);
    channel
}

fn string(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    alloy_rlp::Encodable::encode(payload, &mut out);
    out
}

fn span_string() -> Vec<u8> {
    string(&[&[1][..], &good().bytes()].concat())
}

#[test]
fn batches_before_an_error_stand() {
    let span = Batch::Span(decode(&good()).unwrap());
    let good = span_string();
    let cases: [(&[u8], Option<BatchError>); 14] = [
        (&[], None),
        (&[0x80], Some(BatchError::Empty)),
        (&[0x01], Some(BatchError::Truncated("timestamp"))),
        (&[0x00], Some(BatchError::Rlp("singular batch"))),
        (&[0x02], Some(BatchError::Version(2))),
        (&[0x81, 0x02], Some(BatchError::Rlp("batch"))),
        (&[0x81, 0x82], Some(BatchError::Version(0x82))),
        (&[0xc0], Some(BatchError::Rlp("batch"))),
        (&[0xf8, 0x38], Some(BatchError::Rlp("batch"))),
        (&[0xb8, 0x37], Some(BatchError::Rlp("batch"))),
        (&[0xb9, 0x00, 0x38], Some(BatchError::Rlp("batch"))),
        (&[0xb8], Some(BatchError::Truncated("batch"))),
        (&[0x82, 0x01], Some(BatchError::Truncated("batch"))),
        (
            &[0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            Some(BatchError::Truncated("batch")),
        ),
    ];
    for (tail, error) in cases {
        // What comes after an error is not looked at.
        let rest: &[u8] = if error.is_some() && !matches!(error, Some(BatchError::Truncated(_))) {
            &good
        } else {
            &[]
        };
        let channel = stored(&[&good[..], &good, tail, rest].concat());
        let mut reader = BatchReader::new(channel.into(), CONTEXT);
        for _ in 0..2 {
            assert_eq!(reader.next_batch().as_ref(), Some(&span));
            assert_eq!(reader.error(), None);
        }
        for _ in 0..2 {
            assert_eq!(reader.next_batch(), None);
            assert_eq!(reader.error(), error.as_ref(), "{tail:02x?}");
        }
    }
}

#[test]
fn batches_before_a_corruption_of_the_stream_stand() {
    let span = Batch::Span(decode(&good()).unwrap());
    let whole = stored(&[span_string(), span_string()].concat());
    for len in 0..whole.len() {
        let mut reader = BatchReader::new(whole[..len].to_vec().into(), CONTEXT);
        let whole_batches = len.saturating_sub(7) / span_string().len();
        assert_eq!(reader.by_ref().filter(|batch| *batch == span).count(), whole_batches.min(2));
        assert_eq!(reader.error().is_some(), len < whole.len());
        // A block of no type after the cut is no better and no worse.
        let corrupt = [&whole[..len], &[0xff; 4]].concat();
        let reader = BatchReader::new(corrupt.into(), CONTEXT);
        assert!(reader.filter(|batch| *batch == span).count() >= whole_batches.min(2));
    }
}

#[test]
fn channels_of_unknown_compression_have_no_batches() {
    for first in [0x00, 0x02, 0x11, 0x77, 0xff] {
        let mut channel = stored(&span_string());
        channel[0] = first;
        let mut reader = BatchReader::new(channel.into(), CONTEXT);
        assert_eq!(reader.next_batch(), None);
        assert!(reader.error().is_some());
    }
    let mut reader = BatchReader::new(Default::default(), CONTEXT);
    assert_eq!(reader.next_batch(), None);
    assert_eq!(reader.error(), Some(&BatchError::Truncated("channel")));
}
