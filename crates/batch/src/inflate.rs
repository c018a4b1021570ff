//! RFC 1950 and 1951, giving away every byte that is decoded before an error.
//!
//! Written out here because how much a broken stream yields decides what is derived from it, and
//! libraries keep that to themselves: they hold back up to a window on errors, and differ in the
//! code tables they accept. The rules are those of Go's `compress/flate`, on which the reference
//! implementation runs. The checksum at the end is not looked at: all data has been used by then.

use alloy_primitives::Bytes;

use crate::BatchError;

/// How far back a copy may reach, and so what the caller has to keep of the output.
pub(crate) const WINDOW_LEN: usize = 1 << 15;

/// Symbol that ends a block.
const END_OF_BLOCK: usize = 256;
/// Literal and length symbols a block may define, and those that mean something.
const LITERALS_MAX: usize = 286;
/// Distance symbols.
const DISTANCES_MAX: usize = 30;
/// Order in which the lengths of the code for code lengths come.
const LENGTH_CODE_ORDER: [usize; 19] =
    [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/// The checksum of an empty dictionary: the only one a stream may ask for.
const EMPTY_DICTIONARY: u32 = 1;

/// A zlib stream on its way to being plain.
#[derive(Debug)]
pub(crate) struct Inflate {
    bits: BitReader,
    state: State,
    is_final_block: bool,
    literals: Huffman,
    distances: Huffman,
    /// Bytes decoded so far, up to [`WINDOW_LEN`].
    history_len: usize,
}

#[derive(Clone, Copy, Debug)]
enum State {
    StreamHeader,
    BlockHeader,
    Stored { remaining: usize },
    Compressed,
    End,
}

impl Inflate {
    pub(crate) fn new(input: Bytes) -> Self {
        Self {
            bits: BitReader { input, position: 0, bits: 0, count: 0 },
            state: State::StreamHeader,
            is_final_block: false,
            literals: Huffman::default(),
            distances: Huffman::default(),
            history_len: 0,
        }
    }

    /// Appends to the output until it is about `len` long. False at the end of the stream.
    ///
    /// The output must still end with the last [`WINDOW_LEN`] bytes given before. After an error
    /// it has everything decoded up to there, and this must not be called again.
    pub(crate) fn fill(&mut self, out: &mut Vec<u8>, len: usize) -> Result<bool, BatchError> {
        while out.len() < len {
            let before = out.len();
            let step = self.step(out, len);
            self.history_len = (self.history_len + out.len() - before).min(WINDOW_LEN);
            step?;
            if let State::End = self.state {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn step(&mut self, out: &mut Vec<u8>, len: usize) -> Result<(), BatchError> {
        match self.state {
            State::StreamHeader => self.read_stream_header(),
            State::BlockHeader if self.is_final_block => {
                self.state = State::End;
                Ok(())
            }
            State::BlockHeader => self.read_block_header(),
            State::Stored { remaining } => {
                let wanted = remaining.min(len - out.len());
                let copied = self.bits.copy(wanted, out);
                self.state = match remaining - copied {
                    0 => State::BlockHeader,
                    remaining => State::Stored { remaining },
                };
                if copied < wanted { Err(END_OF_INPUT) } else { Ok(()) }
            }
            State::Compressed => self.read_symbols(out, len),
            State::End => Ok(()),
        }
    }

    fn read_stream_header(&mut self) -> Result<(), BatchError> {
        let method = self.bits.take(8)?;
        let flags = self.bits.take(8)?;
        if method & 0x0f != 8 || method >> 4 > 7 || ((method << 8) | flags) % 31 != 0 {
            return Err(BatchError::Corrupt);
        }
        if flags & 0x20 != 0 {
            let mut dictionary = 0;
            for _ in 0..4 {
                dictionary = (dictionary << 8) | self.bits.take(8)?;
            }
            if dictionary != EMPTY_DICTIONARY {
                return Err(BatchError::Corrupt);
            }
        }
        self.state = State::BlockHeader;
        Ok(())
    }

    fn read_block_header(&mut self) -> Result<(), BatchError> {
        self.is_final_block = self.bits.take(1)? == 1;
        self.state = match self.bits.take(2)? {
            0 => {
                self.bits.skip_to_byte();
                let len = self.bits.take(16)?;
                if self.bits.take(16)? != !len & 0xffff {
                    return Err(BatchError::Corrupt);
                }
                State::Stored { remaining: len as usize }
            }
            1 => {
                self.literals.set_fixed_literals();
                self.distances.set(&[5; 32])?;
                State::Compressed
            }
            2 => {
                self.read_code_tables()?;
                State::Compressed
            }
            _ => return Err(BatchError::Corrupt),
        };
        Ok(())
    }

    fn read_code_tables(&mut self) -> Result<(), BatchError> {
        let literals = self.bits.take(5)? as usize + 257;
        let distances = self.bits.take(5)? as usize + 1;
        let length_codes = self.bits.take(4)? as usize + 4;
        if literals > LITERALS_MAX || distances > DISTANCES_MAX {
            return Err(BatchError::Corrupt);
        }
        let mut lengths = [0_u8; LITERALS_MAX + DISTANCES_MAX];
        for &symbol in &LENGTH_CODE_ORDER[..length_codes] {
            lengths[symbol] = self.bits.take(3)? as u8;
        }
        // The table of literals serves as the one for code lengths until it is known.
        self.literals.set(&lengths[..LENGTH_CODE_ORDER.len()])?;
        lengths.fill(0);
        let lengths = &mut lengths[..literals + distances];
        let mut index = 0;
        while index < lengths.len() {
            let (length, repeat) = match self.literals.read(&mut self.bits)? {
                16 if index == 0 => return Err(BatchError::Corrupt),
                16 => (lengths[index - 1], 3 + self.bits.take(2)?),
                17 => (0, 3 + self.bits.take(3)?),
                18 => (0, 11 + self.bits.take(7)?),
                length => (length as u8, 1),
            };
            let end = index + repeat as usize;
            lengths.get_mut(index..end).ok_or(BatchError::Corrupt)?.fill(length);
            index = end;
        }
        let (literal_lengths, distance_lengths) = lengths.split_at(literals);
        self.literals.set(literal_lengths)?;
        self.distances.set(distance_lengths)?;
        // The end of the block is still to come, so there must be bits for it at least.
        self.literals.len_min = self.literals.len_min.max(literal_lengths[END_OF_BLOCK].into());
        Ok(())
    }

    fn read_symbols(&mut self, out: &mut Vec<u8>, len: usize) -> Result<(), BatchError> {
        let history_before = self.history_len;
        let start = out.len();
        while out.len() < len {
            let symbol = self.literals.read(&mut self.bits)?;
            if symbol < END_OF_BLOCK {
                out.push(symbol as u8);
                continue;
            }
            if symbol == END_OF_BLOCK {
                self.state = State::BlockHeader;
                return Ok(());
            }
            let copy_len = self.read_length(symbol)?;
            let distance = self.read_distance()?;
            if distance > (history_before + out.len() - start).min(WINDOW_LEN) {
                return Err(BatchError::Corrupt);
            }
            copy_back(out, distance, copy_len);
        }
        Ok(())
    }

    fn read_length(&mut self, symbol: usize) -> Result<usize, BatchError> {
        let (base, bits) = match symbol {
            257..=264 => (symbol - 254, 0),
            265..=284 => {
                let bits = (symbol - 261) / 4;
                ((((symbol - 261) % 4 + 4) << bits) + 3, bits as u32)
            }
            285 => (258, 0),
            _ => return Err(BatchError::Corrupt),
        };
        Ok(base + self.bits.take(bits)? as usize)
    }

    fn read_distance(&mut self) -> Result<usize, BatchError> {
        let symbol = self.distances.read(&mut self.bits)?;
        match symbol {
            0..=3 => Ok(symbol + 1),
            4..DISTANCES_MAX => {
                let bits = symbol / 2 - 1;
                Ok(((2 + symbol % 2) << bits) + 1 + self.bits.take(bits as u32)? as usize)
            }
            _ => Err(BatchError::Corrupt),
        }
    }
}

/// Repeats what was written `distance` bytes ago; the copy may overlap itself.
fn copy_back(out: &mut Vec<u8>, distance: usize, len: usize) {
    let start = out.len() - distance;
    if distance >= len {
        out.extend_from_within(start..start + len);
    } else {
        out.reserve(len);
        (start..start + len).for_each(|index| out.push(out[index]));
    }
}

/// What a stream that just stops is called.
const END_OF_INPUT: BatchError = BatchError::Truncated("compressed data");

/// Bits, lowest first.
#[derive(Debug)]
struct BitReader {
    input: Bytes,
    position: usize,
    bits: u64,
    count: u32,
}

impl BitReader {
    /// Has 32 bits or more unless the input ends before.
    fn refill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some(word) = self.input.get(self.position..self.position + 4) {
            let word = u32::from_le_bytes(word.try_into().expect("a slice of four"));
            self.bits |= u64::from(word) << self.count;
            self.count += 32;
            self.position += 4;
            return;
        }
        while self.count < 32 && self.position < self.input.len() {
            self.bits |= u64::from(self.input[self.position]) << self.count;
            self.count += 8;
            self.position += 1;
        }
    }

    fn consume(&mut self, count: u32) {
        self.bits >>= count;
        self.count -= count;
    }

    /// Takes up to 16 bits.
    fn take(&mut self, count: u32) -> Result<u32, BatchError> {
        self.refill();
        if self.count < count {
            return Err(END_OF_INPUT);
        }
        let value = self.bits as u32 & ((1 << count) - 1);
        self.consume(count);
        Ok(value)
    }

    fn skip_to_byte(&mut self) {
        self.consume(self.count % 8);
    }

    /// Copies whole bytes, as many of `len` as there are.
    fn copy(&mut self, len: usize, out: &mut Vec<u8>) -> usize {
        // Bytes read ahead are given back first: they are still in the input.
        self.position -= (self.count / 8) as usize;
        (self.bits, self.count) = (0, 0);
        let len = len.min(self.input.len() - self.position);
        out.extend_from_slice(&self.input[self.position..self.position + len]);
        self.position += len;
        len
    }
}

/// Bits looked up at once; longer codes take a second look.
const PRIMARY_BITS: u32 = 10;

/// A canonical prefix code, as a table over the next bits.
#[derive(Debug, Default)]
struct Huffman {
    /// Length in the low four bits (0: no such code), above them the symbol; or, where the length
    /// is beyond the bits looked up, the number of a secondary table.
    primary: Vec<u16>,
    secondary: Vec<u16>,
    primary_bits: u32,
    secondary_bits: u32,
    /// Bits there must be before a symbol is looked for.
    len_min: u32,
}

impl Huffman {
    fn set_fixed_literals(&mut self) {
        let mut lengths = [8; 288];
        lengths[144..256].fill(9);
        lengths[256..280].fill(7);
        self.set(&lengths).expect("the fixed code is complete");
    }

    /// Takes on the code with the given lengths. It must be complete, but for a lone symbol of
    /// one bit and for a code of no symbols at all, which must then not be read.
    fn set(&mut self, lengths: &[u8]) -> Result<(), BatchError> {
        let mut counts = [0_u32; 16];
        lengths.iter().for_each(|&length| counts[usize::from(length)] += 1);
        let len_max = (1..16).rev().find(|&length| counts[length as usize] != 0).unwrap_or(0);
        self.len_min = (1..16).find(|&length| counts[length as usize] != 0).unwrap_or(0);
        let mut next_code = [0_u32; 16];
        let mut code = 0;
        for length in 1..=len_max as usize {
            code <<= 1;
            next_code[length] = code;
            code += counts[length];
        }
        if len_max != 0 && code != 1 << len_max && !(code == 1 && len_max == 1) {
            return Err(BatchError::Corrupt);
        }
        self.primary_bits = len_max.min(PRIMARY_BITS);
        self.secondary_bits = len_max - self.primary_bits;
        self.primary.clear();
        self.primary.resize(1 << self.primary_bits, 0);
        self.secondary.clear();
        for (symbol, &length) in lengths.iter().enumerate().filter(|(_, length)| **length != 0) {
            let code = next_code[usize::from(length)];
            next_code[usize::from(length)] += 1;
            let length = u32::from(length);
            self.insert(code.reverse_bits() >> (32 - length), length, symbol as u16);
        }
        Ok(())
    }

    /// Enters a code, given as the bits are read.
    fn insert(&mut self, code: u32, length: u32, symbol: u16) {
        let entry = (symbol << 4) | length as u16;
        if length <= self.primary_bits {
            fill_every(&mut self.primary, code as usize, 1 << length, entry);
            return;
        }
        let link = &mut self.primary[code as usize & ((1 << self.primary_bits) - 1)];
        let table_len = 1_usize << self.secondary_bits;
        if *link == 0 {
            let number = self.secondary.len() / table_len;
            *link = ((number as u16) << 4) | (PRIMARY_BITS + 1) as u16;
            self.secondary.resize(self.secondary.len() + table_len, 0);
        }
        let start = usize::from(*link >> 4) * table_len;
        let table = &mut self.secondary[start..start + table_len];
        let rest = (code >> self.primary_bits) as usize;
        fill_every(table, rest, 1 << (length - self.primary_bits), entry);
    }

    fn read(&self, bits: &mut BitReader) -> Result<usize, BatchError> {
        bits.refill();
        if bits.count < self.len_min {
            return Err(END_OF_INPUT);
        }
        let next = bits.bits as usize;
        let mut entry = self.primary[next & ((1 << self.primary_bits) - 1)];
        if u32::from(entry & 15) > self.primary_bits {
            let rest = (next >> self.primary_bits) & ((1 << self.secondary_bits) - 1);
            entry = self.secondary[(usize::from(entry >> 4) << self.secondary_bits) + rest];
        }
        let length = u32::from(entry & 15);
        if length == 0 {
            return Err(BatchError::Corrupt);
        }
        if length > bits.count {
            return Err(END_OF_INPUT);
        }
        bits.consume(length);
        Ok(usize::from(entry >> 4))
    }
}

fn fill_every(table: &mut [u16], start: usize, step: usize, entry: u16) {
    table[start..].iter_mut().step_by(step).for_each(|slot| *slot = entry);
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::ZlibEncoder};
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    /// Everything a stream gives, asking for `step` bytes at a time, and how it ends.
    fn inflate(stream: &[u8], step: usize) -> (Vec<u8>, Result<(), BatchError>) {
        let mut inflate = Inflate::new(Bytes::copy_from_slice(stream));
        let mut out = Vec::new();
        loop {
            let len = out.len() + step;
            match inflate.fill(&mut out, len) {
                Ok(true) => {}
                Ok(false) => return (out, Ok(())),
                Err(error) => return (out, Err(error)),
            }
        }
    }

    fn deflate(data: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    /// Data of every kind: runs, text of few letters, noise, far repetitions.
    fn sample(rng: &mut StdRng) -> Vec<u8> {
        let mut data: Vec<u8> = Vec::new();
        for _ in 0..rng.random_range(0..12) {
            let len = rng.random_range(0..20_000);
            match rng.random_range(0..4) {
                0 => data.resize(data.len() + len, rng.random()),
                1 => data.extend((0..len).map(|_| b"etaoin shrdlu"[rng.random_range(0..13)])),
                2 => data.extend((0..len).map(|_| rng.random::<u8>())),
                _ if data.is_empty() => {}
                _ => {
                    let start = rng.random_range(0..data.len());
                    let end = data.len().min(start + len);
                    data.extend_from_within(start..end);
                }
            }
        }
        data
    }

    #[test]
    fn what_others_deflate_is_inflated() {
        let seed = 0x1951;
        println!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        for round in 0..200 {
            let data = sample(&mut rng);
            let stream = deflate(&data, round % 10);
            let (out, end) = inflate(&stream, [1 << 16, 1, 1_000][round as usize % 3]);
            assert!(out == data && end.is_ok(), "round {round}");
        }
    }

    #[test]
    fn a_cut_stream_gives_a_prefix_that_grows_with_it() {
        let seed = 0x1952;
        println!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        for level in [0, 1, 6, 9] {
            let data = sample(&mut rng);
            let stream = deflate(&data, level);
            let mut given = 0;
            for cut in 0..stream.len() - 4 {
                if cut % 97 != 0 && cut + 40 < stream.len() {
                    continue;
                }
                let (out, end) = inflate(&stream[..cut], 1 << 16);
                assert!(data.starts_with(&out) && out.len() >= given, "cut at {cut}");
                assert_eq!(end, Err(END_OF_INPUT));
                given = out.len();
            }
            // The checksum is not missed.
            assert_eq!(inflate(&stream[..stream.len() - 4], 1 << 16), (data, Ok(())));
        }
    }

    #[test]
    fn bytes_before_a_corruption_are_given() {
        // A stored block, then one of the type that does not exist.
        let mut stream = vec![0x78, 0x01, 0, 3, 0, !3, 0xff, b'a', b'b', b'c', 0b111];
        assert_eq!(inflate(&stream, 1), (b"abc".to_vec(), Err(BatchError::Corrupt)));
        // Then one with the fixed code: 'd', and a copy from before the beginning.
        stream.truncate(10);
        let mut bits = vec![1, 1, 0];
        let code = |value: u32, len: u32| (0..len).rev().map(move |i| (value >> i & 1) as u8);
        bits.extend(code(0x30 + u32::from(b'd'), 8));
        bits.extend(code(1, 7));
        bits.extend(code(4, 5));
        bits.push(0);
        stream.extend(
            bits.chunks(8)
                .map(|byte| byte.iter().enumerate().fold(0, |value, (i, bit)| value | bit << i)),
        );
        assert_eq!(inflate(&stream, 1 << 16), (b"abcd".to_vec(), Err(BatchError::Corrupt)));
    }

    #[test]
    fn headers_are_checked() {
        let body = &deflate(b"x", 6)[2..];
        let with = |header: &[u8]| inflate(&[header, body].concat(), 1 << 16);
        let good = (b"x".to_vec(), Ok(()));
        let bad = (Vec::new(), Err(BatchError::Corrupt));
        assert_eq!(with(&[0x78, 0x9c]), good);
        assert_eq!(with(&[0x18, 0x19]), good);
        assert_eq!(with(&[0x78, 0x9d]), bad);
        assert_eq!(with(&[0x88, 0x1c]), bad);
        assert_eq!(with(&[0x7f, 0x0f]), bad);
        assert_eq!(with(&[0x78, 0xbb, 0, 0, 0, 1]), good);
        assert_eq!(with(&[0x78, 0xbb, 0, 0, 0, 2]), bad);
    }

    #[test]
    fn codes_must_be_complete() {
        let mut code = Huffman::default();
        let mut try_code = |lengths: &[u8]| code.set(lengths).is_ok();
        assert!(try_code(&[1, 1]));
        assert!(try_code(&[1, 2, 2]));
        assert!(try_code(&[]));
        assert!(try_code(&[0, 0, 1]));
        assert!(!try_code(&[2]));
        assert!(!try_code(&[1, 2]));
        assert!(!try_code(&[1, 1, 1]));
        assert!(!try_code(&[1, 1, 2]));
        let mut longest: Vec<u8> = (1..=15).collect();
        longest.push(15);
        assert!(try_code(&longest));
        longest.pop();
        assert!(!try_code(&longest));
    }
}
