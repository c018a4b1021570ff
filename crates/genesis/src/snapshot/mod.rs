//! From dumps to sorted pairs, and their proof against a header.
