use alloy_primitives::Bytes;
use phala_batch::{Batch, BatchReader, Compression};
use rand::{Rng as _, SeedableRng as _};

use super::*;
use crate::BlockRange;

const CONTEXT: BatchContext =
    BatchContext { chain_id: 20_351_337, genesis_time: 1_000, block_time_secs: 2 };

const POLICY: ChannelPolicy = ChannelPolicy {
    batch_type: BatchType::Singular,
    compression: Compression::Zlib,
    target_frames: 2,
    calldata_bytes_max: 2_000,
    blocks_max: 100,
    duration_max: 20,
    safety_margin: 10,
    channel_timeout: 50,
    sequencing_window: 3_600,
};

fn encoder(policy: ChannelPolicy) -> Encoder {
    Encoder::new(policy, CONTEXT, StdRng::seed_from_u64(1))
}

fn hash(number: u64) -> B256 {
    B256::left_padding_from(&(number + 1).to_be_bytes())
}

fn block(number: u64, bytes: usize) -> BatchBlock {
    let mut input = vec![0; bytes];
    StdRng::seed_from_u64(number).fill(&mut input[..]);
    BatchBlock {
        hash: hash(number),
        parent_hash: hash(number - 1),
        number,
        timestamp: 1_000 + 2 * number,
        epoch: BlockRef { number: 90, hash: hash(90) },
        sequence_number: number,
        // Singular batches take any bytes for a transaction.
        transactions: vec![input.into()],
    }
}

fn fill(encoder: &mut Encoder, blocks: std::ops::RangeInclusive<u64>, bytes: usize) {
    for number in blocks {
        encoder.add_block(block(number, bytes)).expect("next block");
    }
}

fn numbers_in(items: &[Bytes]) -> Vec<u64> {
    let frames = items.iter().flat_map(|item| phala_batch::parse_frames(item).expect("frames"));
    let data: Vec<u8> = frames.flat_map(|frame| frame.data.to_vec()).collect();
    let mut reader = BatchReader::new(data.into(), CONTEXT);
    std::iter::from_fn(move || reader.next_batch())
        .map(|batch| match batch {
            Batch::Singular(batch) => (batch.timestamp - 1_000) / 2,
            Batch::Span(_) => panic!("no span was asked for"),
        })
        .collect()
}

#[test]
fn blocks_come_out_as_they_went_in_when_the_duration_is_over() {
    let mut encoder = encoder(POLICY);
    fill(&mut encoder, 1..=5, 50);
    assert_eq!(encoder.advance(100, DaType::Calldata).expect("packs"), []);
    assert_eq!(encoder.next_tx(SubmissionId(0)), None, "the channel is open");
    assert_eq!(encoder.advance(119, DaType::Calldata).expect("packs"), []);
    let closed = encoder.advance(120, DaType::Calldata).expect("packs");
    assert_eq!((closed.len(), closed[0].reason), (1, CloseReason::Duration));
    assert_eq!((closed[0].first_block, closed[0].last_block, closed[0].frames), (1, 5, 1));
    let data = encoder.next_tx(SubmissionId(0)).expect("data");
    assert_eq!(numbers_in(&data.items), [1, 2, 3, 4, 5]);
    assert_eq!(data.carries.expect("frames").blocks, BlockRange { first: 1, last: 5 });
    assert_eq!(encoder.next_tx(SubmissionId(1)), None);
}

#[test]
fn every_close_reason_has_its_time() {
    let unlimited = ChannelPolicy { duration_max: 0, ..POLICY };
    let reason = |policy, l1_head, flush: bool| {
        let mut encoder = encoder(policy);
        fill(&mut encoder, 1..=3, 50);
        encoder.advance(100, DaType::Calldata).expect("packs");
        if flush {
            encoder.flush();
        }
        let closed = encoder.advance(l1_head, DaType::Calldata).expect("packs");
        closed.first().map(|channel| channel.reason)
    };
    assert_eq!(reason(unlimited, 139, false), None);
    assert_eq!(reason(unlimited, 140, false), Some(CloseReason::ChannelTimeout));
    let narrow = ChannelPolicy { sequencing_window: 40, ..unlimited };
    assert_eq!(reason(narrow, 119, false), None);
    assert_eq!(reason(narrow, 120, false), Some(CloseReason::SequencerWindow));
    assert_eq!(reason(POLICY, 120, false), Some(CloseReason::Duration));
    assert_eq!(reason(unlimited, 100, true), Some(CloseReason::Flushed));
    let few = ChannelPolicy { blocks_max: 2, ..unlimited };
    let mut encoder = encoder(few);
    fill(&mut encoder, 1..=5, 50);
    let closed = encoder.advance(100, DaType::Calldata).expect("packs");
    assert_eq!(
        closed.iter().map(|channel| channel.reason).collect::<Vec<_>>(),
        [CloseReason::Full; 2]
    );
}

