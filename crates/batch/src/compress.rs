use std::{fmt, io::Write};

use brotli::{CompressorWriter, enc::BrotliEncoderParams};
use flate2::write::ZlibEncoder;

use crate::{BuildError, decompress::BROTLI_VERSION};

/// How far back brotli looks: 4 MB, more than what fills a channel of six blobs.
const BROTLI_WINDOW_BITS: i32 = 22;

/// Compression of a channel.
///
/// Measured over 1.4 MB of OP Mainnet's blocks (143 of them, 1,766 transactions) and over 1.6 MB
/// of made-up transfers, token transfers and swaps (10,000), as span batches, on one core:
///
/// | | bytes | ms | bytes | ms |
/// |---|---|---|---|---|
/// | zlib 9 | 619,416 | 212 | 1,010,591 | 152 |
/// | brotli 3 | 589,256 | 21 | 899,306 | 22 |
/// | brotli 5 | 563,327 | 49 | 868,892 | 48 |
/// | **brotli 9** | 560,431 | 136 | 867,554 | 117 |
/// | brotli 10 | 560,160 | 856 | 859,188 | 863 |
/// | brotli 11 | 546,475 | 1,860 | 857,477 | 1,468 |
///
/// Quality 9 is the default: 10, usual elsewhere, takes seven times as long to save 1% at most, and
/// 11 fourteen times as long for 1 to 2.5%. Filling a channel takes up to five times what is
/// written here; at 9 that is half a second for six blobs. With little traffic 11 is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1950 at its best level.
    Zlib,
    /// RFC 7932.
    Brotli {
        /// 0 (fast) to 11 (small); more counts as 11.
        quality: u8,
    },
}

impl Default for Compression {
    fn default() -> Self {
        Self::Brotli { quality: 9 }
    }
}

impl Compression {
    /// The data of a channel with this content.
    pub(crate) fn compress(self, plain: &[u8]) -> Result<Vec<u8>, BuildError> {
        match self {
            Self::Zlib => {
                let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::best());
                encoder.write_all(plain).map_err(|_| BuildError::Compression)?;
                encoder.finish().map_err(|_| BuildError::Compression)
            }
            Self::Brotli { quality } => {
                let params = BrotliEncoderParams {
                    quality: quality.min(11).into(),
                    lgwin: BROTLI_WINDOW_BITS,
                    size_hint: plain.len(),
                    ..Default::default()
                };
                let mut out = vec![BROTLI_VERSION];
                brotli::BrotliCompress(&mut &*plain, &mut out, &params)
                    .map_err(|_| BuildError::Compression)?;
                Ok(out)
            }
        }
    }
}

/// Quality of the compressor that only measures: a hundred megabytes a second, and results 5%
/// above those of the default.
const METER_QUALITY: i32 = 3;
/// Its window; 1 MB is enough to tell, and costs little memory.
const METER_WINDOW_BITS: i32 = 20;

/// Tells as data comes in about how small it would compress, with a fast compressor whose output
/// is only counted.
pub(crate) struct SizeMeter {
    compressor: CompressorWriter<Counter>,
    /// Bytes taken in.
    taken: usize,
    /// Bytes taken in when the output last grew.
    taken_at_output: usize,
}

impl SizeMeter {
    pub(crate) fn new() -> Self {
        let params = BrotliEncoderParams {
            quality: METER_QUALITY,
            lgwin: METER_WINDOW_BITS,
            ..Default::default()
        };
        let compressor = CompressorWriter::with_params(Counter(0), 4_096, &params);
        Self { compressor, taken: 0, taken_at_output: 0 }
    }

    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), BuildError> {
        let before = self.compressor.get_ref().0;
        self.compressor.write_all(bytes).map_err(|_| BuildError::Compression)?;
        self.taken += bytes.len();
        if self.compressor.get_ref().0 != before {
            self.taken_at_output = self.taken;
        }
        Ok(())
    }

    /// Bytes the compressor has given, and as many as it should give for what it still holds.
    pub(crate) fn bytes(&self) -> usize {
        let given = self.compressor.get_ref().0;
        let held = self.taken - self.taken_at_output;
        if self.taken_at_output == 0 {
            // Nothing is known yet; assume the worst.
            return held;
        }
        given + mul_div(held, given, self.taken_at_output)
    }
}

impl fmt::Debug for SizeMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SizeMeter")
            .field("taken", &self.taken)
            .field("bytes", &self.bytes())
            .finish()
    }
}

/// `a * b / c` without overflow on the way; 0 when `c` is.
pub(crate) fn mul_div(a: usize, b: usize, c: usize) -> usize {
    let exact = (a as u128 * b as u128).checked_div(c as u128).unwrap_or(0);
    usize::try_from(exact).unwrap_or(usize::MAX)
}

/// Counts bytes and forgets them.
#[derive(Debug)]
struct Counter(usize);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn the_meter_knows_the_size_of_what_it_was_given() {
        let mut rng = StdRng::seed_from_u64(1);
        let data: Vec<u8> =
            (0..200_000).flat_map(|_| rng.random_range(0..5_000_u32).to_be_bytes()).collect();
        let real = Compression::Brotli { quality: 3 }.compress(&data).unwrap().len();
        let mut meter = SizeMeter::new();
        for piece in data.chunks(777) {
            let before = meter.bytes();
            meter.take(piece).unwrap();
            assert!(meter.bytes() <= meter.taken && before <= meter.taken);
        }
        let error = meter.bytes().abs_diff(real);
        assert!(error < real / 20, "{} for {real}", meter.bytes());
    }

    #[test]
    fn quality_has_an_upper_end() {
        let data = b"abcabcabcabcabcabcabcabcabcabcabc".repeat(10);
        let compress = |quality| Compression::Brotli { quality }.compress(&data).unwrap();
        assert_eq!(compress(11), compress(255));
        assert_eq!(compress(0)[0], BROTLI_VERSION);
    }
}
