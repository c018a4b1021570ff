use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
};

use tracing::error;

thread_local! {
    /// Whether a panic of this thread ends in [`or_on_panic`].
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread would become a refusal.
///
/// For a program whose panic hook ends it: hooks run before anything is caught, so it has to ask.
pub fn panic_is_caught() -> bool {
    CAUGHT.get()
}

/// The last net: a panic of a library becomes a value instead of the end of the node.
///
/// A fault-proof program cannot unwind, so a panic that is ever seen here has to be fixed by
/// framing, not left to this.
pub(crate) fn or_on_panic<T>(precompile: &'static str, fallback: T, run: impl FnOnce() -> T) -> T {
    let outside = CAUGHT.replace(true);
    // Nothing outlives the closure but its result, so no broken invariant can be observed.
    let result = catch_unwind(AssertUnwindSafe(run));
    CAUGHT.set(outside);
    result.unwrap_or_else(|panic| {
        let reason = message(panic.as_ref());
        error!(precompile, reason, "a verification library panicked; the input is refused");
        fallback
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let owned = || panic.downcast_ref::<String>().map(String::as_str);
    panic.downcast_ref::<&str>().copied().or_else(owned).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::panic;

    use super::*;

    #[test]
    fn a_panic_becomes_the_fallback() {
        assert_eq!(or_on_panic("TEST", 1, || 2), 2);
        assert_eq!(or_on_panic("TEST", 1, || panic!("on purpose")), 1);
    }

    /// What a hook that aborts has to know.
    #[test]
    fn a_hook_sees_whether_its_panic_is_caught() {
        thread_local!(static SEEN: Cell<Option<bool>> = const { Cell::new(None) });
        let before = panic::take_hook();
        panic::set_hook(Box::new(|_| SEEN.set(Some(panic_is_caught()))));
        or_on_panic("TEST", (), || panic!("inside"));
        let inside = SEEN.take();
        let _ = catch_unwind(|| panic!("outside"));
        let outside = SEEN.take();
        panic::set_hook(before);
        assert_eq!((inside, outside), (Some(true), Some(false)));
        assert!(!panic_is_caught());
    }

    #[test]
    fn messages_of_both_kinds_are_read() {
        let caught = |run: fn()| catch_unwind(run).expect_err("panics");
        assert_eq!(message(caught(|| panic!("plain")).as_ref()), "plain");
        assert_eq!(message(caught(|| panic!("{}", 7)).as_ref()), "7");
        assert_eq!(message(caught(|| panic::panic_any(7_u8)).as_ref()), "no message");
    }
}
