use std::collections::VecDeque;

use alloy_eips::eip4844::Blob;
use alloy_primitives::{Address, Bytes};
use phala_batch::decode_blob;
use phala_primitives::{BlockRef, L1BlockRef};
use tracing::warn;

use crate::{BlobId, DeriveError, InboxTransaction};

/// Batcher data of the L1 blocks that have been reached, in order.
///
/// One block is kept with its data. Blocks that are reached before that one is read through, which
/// takes a batch that refers to L1 blocks of the future, are asked for again when their turn comes.
#[derive(Debug, Default)]
pub(crate) struct L1Retrieval {
    unread: VecDeque<UnreadBlock>,
}

/// What the stage has next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Retrieved {
    /// Data of one transaction, or of one blob, of the L1 block of this height.
    Data(u64, Bytes),
    /// A blob that holds none.
    Void,
    /// The block must be given again.
    NeedBlock(L1BlockRef),
    /// The block's blobs must be given.
    NeedBlobs(L1BlockRef, Vec<BlobId>),
    /// Everything has been read.
    End,
}

#[derive(Debug)]
struct UnreadBlock {
    block: L1BlockRef,
    batcher: Address,
    /// `None` where it was not kept.
    data: Option<VecDeque<Source>>,
}

#[derive(Debug)]
enum Source {
    Calldata(Bytes),
    BlobId(BlobId),
    Blob(Box<Blob>),
}

impl L1Retrieval {
    /// Adds the next block. `batcher` is the batcher with the updates of that same block.
    pub(crate) fn push(
        &mut self,
        block: L1BlockRef,
        batcher: Address,
        inbox: Vec<InboxTransaction>,
    ) {
        let data = self.unread.is_empty().then(|| sources(batcher, inbox));
        self.unread.push_back(UnreadBlock { block, batcher, data });
    }

    /// The block that is being read.
    pub(crate) fn unread(&self) -> Option<BlockRef> {
        self.unread.front().map(|front| front.block.id())
    }

    /// Gives a block again, if that is the one being waited for.
    pub(crate) fn supply(&mut self, block: L1BlockRef, inbox: Vec<InboxTransaction>) {
        if let Some(front) = self.unread.front_mut()
            && front.block.hash == block.hash
            && front.data.is_none()
        {
            front.data = Some(sources(front.batcher, inbox));
        }
    }

    /// Gives the blobs of the block that is being read.
    pub(crate) fn supply_blobs(&mut self, blobs: Vec<Box<Blob>>) -> Result<(), DeriveError> {
        let data = self.unread.front_mut().and_then(|front| front.data.as_mut());
        let missing = data.into_iter().flatten().filter(|source| source.blob_id().is_some());
        let missing: Vec<_> = missing.collect();
        if missing.len() != blobs.len() {
            let (actual, expected) = (blobs.len() as u64, missing.len() as u64);
            return Err(DeriveError::WrongData { what: "number of blobs", actual, expected });
        }
        for (source, blob) in missing.into_iter().zip(blobs) {
            *source = Source::Blob(blob);
        }
        Ok(())
    }

    /// The next piece of data.
    pub(crate) fn next(&mut self) -> Retrieved {
        loop {
            let Some(front) = self.unread.front_mut() else { return Retrieved::End };
            let Some(data) = &mut front.data else { return Retrieved::NeedBlock(front.block) };
            let number = front.block.number;
            match data.pop_front() {
                None => {
                    self.unread.pop_front();
                }
                Some(Source::Calldata(data)) => return Retrieved::Data(number, data),
                Some(Source::Blob(blob)) => {
                    return match decode_blob(&blob) {
                        Ok(data) => Retrieved::Data(number, data),
                        Err(error) => {
                            warn!(l1_block = number, %error, "ignored a blob of the batcher");
                            Retrieved::Void
                        }
                    };
                }
                Some(source @ Source::BlobId(_)) => {
                    data.push_front(source);
                    let missing = data.iter().filter_map(Source::blob_id).collect();
                    return Retrieved::NeedBlobs(front.block, missing);
                }
            }
        }
    }
}

impl Source {
    const fn blob_id(&self) -> Option<BlobId> {
        match self {
            Self::BlobId(id) => Some(*id),
            Self::Calldata(_) | Self::Blob(_) => None,
        }
    }
}

