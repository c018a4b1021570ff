use std::collections::VecDeque;

use phala_batch::{Frame, parse_frames};
use tracing::warn;

/// Frames of one piece of batcher data, without those that cannot be part of a channel.
///
/// It is empty before the next piece is loaded, so it never holds more than one blob or one
/// transaction's calldata.
#[derive(Debug, Default)]
pub(crate) struct FrameQueue {
    frames: VecDeque<Frame>,
    /// Height of the L1 block the frames are from.
    l1_block: u64,
}

impl FrameQueue {
    /// Takes the data of one transaction or blob. What does not parse is void as a whole.
    pub(crate) fn load(&mut self, l1_block: u64, data: &[u8]) {
        debug_assert!(self.frames.is_empty(), "frames are read before more are loaded");
        match parse_frames(data) {
            Ok(frames) => self.frames = prune(frames).into(),
            Err(error) => warn!(l1_block, %error, "ignored data of the batcher"),
        }
        self.l1_block = l1_block;
    }

    /// The next frame, with the height of the L1 block it is from.
    pub(crate) fn next(&mut self) -> Option<(u64, Frame)> {
        self.frames.pop_front().map(|frame| (self.l1_block, frame))
    }
}

/// What remains of a frame beside the one before it ("Frame Queue" in the Holocene derivation).
fn prune(frames: Vec<Frame>) -> Vec<Frame> {
    let mut kept: Vec<Frame> = Vec::with_capacity(frames.len());
    for next in frames {
        // Every round either ends or drops a frame for good, so this is linear.
        let fits = loop {
            let Some(last) = kept.last() else { break true };
            if last.id == next.id {
                let follows = last.number.checked_add(1) == Some(next.number);
                break follows && !last.is_last;
            }
            if next.number != 0 {
                break false;
            }
            if last.is_last {
                break true;
            }
            // A new channel begins: what there is of the unfinished one is lost.
            kept.pop();
        };
        if fits {
            kept.push(next);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Bytes;
    use phala_batch::{ChannelId, encode_frames};
    use serde_json::Value;

    use super::*;
    use crate::vectors;

    /// Reads `<channel>:<number>:<!>`.
    fn frame(text: &Value) -> Frame {
        let parts: Vec<_> = text.as_str().unwrap().split(':').collect();
        let [id, number, last] = parts[..] else { panic!("{text}") };
        Frame {
            id: ChannelId([id.as_bytes()[0]; 16]),
            number: number.parse().unwrap(),
            data: Bytes::new(),
            is_last: last == "!",
        }
    }

    #[test]
    fn prunes_as_recorded() {
        let Some(file) = vectors::json("vectors/frame_prune.json") else { return };
        let cases = file["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 15);
        for case in cases {
            let frames =
                |key: &str| case[key].as_array().unwrap().iter().map(frame).collect::<Vec<_>>();
            assert_eq!(prune(frames("frames")), frames("expected"), "{}", case["name"]);
        }
    }

    #[test]
    fn void_data_gives_no_frames() {
        let mut queue = FrameQueue::default();
        queue.load(3, b"garbage");
        assert_eq!(queue.next(), None);
        let frame = frame(&"a:0:!".into());
        let mut data = encode_frames(std::slice::from_ref(&frame));
        queue.load(4, &data);
        assert_eq!(queue.next(), Some((4, frame)));
        assert_eq!(queue.next(), None);
        data.push(0);
        queue.load(5, &data);
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn the_last_number_has_no_successor() {
        let last = frame(&"a:65535:".into());
        let again = frame(&"a:0:".into());
        assert_eq!(prune(vec![last.clone(), again]), vec![last]);
    }
}
