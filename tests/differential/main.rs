//! Same input, same output as recorded vectors and as other implementations.
