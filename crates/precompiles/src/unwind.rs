use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing::error;

/// The last net: a panic of a library becomes a value instead of the end of the node.
///
/// A fault-proof program cannot unwind, so a panic that is ever seen here has to be fixed by
/// framing, not left to this.
pub(crate) fn or_on_panic<T>(precompile: &'static str, fallback: T, run: impl FnOnce() -> T) -> T {
    // Nothing outlives the closure but its result, so no broken invariant can be observed.
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        error!(precompile, "a verification library panicked; the input is refused");
        fallback
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_the_fallback() {
        assert_eq!(or_on_panic("TEST", 1, || 2), 2);
        assert_eq!(or_on_panic("TEST", 1, || panic!("on purpose")), 1);
    }
}