#[test]
fn a_flush_of_nothing_is_forgotten() {
    let mut encoder = encoder(ChannelPolicy { duration_max: 0, ..POLICY });
    encoder.flush();
    assert_eq!(encoder.advance(100, DaType::Calldata).expect("packs"), []);
    fill(&mut encoder, 1..=1, 50);
    assert_eq!(encoder.advance(100, DaType::Calldata).expect("packs"), []);
}

#[test]
fn a_full_channel_is_closed_and_the_next_one_begins_with_the_next_block() {
    let mut encoder = encoder(POLICY);
    fill(&mut encoder, 1..=6, 700);
    let closed = encoder.advance(100, DaType::Calldata).expect("packs");
    assert!(closed.len() >= 2, "{closed:?}");
    for (channel, next) in closed.iter().zip(&closed[1..]) {
        assert_eq!((channel.reason, channel.last_block + 1), (CloseReason::Full, next.first_block));
        assert_ne!(channel.id, next.id);
    }
    let mut posted = Vec::new();
    for id in 0..closed.len() as u64 {
        let data = encoder.next_tx(SubmissionId(id)).expect("data");
        assert!(data.data_bytes() <= 2_000, "{}", data.data_bytes());
        posted.extend(numbers_in(&data.items));
    }
    assert_eq!(posted, (1..=closed.last().expect("one").last_block).collect::<Vec<_>>());
}

#[test]
fn a_block_that_does_not_follow_is_another_chains() {
    let mut encoder = encoder(POLICY);
    fill(&mut encoder, 1..=2, 50);
    let mut other = block(3, 50);
    other.parent_hash = B256::ZERO;
    assert_eq!(encoder.add_block(other), Err(ResetReason::L2Reorg { number: 3 }));
    assert_eq!(encoder.add_block(block(4, 50)), Err(ResetReason::L2Reorg { number: 4 }));
    encoder.add_block(block(3, 50)).expect("the next block");
}

#[test]
fn a_failed_transaction_comes_again_with_the_same_frames() {
    let mut encoder = encoder(POLICY);
    fill(&mut encoder, 1..=6, 700);
    encoder.advance(100, DaType::Calldata).expect("packs");
    let first = encoder.next_tx(SubmissionId(0)).expect("data");
    encoder.next_tx(SubmissionId(1)).expect("data");
    encoder.failed(SubmissionId(0));
    assert_eq!(encoder.next_tx(SubmissionId(2)).expect("data"), first);
    assert_eq!(encoder.view(100).channels.iter().filter(|c| c.fully_submitted).count(), 0);
    encoder.failed(SubmissionId(77));
    encoder.mined(SubmissionId(77), 5);
}

#[test]
fn mined_and_unmined_show_in_the_view() {
    let mut encoder = encoder(POLICY);
    fill(&mut encoder, 1..=2, 50);
    encoder.flush();
    encoder.advance(100, DaType::Calldata).expect("packs");
    encoder.next_tx(SubmissionId(0)).expect("data");
    let pending = encoder.pending_bytes();
    assert!(pending > 0);
    encoder.mined(SubmissionId(0), 105);
    let view = encoder.view(110);
    assert_eq!(view.channels[0].inclusion_max, Some(105));
    assert!(view.channels[0].fully_submitted && !view.channels[0].timed_out);
    assert_eq!(encoder.pending_bytes(), 0);
    encoder.unmined(SubmissionId(0));
    assert!(!encoder.view(110).channels[0].fully_submitted);
    assert_eq!(encoder.pending_bytes(), pending);
}

#[test]
fn a_channel_whose_frames_are_too_far_apart_times_out() {
    let mut encoder = encoder(ChannelPolicy { target_frames: 12, ..POLICY });
    fill(&mut encoder, 1..=1, 1_000_000);
    encoder.flush();
    let closed = encoder.advance(100, DaType::Blobs).expect("packs");
    assert!(closed[0].frames > 6, "{closed:?}");
    let first = encoder.next_tx(SubmissionId(0)).expect("data");
    assert_eq!(first.blob_count(), 6);
    encoder.next_tx(SubmissionId(1)).expect("data");
    encoder.mined(SubmissionId(0), 101);
    assert_eq!(encoder.timed_out(149), None);
    assert_eq!(encoder.timed_out(150), Some(ResetReason::ChannelTimedOut { last_l2_block: 1 }));
    encoder.mined(SubmissionId(1), 150);
    assert_eq!(encoder.timed_out(500), None);
}

