use alloy_primitives::{B256, Bytes};
use op_alloy_consensus::DEPOSIT_TX_TYPE_ID;
use phala_primitives::L2BlockRef;

use crate::{
    l1_blocks::L1Blocks,
    rollup::{MAX_SEQUENCER_DRIFT_SECS, Rollup},
};

/// What becomes of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// It is the next block.
    Accept,
    /// It is invalid, and with it what follows in its channel.
    Drop(&'static str),
    /// It is about blocks that are safe already.
    Past,
    /// More of L1 must be known.
    Undecided,
}

/// The next block according to a batch, with what a span batch leaves out filled in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) parent_hash: B256,
    pub(crate) epoch_number: u64,
    pub(crate) epoch_hash: B256,
    pub(crate) timestamp: u64,
    pub(crate) transactions: &'a [Bytes],
}

/// Judges a candidate for the block after `safe`. `inclusion` is the height of the newest L1 block
/// that has been read.
///
/// The order of the rules is that of the specification's table; the first that matches decides.
/// Types of transactions are left to the engine, as in other implementations: one it does not know
/// turns the block into one of deposits only.
pub(crate) fn check_singular(
    rollup: &Rollup,
    l1_blocks: &L1Blocks,
    safe: &L2BlockRef,
    batch: &Candidate<'_>,
    inclusion: u64,
) -> Validity {
    let Some(epoch) = l1_blocks.first() else { return Validity::Undecided };
    let next_timestamp = safe.timestamp.saturating_add(rollup.block_time_secs);
    if batch.timestamp > next_timestamp {
        return Validity::Drop("timestamp is in the future");
    }
    if batch.timestamp < next_timestamp {
        return Validity::Past;
    }
    if batch.parent_hash != safe.hash {
        return Validity::Drop("parent is not the safe head");
    }
    if batch.epoch_number.saturating_add(rollup.seq_window_size) < inclusion {
        return Validity::Drop("sequencing window is over");
    }
    if batch.epoch_number < epoch.number {
        return Validity::Drop("epoch is over");
    }
    // Where the current epoch ended without a block of its own being derived yet, the next one is
    // two after the safe head's, and nobody could build a block for it.
    if batch.epoch_number > safe.l1_origin.number.saturating_add(1) {
        return Validity::Drop("an epoch is left out");
    }
    let is_new_epoch = batch.epoch_number > epoch.number;
    let origin = match l1_blocks.second() {
        _ if !is_new_epoch => epoch,
        Some(next) => next,
        None => return Validity::Undecided,
    };
    if batch.epoch_hash != origin.hash {
        return Validity::Drop("epoch hash is not that of l1");
    }
    if batch.timestamp < origin.timestamp {
        return Validity::Drop("time is before that of the l1 origin");
    }
    if batch.timestamp > origin.timestamp.saturating_add(MAX_SEQUENCER_DRIFT_SECS) {
        if !batch.transactions.is_empty() {
            return Validity::Drop("transactions beyond the sequencer drift");
        }
        // Without transactions time may run ahead, but only until a newer origin can be taken.
        if !is_new_epoch {
            match l1_blocks.second() {
                None => return Validity::Undecided,
                Some(next) if batch.timestamp >= next.timestamp => {
                    return Validity::Drop("l1 origin could have advanced");
                }
                Some(_) => {}
            }
        }
    }
    check_transactions(batch.transactions)
}

fn check_transactions(transactions: &[Bytes]) -> Validity {
    for tx in transactions {
        match tx.first() {
            None => return Validity::Drop("empty transaction"),
            Some(&DEPOSIT_TX_TYPE_ID) => return Validity::Drop("deposit in a batch"),
            Some(_) => {}
        }
    }
    Validity::Accept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{self, ValidityCase, field};

    #[test]
    fn judges_as_recorded() {
        let Some(file) = vectors::json("vectors/batch_validity_singular.json") else { return };
        let cases = file["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 27);
        for case in cases {
            let ValidityCase { rollup, l1_blocks, safe, inclusion } =
                ValidityCase::new(&file["config"], case);
            let batch = &case["batch"];
            let transactions: Vec<Bytes> = field(batch, "transactions");
            let candidate = Candidate {
                parent_hash: field(batch, "parent_hash"),
                epoch_number: field(batch, "epoch_num"),
                epoch_hash: field(batch, "epoch_hash"),
                timestamp: field(batch, "timestamp"),
                transactions: &transactions,
            };
            let validity = check_singular(&rollup, &l1_blocks, &safe, &candidate, inclusion);
            let name = match validity {
                Validity::Accept => "accept",
                Validity::Drop(_) => "drop",
                Validity::Past => "past",
                Validity::Undecided => "undecided",
            };
            assert_eq!(case["expected"], name, "{}: {validity:?}", case["name"]);
        }
    }

    #[test]
    fn no_epoch_is_left_out_after_one_ended_without_a_block() {
        let Some(file) = vectors::json("vectors/batch_validity_singular.json") else { return };
        let case = ValidityCase::new(&file["config"], &file["cases"][0]);
        let ValidityCase { rollup, mut l1_blocks, mut safe, inclusion } = case;
        let (first, second) = (*l1_blocks.first().unwrap(), *l1_blocks.second().unwrap());
        let third = *l1_blocks.get(second.number + 1).unwrap();
        safe.timestamp = third.timestamp;
        l1_blocks.prune_below(second.number);
        let check = |epoch: &crate::L1Header| {
            let batch = Candidate {
                parent_hash: safe.hash,
                epoch_number: epoch.number,
                epoch_hash: epoch.hash,
                timestamp: safe.timestamp + rollup.block_time_secs,
                transactions: &[],
            };
            check_singular(&rollup, &l1_blocks, &safe, &batch, inclusion)
        };
        assert_eq!(check(&first), Validity::Drop("epoch is over"));
        assert_eq!(check(&second), Validity::Accept);
        assert_eq!(check(&third), Validity::Drop("an epoch is left out"));
    }
}
