use rand::{SeedableRng as _, rngs::StdRng};

/// Randomness of a test: from `PHALA_SEED` if it is set, else new. The seed is printed, so that
/// a failure can be repeated.
pub fn seeded_rng(test: &str) -> StdRng {
    let seed = match std::env::var("PHALA_SEED") {
        Ok(seed) => seed.parse().expect("PHALA_SEED is a number"),
        Err(_) => rand::random(),
    };
    println!("{test}: PHALA_SEED={seed}");
    StdRng::seed_from_u64(seed)
}
