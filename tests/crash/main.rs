//! Killed anywhere, started again, compared.