/// What the batcher sent, in order. Of a blob transaction the calldata means nothing.
fn sources(batcher: Address, inbox: Vec<InboxTransaction>) -> VecDeque<Source> {
    let mut sources = VecDeque::new();
    for tx in inbox.into_iter().filter(|tx| tx.from == batcher) {
        if tx.is_blob {
            sources.extend(tx.blobs.into_iter().map(Source::BlobId));
        } else {
            sources.push_back(Source::Calldata(tx.input));
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use phala_batch::encode_blob;

    use super::*;

    const BATCHER: Address = Address::repeat_byte(1);

    fn block(number: u64) -> L1BlockRef {
        L1BlockRef { hash: B256::with_last_byte(number as u8), number, ..Default::default() }
    }

    fn calldata(from: Address, input: &'static [u8]) -> InboxTransaction {
        InboxTransaction { from, input: Bytes::from_static(input), ..Default::default() }
    }

    fn blobs(indices: &[u64]) -> InboxTransaction {
        let id = |index: &u64| BlobId { index: *index, versioned_hash: B256::repeat_byte(9) };
        InboxTransaction {
            from: BATCHER,
            input: Bytes::from_static(b"ignored"),
            blobs: indices.iter().map(id).collect(),
            is_blob: true,
        }
    }

    fn data(number: u64, data: &'static [u8]) -> Retrieved {
        Retrieved::Data(number, Bytes::from_static(data))
    }

    #[test]
    fn only_the_batcher_is_heard() {
        let mut retrieval = L1Retrieval::default();
        let other = Address::repeat_byte(2);
        let inbox = vec![calldata(other, b"x"), calldata(BATCHER, b"a"), calldata(BATCHER, b"b")];
        retrieval.push(block(7), BATCHER, inbox);
        assert_eq!(retrieval.next(), data(7, b"a"));
        assert_eq!(retrieval.next(), data(7, b"b"));
        assert_eq!(retrieval.next(), Retrieved::End);
        assert_eq!(retrieval.next(), Retrieved::End);
    }

    #[test]
    fn calldata_and_blobs_come_in_the_order_of_the_block() {
        let mut retrieval = L1Retrieval::default();
        let inbox = vec![calldata(BATCHER, b"a"), blobs(&[4, 5]), calldata(BATCHER, b"b")];
        retrieval.push(block(7), BATCHER, inbox);
        assert_eq!(retrieval.next(), data(7, b"a"));
        let ids = blobs(&[4, 5]).blobs;
        assert_eq!(retrieval.next(), Retrieved::NeedBlobs(block(7), ids.clone()));
        // Asked again, it answers the same.
        assert_eq!(retrieval.next(), Retrieved::NeedBlobs(block(7), ids));
        let blob = |data: &[u8]| encode_blob(data).unwrap();
        assert!(retrieval.supply_blobs(vec![blob(b"c")]).is_err());
        // A blob with a field element that uses its high bits is no blob of a batcher.
        let mut bad = blob(b"d");
        bad[32] = 0xff;
        retrieval.supply_blobs(vec![bad, blob(b"c")]).unwrap();
        assert_eq!(retrieval.next(), Retrieved::Void);
        assert_eq!(retrieval.next(), data(7, b"c"));
        assert_eq!(retrieval.next(), data(7, b"b"));
        assert_eq!(retrieval.next(), Retrieved::End);
        assert!(retrieval.supply_blobs(vec![blob(b"c")]).is_err());
    }

    #[test]
    fn blocks_reached_too_early_are_asked_for_again() {
        let mut retrieval = L1Retrieval::default();
        for number in 7..10 {
            retrieval.push(block(number), BATCHER, vec![calldata(BATCHER, b"a")]);
        }
        assert_eq!(retrieval.next(), data(7, b"a"));
        assert_eq!(retrieval.next(), Retrieved::NeedBlock(block(8)));
        retrieval.supply(block(9), vec![calldata(BATCHER, b"c")]);
        assert_eq!(retrieval.next(), Retrieved::NeedBlock(block(8)));
        retrieval.supply(block(8), vec![calldata(BATCHER, b"b")]);
        assert_eq!(retrieval.next(), data(8, b"b"));
        assert_eq!(retrieval.next(), Retrieved::NeedBlock(block(9)));
        retrieval.supply(block(9), Vec::new());
        assert_eq!(retrieval.next(), Retrieved::End);
    }
}
