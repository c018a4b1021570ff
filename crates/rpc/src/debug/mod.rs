//! The `debug` namespace.

mod raw;
mod trie_path;
mod witness;

use crate::method::Method;

pub(crate) fn methods() -> impl Iterator<Item = Method> {
    [raw::METHODS, witness::METHODS].into_iter().flatten().copied()
}
