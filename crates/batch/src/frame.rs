use std::fmt;

use alloy_primitives::{Bytes, hex};

use crate::{FrameError, MAX_FRAME_DATA};

/// Bytes a frame takes on the wire besides its data.
pub const FRAME_OVERHEAD: usize = 16 + 2 + 4 + 1;

/// First byte of the data of a batcher transaction.
const DERIVATION_VERSION: u8 = 0;

/// Random name the batcher gives a channel.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(pub [u8; 16]);

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A numbered piece of a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The channel it belongs to.
    pub id: ChannelId,
    /// Place in the channel, from 0.
    pub number: u16,
    /// The piece itself.
    pub data: Bytes,
    /// Whether the channel ends here.
    pub is_last: bool,
}

impl Frame {
    /// Bytes on the wire.
    pub const fn encoded_len(&self) -> usize {
        FRAME_OVERHEAD + self.data.0.len()
    }
}

/// Reads the frames in the data of a batcher transaction: calldata, or what a blob decodes to.
///
/// All or nothing: one bad byte makes the whole data void, as the specification demands.
pub fn parse_frames(tx_data: &[u8]) -> Result<Vec<Frame>, FrameError> {
    let (&version, mut rest) = tx_data.split_first().ok_or(FrameError::Empty)?;
    if version != DERIVATION_VERSION {
        return Err(FrameError::Version(version));
    }
    if rest.is_empty() {
        return Err(FrameError::Empty);
    }
    let mut frames = Vec::new();
    while !rest.is_empty() {
        frames.push(parse_frame(&mut rest)?);
    }
    Ok(frames)
}

fn parse_frame(rest: &mut &[u8]) -> Result<Frame, FrameError> {
    let cut = FrameError::Truncated;
    let (id, tail) = rest.split_first_chunk::<16>().ok_or(cut)?;
    let (number, tail) = tail.split_first_chunk::<2>().ok_or(cut)?;
    let (len, tail) = tail.split_first_chunk::<4>().ok_or(cut)?;
    let len = u32::from_be_bytes(*len);
    let len_usize = usize::try_from(len).unwrap_or(usize::MAX);
    if len_usize > MAX_FRAME_DATA {
        return Err(FrameError::DataTooLong(len));
    }
    let (data, tail) = tail.split_at_checked(len_usize).ok_or(cut)?;
    let (&is_last, tail) = tail.split_first().ok_or(cut)?;
    if is_last > 1 {
        return Err(FrameError::IsLast(is_last));
    }
    *rest = tail;
    Ok(Frame {
        id: ChannelId(*id),
        number: u16::from_be_bytes(*number),
        data: Bytes::copy_from_slice(data),
        is_last: is_last == 1,
    })
}

/// Writes frames as the data of one batcher transaction, version byte included.
///
/// # Panics
///
/// When the data of a frame is longer than [`MAX_FRAME_DATA`]: nobody could read it.
pub fn encode_frames(frames: &[Frame]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + frames.iter().map(Frame::encoded_len).sum::<usize>());
    out.push(DERIVATION_VERSION);
    for frame in frames {
        assert!(frame.data.len() <= MAX_FRAME_DATA, "frame of {} bytes", frame.data.len());
        let len = u32::try_from(frame.data.len()).expect("the bound fits 32 bits");
        out.extend_from_slice(&frame.id.0);
        out.extend_from_slice(&frame.number.to_be_bytes());
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(&frame.data);
        out.push(u8::from(frame.is_last));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(number: u16, data: &'static [u8], is_last: bool) -> Frame {
        Frame { id: ChannelId([7; 16]), number, data: Bytes::from_static(data), is_last }
    }

    #[test]
    fn what_is_encoded_parses_to_the_same() {
        let frames =
            vec![frame(0, b"", false), frame(1, b"abc", false), frame(u16::MAX, b"d", true)];
        let encoded = encode_frames(&frames);
        assert_eq!(encoded.len(), 1 + 3 * FRAME_OVERHEAD + 4);
        assert_eq!(parse_frames(&encoded).unwrap(), frames);
    }

    #[test]
    fn bytes_are_where_the_specification_puts_them() {
        let encoded = encode_frames(&[frame(0x0102, b"\xaa\xbb", true)]);
        let mut expected = vec![0];
        expected.extend([7; 16]);
        expected.extend([1, 2, 0, 0, 0, 2, 0xaa, 0xbb, 1]);
        assert_eq!(encoded, expected);
    }

    #[test]
    fn one_bad_byte_voids_all_frames() {
        let good = encode_frames(&[frame(0, b"abc", false), frame(1, b"def", true)]);
        assert_eq!(parse_frames(&[]), Err(FrameError::Empty));
        assert_eq!(parse_frames(&[0]), Err(FrameError::Empty));
        let mut version = good.clone();
        version[0] = 1;
        assert_eq!(parse_frames(&version), Err(FrameError::Version(1)));
        let mut last = good.clone();
        *last.last_mut().unwrap() = 2;
        assert_eq!(parse_frames(&last), Err(FrameError::IsLast(2)));
        let mut trailing = good.clone();
        trailing.push(0);
        assert_eq!(parse_frames(&trailing), Err(FrameError::Truncated));
        for len in 2..good.len() {
            let whole_first_frame = len == 1 + FRAME_OVERHEAD + 3;
            assert_eq!(parse_frames(&good[..len]).is_ok(), whole_first_frame, "cut at {len}");
        }
    }

    #[test]
    fn data_length_is_bounded() {
        let longest = Frame { data: Bytes::from(vec![1; MAX_FRAME_DATA]), ..frame(0, b"", true) };
        let mut encoded = encode_frames(std::slice::from_ref(&longest));
        assert_eq!(parse_frames(&encoded).unwrap(), [longest]);
        encoded[19..23].copy_from_slice(&1_000_001_u32.to_be_bytes());
        encoded.push(0);
        assert_eq!(parse_frames(&encoded), Err(FrameError::DataTooLong(1_000_001)));
    }
}
