//! What must hold of the workspace itself.

mod attestation;
mod layers;
mod metadata;
mod test_roots;
