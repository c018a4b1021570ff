use alloy_primitives::{Bytes, FixedBytes};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use phala_batch::ChannelId;

use crate::{BlockRange, DaType, FrameRange, SubmissionId, TxData};

/// One entry of the journal: a tag, then RLP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// What a submission posts; comes before its first version.
    Data { id: SubmissionId, data: TxData },
    /// A signed transaction of a submission, written before it is sent.
    Version { id: SubmissionId, carries_frames: bool, raw: Bytes },
    /// A submission is deep enough in L1, or lost its nonce.
    Done { id: SubmissionId, nonce: u64, l1_block: u64 },
    /// What a compaction keeps of all submissions that are done.
    Floor { next_id: u64, next_nonce: u64, l1_block: u64 },
}

const DATA: u8 = 1;
const VERSION: u8 = 2;
const DONE: u8 = 3;
const FLOOR: u8 = 4;

#[derive(RlpEncodable, RlpDecodable)]
struct DataFields {
    id: u64,
    blobs: bool,
    channel: FixedBytes<16>,
    first_frame: u16,
    end_frame: u16,
    closes_channel: bool,
    first_block: u64,
    last_block: u64,
    items: Vec<Bytes>,
}

#[derive(RlpEncodable, RlpDecodable)]
struct VersionFields {
    id: u64,
    carries_frames: bool,
    raw: Bytes,
}

#[derive(RlpEncodable, RlpDecodable)]
struct Numbers {
    first: u64,
    second: u64,
    third: u64,
}

impl Record {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Data { id, data } => {
                out.push(DATA);
                encode_data(*id, data, &mut out);
            }
            Self::Version { id, carries_frames, raw } => {
                out.push(VERSION);
                let fields =
                    VersionFields { id: id.0, carries_frames: *carries_frames, raw: raw.clone() };
                fields.encode(&mut out);
            }
            Self::Done { id, nonce, l1_block } => {
                out.push(DONE);
                Numbers { first: id.0, second: *nonce, third: *l1_block }.encode(&mut out);
            }
            Self::Floor { next_id, next_nonce, l1_block } => {
                out.push(FLOOR);
                Numbers { first: *next_id, second: *next_nonce, third: *l1_block }.encode(&mut out);
            }
        }
        out
    }

    /// `None` for what no record looks like, bytes left over included.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&tag, mut rest) = bytes.split_first()?;
        let record = match tag {
            DATA => decode_data(&mut rest)?,
            VERSION => {
                let fields = VersionFields::decode(&mut rest).ok()?;
                Self::Version {
                    id: SubmissionId(fields.id),
                    carries_frames: fields.carries_frames,
                    raw: fields.raw,
                }
            }
            DONE => {
                let Numbers { first, second, third } = Numbers::decode(&mut rest).ok()?;
                Self::Done { id: SubmissionId(first), nonce: second, l1_block: third }
            }
            FLOOR => {
                let Numbers { first, second, third } = Numbers::decode(&mut rest).ok()?;
                Self::Floor { next_id: first, next_nonce: second, l1_block: third }
            }
            _ => return None,
        };
        rest.is_empty().then_some(record)
    }
}

fn encode_data(id: SubmissionId, data: &TxData, out: &mut Vec<u8>) {
    // Submissions without frames have no data record; an empty range stands for none.
    let none = FrameRange {
        channel: ChannelId::default(),
        frames: 0..0,
        closes_channel: false,
        blocks: BlockRange { first: 0, last: 0 },
    };
    let carries = data.carries.as_ref().unwrap_or(&none);
    let fields = DataFields {
        id: id.0,
        blobs: data.da == DaType::Blobs,
        channel: carries.channel.0.into(),
        first_frame: carries.frames.start,
        end_frame: carries.frames.end,
        closes_channel: carries.closes_channel,
        first_block: carries.blocks.first,
        last_block: carries.blocks.last,
        items: data.items.clone(),
    };
    fields.encode(out);
}

fn decode_data(rest: &mut &[u8]) -> Option<Record> {
    let fields = DataFields::decode(rest).ok()?;
    let carries = (fields.first_frame < fields.end_frame).then_some(FrameRange {
        channel: ChannelId(fields.channel.0),
        frames: fields.first_frame..fields.end_frame,
        closes_channel: fields.closes_channel,
        blocks: BlockRange { first: fields.first_block, last: fields.last_block },
    });
    let da = if fields.blobs { DaType::Blobs } else { DaType::Calldata };
    let data = TxData { da, carries, items: fields.items };
    Some(Record::Data { id: SubmissionId(fields.id), data })
}

#[cfg(test)]
mod tests {
    use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    pub(crate) fn examples() -> Vec<Record> {
        let data = |da, items| TxData {
            da,
            carries: Some(FrameRange {
                channel: ChannelId([9; 16]),
                frames: 3..5,
                closes_channel: true,
                blocks: BlockRange { first: 10, last: 99 },
            }),
            items,
        };
        let id = SubmissionId(7);
        vec![
            Record::Data {
                id,
                data: data(DaType::Blobs, vec![vec![1; 40].into(), vec![2].into()]),
            },
            Record::Data { id, data: data(DaType::Calldata, vec![vec![0; 300].into()]) },
            Record::Data { id, data: TxData::empty(DaType::Blobs) },
            Record::Version { id, carries_frames: true, raw: vec![3; 120].into() },
            Record::Done { id, nonce: 12, l1_block: 1_000 },
            Record::Floor { next_id: 8, next_nonce: 13, l1_block: 1_000 },
        ]
    }

    #[test]
    fn records_come_back_as_they_were() {
        for record in examples() {
            let encoded = record.encode();
            assert_eq!(Record::decode(&encoded), Some(record));
            let longer = [encoded.as_slice(), &[0]].concat();
            assert_eq!(Record::decode(&longer), None);
        }
    }

    #[test]
    fn bytes_are_as_documented() {
        let done = Record::Done { id: SubmissionId(7), nonce: 12, l1_block: 1_000 };
        assert_eq!(done.encode(), [3, 0xc5, 7, 12, 0x82, 0x03, 0xe8]);
    }

    #[test]
    fn damaged_records_never_panic() {
        let seed = 20_261_121;
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        for record in examples() {
            let encoded = record.encode();
            for len in 0..encoded.len() {
                assert_eq!(Record::decode(&encoded[..len]), None);
            }
            for _ in 0..2_000 {
                let mut damaged = encoded.clone();
                let at = random.random_range(0..damaged.len());
                damaged[at] = random.random();
                let _ = Record::decode(&damaged);
            }
        }
    }
}
