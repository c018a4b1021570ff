//! Whole nodes, as an operator and a wallet meet them.
