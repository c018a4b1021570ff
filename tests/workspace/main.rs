//! What must hold of the workspace itself.

#![allow(clippy::unwrap_used)] // A panic is how a test fails.

mod attestation;
mod layers;
mod metadata;
mod test_roots;