#[test]
fn what_is_safe_is_forgotten() {
    let mut encoder = encoder(POLICY);
    fill(&mut encoder, 1..=4, 50);
    encoder.flush();
    encoder.advance(100, DaType::Calldata).expect("packs");
    fill(&mut encoder, 5..=6, 50);
    encoder.advance(100, DaType::Calldata).expect("packs");
    assert_eq!((encoder.blocks_len(), encoder.channels_len()), (6, 2));
    encoder.prune(3);
    assert_eq!((encoder.blocks_len(), encoder.channels_len()), (3, 2), "not all of it is safe");
    assert_eq!(encoder.view(100).parent_hash, hash(3));
    encoder.prune(4);
    assert_eq!((encoder.blocks_len(), encoder.channels_len()), (2, 1));
    // The open channel goes on with what comes next.
    fill(&mut encoder, 7..=7, 50);
    encoder.flush();
    let closed = encoder.advance(100, DaType::Calldata).expect("packs");
    assert_eq!((closed[0].first_block, closed[0].last_block), (5, 7));
    encoder.prune(9);
    assert_eq!((encoder.blocks_len(), encoder.channels_len()), (0, 0));
    assert_eq!(encoder.pending_bytes(), 0);
}

#[test]
fn an_open_channel_that_became_safe_is_dropped() {
    let mut encoder = encoder(POLICY);
    fill(&mut encoder, 1..=2, 50);
    encoder.advance(100, DaType::Calldata).expect("packs");
    encoder.prune(2);
    assert_eq!(encoder.channels_len(), 0);
    fill(&mut encoder, 3..=3, 50);
    encoder.flush();
    let closed = encoder.advance(100, DaType::Calldata).expect("packs");
    assert_eq!((closed[0].first_block, closed[0].last_block), (3, 3));
}

#[test]
fn clearing_leaves_nothing() {
    let mut encoder = encoder(POLICY);
    fill(&mut encoder, 1..=6, 700);
    encoder.advance(100, DaType::Calldata).expect("packs");
    encoder.clear();
    assert_eq!((encoder.blocks_len(), encoder.channels_len(), encoder.pending_bytes()), (0, 0, 0));
    assert_eq!(encoder.next_tx(SubmissionId(0)), None);
    encoder.add_block(block(4, 50)).expect("any block may be first");
}

#[test]
fn the_type_of_data_changes_with_a_new_channel_only() {
    let mut encoder = encoder(ChannelPolicy { duration_max: 0, ..POLICY });
    fill(&mut encoder, 1..=2, 50);
    encoder.advance(100, DaType::Calldata).expect("packs");
    fill(&mut encoder, 3..=3, 50);
    encoder.flush();
    let closed = encoder.advance(101, DaType::Blobs).expect("packs");
    assert_eq!((closed[0].da, closed[0].last_block), (DaType::Calldata, 3));
    fill(&mut encoder, 4..=4, 50);
    encoder.flush();
    assert_eq!(encoder.advance(102, DaType::Blobs).expect("packs")[0].da, DaType::Blobs);
    assert_eq!(encoder.next_da(), Some(DaType::Calldata));
    encoder.next_tx(SubmissionId(0)).expect("data");
    assert_eq!(encoder.next_da(), Some(DaType::Blobs));
}

#[test]
fn only_a_few_channels_are_made_ahead() {
    let mut encoder = encoder(ChannelPolicy { blocks_max: 1, ..POLICY });
    fill(&mut encoder, 1..=20, 50);
    let closed = encoder.advance(100, DaType::Calldata).expect("packs");
    assert_eq!(closed.len(), UNSENT_CHANNELS_MAX);
    encoder.next_tx(SubmissionId(0)).expect("data");
    assert_eq!(encoder.advance(100, DaType::Calldata).expect("packs").len(), 1);
}

#[test]
fn a_transaction_that_no_span_can_tell_goes_into_a_singular_batch() {
    let mut encoder =
        encoder(ChannelPolicy { batch_type: BatchType::Span, duration_max: 0, ..POLICY });
    for number in 1..=4 {
        let mut block = block(number, 50);
        if number != 3 {
            block.transactions.clear();
        }
        encoder.add_block(block).expect("next block");
    }
    encoder.flush();
    let closed = encoder.advance(100, DaType::Calldata).expect("packs");
    let ranges: Vec<_> = closed.iter().map(|c| (c.first_block, c.last_block, c.reason)).collect();
    assert_eq!(
        ranges,
        [
            (1, 2, CloseReason::BatchType),
            (3, 3, CloseReason::BatchType),
            (4, 4, CloseReason::Flushed)
        ]
    );
}

#[test]
fn saturation_stops_the_loading() {
    let mut encoder = encoder(POLICY);
    encoder.add_block(block(1, usize::try_from(HELD_BYTES_MAX).expect("fits") - 1)).expect("first");
    assert!(!encoder.is_saturated());
    encoder.add_block(block(2, 1)).expect("next");
    assert!(encoder.is_saturated());
    encoder.prune(1);
    assert!(!encoder.is_saturated());
}
