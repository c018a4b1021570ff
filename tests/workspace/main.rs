//! What must hold of the workspace itself.

mod layers;
mod metadata;
