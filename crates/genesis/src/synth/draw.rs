use rand_chacha::{
    ChaCha12Rng,
    rand_core::{RngCore, SeedableRng},
};

/// `2.5 / ln 2` with 16 fractional bits: turns standard deviations of a log-normal with sigma 2.5 into
/// powers of two.
const SIGMA_LOG2_Q16: i128 = 236_371;

/// Bits of the fraction that an exponent of two is computed with.
const EXP2_BITS: usize = 16;

/// What is drawn for; streams of one seed are independent, so that a change in one leaves the others.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stream {
    Holders = 1,
    Pools,
    Workers,
    Books,
    State,
    Damage,
}

/// A source of numbers that is the same everywhere: integers only.
pub(super) struct Draw {
    rng: ChaCha12Rng,
    /// `2^(2^-k)` for k from 1, with 32 fractional bits.
    roots: [u128; EXP2_BITS],
}

impl Draw {
    pub(super) fn new(seed: u64, stream: Stream) -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        rng.set_stream(stream as u64);
        let mut root = 2_u128 << 32;
        let roots = std::array::from_fn(|_| {
            root = (root << 32).isqrt();
            root
        });
        Self { rng, roots }
    }

    /// Uniform below `end`, up to a bias of `end / 2^64`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.rng.next_u64()) * u128::from(end);
        u64::try_from(wide >> 64).expect("less than end")
    }

    /// Uniform index of a collection of `len` elements.
    pub(super) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("less than a length")
    }

    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(super) fn bytes32(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// Bytes that do not compress, as code does not.
    pub(super) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// Log-normal with sigma 2.5 around `median`. The deviate is the sum of twelve uniform numbers,
    /// which ends at six standard deviations.
    pub(super) fn log_normal(&mut self, median: u128) -> u128 {
        let sum: i128 = (0..12).map(|_| i128::from(self.rng.next_u32())).sum();
        let deviate = sum - (6 << 32);
        let exponent = (deviate * SIGMA_LOG2_Q16) >> 16;
        let fraction = exponent & 0xffff_ffff;
        let mut power = 1_u128 << 32;
        for (k, root) in self.roots.iter().enumerate() {
            if fraction >> (31 - k) & 1 == 1 {
                power = (power * root) >> 32;
            }
        }
        let scaled = median * power;
        let shift = (exponent >> 32) - 32;
        if shift < 0 { scaled >> -shift } else { scaled << shift }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_normal_has_its_median_and_its_spread() {
        let mut draw = Draw::new(7, Stream::Holders);
        let mut all: Vec<u128> = (0..20_001).map(|_| draw.log_normal(60_000_000)).collect();
        all.sort_unstable();
        let near = |found: u128, wanted: u128| found > wanted * 9 / 10 && found < wanted * 11 / 10;
        assert!(near(all[10_000], 60_000_000), "median {}", all[10_000]);
        // One standard deviation is a factor of e^2.5 = 12.18.
        assert!(near(all[16_827], 60_000_000 * 1218 / 100), "plus one {}", all[16_827]);
        assert!(near(all[3_173], 60_000_000 * 100 / 1218), "minus one {}", all[3_173]);
    }

    #[test]
    fn numbers_depend_on_seed_and_stream_only() {
        let first = |seed, stream| Draw::new(seed, stream).bytes32();
        assert_eq!(first(1, Stream::Pools), first(1, Stream::Pools));
        assert_ne!(first(1, Stream::Pools), first(2, Stream::Pools));
        assert_ne!(first(1, Stream::Pools), first(1, Stream::Workers));
        // Another generator would silently make other snapshots.
        assert_eq!(Draw::new(1, Stream::Pools).below(1_000_000_000), 63_991_043);
    }
}
