/// Compression of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1950 at the best level.
    Zlib,
    /// RFC 7932.
    Brotli {
        /// 0 (fast) to 11 (small).
        quality: u8,
    },
}

impl Default for Compression {
    fn default() -> Self {
        Self::Brotli { quality: 9 }
    }
}
