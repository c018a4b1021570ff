use phala_batch::SpanBatch;
use phala_primitives::L2BlockRef;

use crate::{l1_blocks::L1Blocks, rollup::Rollup, singular_validity::Validity};

/// What becomes of a span batch before its blocks are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpanPrefix {
    /// The rules decide.
    Checked(Validity),
    /// The span starts at or below the safe head, and the L2 block of this height, before its first,
    /// must be known.
    NeedParent(u64),
}

/// Judges a span batch as a whole, for a safe head `safe`. `inclusion` is the height of the newest L1
/// block that has been read; `overlap_parent` is the block before the span, where the span overlaps
/// the safe chain.
///
/// The order of the rules is that of the specification's table. What overlapped blocks hold is
/// compared afterwards.
pub(crate) fn check_span_prefix(
    rollup: &Rollup,
    l1_blocks: &L1Blocks,
    safe: &L2BlockRef,
    span: &SpanBatch,
    inclusion: u64,
    overlap_parent: Option<&L2BlockRef>,
) -> SpanPrefix {
    let parent = match parent_of_span(rollup, l1_blocks, safe, span) {
        Ok(Parent::SafeHead) => safe,
        Ok(Parent::Overlapped(number)) => match overlap_parent {
            Some(parent) => parent,
            None => return SpanPrefix::NeedParent(number),
        },
        Err(validity) => return SpanPrefix::Checked(validity),
    };
    SpanPrefix::Checked(check_against_parent(rollup, l1_blocks, parent, span, inclusion))
}

/// How many of the span's first blocks are at or below the safe head.
pub(crate) fn overlapped_blocks(rollup: &Rollup, safe: &L2BlockRef, span: &SpanBatch) -> usize {
    let Some(ahead) = safe.timestamp.checked_sub(span.start_timestamp) else { return 0 };
    let blocks = ahead / rollup.block_time_secs + 1;
    usize::try_from(blocks).unwrap_or(usize::MAX).min(span.blocks.len())
}

enum Parent {
    SafeHead,
    Overlapped(u64),
}

fn parent_of_span(
    rollup: &Rollup,
    l1_blocks: &L1Blocks,
    safe: &L2BlockRef,
    span: &SpanBatch,
) -> Result<Parent, Validity> {
    let epoch = l1_blocks.first().ok_or(Validity::Undecided)?;
    if span.start_epoch() == epoch.number.saturating_add(1) && l1_blocks.second().is_none() {
        return Err(Validity::Undecided);
    }
    let next_timestamp = safe.timestamp.saturating_add(rollup.block_time_secs);
    if span.start_timestamp > next_timestamp {
        return Err(Validity::Drop("span starts in the future"));
    }
    if span.end_timestamp() < next_timestamp {
        return Err(Validity::Past);
    }
    if span.start_timestamp == next_timestamp {
        return Ok(Parent::SafeHead);
    }
    let back = safe.timestamp.checked_sub(span.start_timestamp);
    let back = back.filter(|back| back.is_multiple_of(rollup.block_time_secs));
    let Some(back) = back else {
        return Err(Validity::Drop("span starts between two blocks"));
    };
    // A span that includes the genesis block has no parent, now or later.
    let parent = safe.number.checked_sub(back / rollup.block_time_secs);
    let parent = parent.and_then(|start| start.checked_sub(1));
    parent.map(Parent::Overlapped).ok_or(Validity::Drop("span starts at or before genesis"))
}

fn check_against_parent(
    rollup: &Rollup,
    l1_blocks: &L1Blocks,
    parent: &L2BlockRef,
    span: &SpanBatch,
    inclusion: u64,
) -> Validity {
    if parent.hash[..20] != span.parent_check {
        return Validity::Drop("parent check fails");
    }
    let start_epoch = span.start_epoch();
    if start_epoch.saturating_add(rollup.seq_window_size) < inclusion {
        return Validity::Drop("sequencing window is over");
    }
    if start_epoch > parent.l1_origin.number.saturating_add(1) {
        return Validity::Drop("span starts in an epoch that is too new");
    }
    match l1_blocks.get(span.l1_origin_num) {
        Some(origin) if origin.hash[..20] != span.l1_origin_check => {
            return Validity::Drop("l1 origin check fails");
        }
        Some(_) => {}
        // Older blocks than those at hand never come back.
        None if l1_blocks.first().is_some_and(|first| span.l1_origin_num < first.number) => {
            return Validity::Drop("last epoch of the span is over");
        }
        None => return Validity::Undecided,
    }
    if start_epoch < parent.l1_origin.number {
        return Validity::Drop("span starts in an epoch that is too old");
    }
    Validity::Accept
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Bytes;
    use phala_batch::SpanBlock;

    use super::*;
    use crate::vectors::{self, ValidityCase, field};

    fn check(bytes: Bytes) -> [u8; 20] {
        bytes.as_ref().try_into().unwrap()
    }

    #[test]
    fn judges_prefixes_as_recorded() {
        let Some(file) = vectors::json("vectors/batch_validity_span_prefix.json") else { return };
        let cases = file["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 13);
        for case in cases {
            let ValidityCase { rollup, l1_blocks, safe, inclusion } =
                ValidityCase::new(&file["config"], case);
            let described = &case["span"];
            let start_timestamp: u64 = field(described, "start_timestamp");
            let count: u64 = field(described, "block_count");
            let (first, last): (u64, u64) =
                (field(described, "start_epoch_num"), field(described, "end_epoch_num"));
            let block = |index: u64| SpanBlock {
                timestamp: start_timestamp + index * rollup.block_time_secs,
                epoch_number: (first + index).min(last),
                transactions: Vec::new(),
            };
            let span = SpanBatch {
                start_timestamp,
                l1_origin_num: last,
                parent_check: check(field(described, "parent_check")),
                l1_origin_check: check(field(described, "l1_origin_check")),
                starts_epoch: false,
                blocks: (0..count).map(block).collect(),
            };
            let judge = |parent: Option<&L2BlockRef>| {
                check_span_prefix(&rollup, &l1_blocks, &safe, &span, inclusion, parent)
            };
            let validity = match judge(None) {
                SpanPrefix::Checked(validity) => validity,
                SpanPrefix::NeedParent(number) => {
                    let known = case["known_l2_blocks"].as_array().unwrap();
                    let parent = known.iter().find(|block| block["number"] == number).unwrap();
                    match judge(Some(&vectors::l2_block(parent))) {
                        SpanPrefix::Checked(validity) => validity,
                        other => panic!("{other:?} with the parent at hand"),
                    }
                }
            };
            let name = match validity {
                Validity::Accept => "accept",
                Validity::Drop(_) => "drop",
                Validity::Past => "past",
                Validity::Undecided => "undecided",
            };
            let expected: String = field(case, "expected");
            let expected = expected.split(' ').next().unwrap();
            assert_eq!(expected, name, "{}: {validity:?}", case["name"]);
        }
    }
}
