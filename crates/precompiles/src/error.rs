/// The input is not a frame: the call halts and takes all its gas.
///
/// A well-made caller never sees one, because frames are built by contracts, not by users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Frame {
    /// The input ends inside a field.
    #[error("input of {len} bytes ends before its frame does")]
    Truncated {
        /// Length of the whole input.
        len: usize,
    },
    /// The input goes on after its last field.
    #[error("{len} bytes follow the frame")]
    Trailing {
        /// How many.
        len: usize,
    },
    /// The first byte is not a version this fork knows.
    #[error("version {0} is unknown")]
    Version(u8),
    /// Bytes that must be zero are not.
    #[error("{0} must be zero")]
    NotZero(&'static str),
    /// A field is longer than its cap.
    #[error("{field} of {len} bytes exceeds {max}")]
    TooLong {
        /// Which.
        field: &'static str,
        /// Its length.
        len: usize,
        /// The cap.
        max: usize,
    },
    /// A number is outside its range.
    #[error("{field} {value} is out of range")]
    OutOfRange {
        /// Which.
        field: &'static str,
        /// Its value.
        value: u32,
    },
    /// There is neither a certificate nor a report to check.
    #[error("there is nothing to verify")]
    Empty,
}

/// Why a TDX quote is refused. For people; the EVM only sees that it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TdxRefusal {
    /// Shorter than its own lengths say, or too short for a quote.
    #[error("quote ends inside {0}")]
    Truncated(&'static str),
    /// A field does not have the only value accepted.
    #[error("{field} is {value:#x}")]
    Unsupported {
        /// Which.
        field: &'static str,
        /// Its value.
        value: u32,
    },
    /// Inner lengths do not add up.
    #[error("length of {0} disagrees with its contents")]
    Length(&'static str),
    /// Something other than zeros follows the authentication data.
    #[error("bytes after the authentication data are not all zero")]
    Padding,
    /// Not three PEM certificates of bounded size with blanks around them.
    #[error("pck certificate chain is not three pem certificates")]
    PckChain,
    /// The third certificate is not the pinned one.
    #[error("pck certificate chain does not end with the intel sgx root ca")]
    Root,
    /// Collateral that has to be JSON is not even text.
    #[error("{0} is not utf-8")]
    Text(&'static str),
    /// The reason of the verification library.
    #[error("{0}")]
    Verifier(Box<str>),
    /// The library panicked; our bug or theirs.
    #[error("verification panicked")]
    Panic,
}

/// Why GPU evidence is refused. For people; the EVM only sees that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GpuRefusal {
    /// Not strict DER of a version 3 certificate with a P-384 key signed with SHA-384.
    #[error("certificate {index} is malformed")]
    Certificate {
        /// 0 is the leaf.
        index: usize,
    },
    /// Its extensions do not allow the place it has in the chain.
    #[error("certificate {index} may not stand at this place of the chain")]
    Role {
        /// 0 is the leaf.
        index: usize,
    },
    /// Its issuer is not the subject of the next.
    #[error("certificate {index} names another issuer")]
    Issuer {
        /// 0 is the leaf.
        index: usize,
    },
    /// Not signed by the next.
    #[error("signature of certificate {index} is invalid")]
    CertificateSignature {
        /// 0 is the leaf.
        index: usize,
    },
    /// The anchor, or a key certified by it, is no point of the curve.
    #[error("public key is not a point of p-384")]
    Key,
    /// Not the one layout of request and response.
    #[error("report is malformed")]
    Report,
    /// The device answered another challenge.
    #[error("report answers another nonce")]
    Nonce,
    /// The report tells of another firmware than the leaf certificate.
    #[error("firmware id of the report is not that of the leaf certificate")]
    FirmwareId,
    /// Not signed by the leaf key.
    #[error("signature of the report is invalid")]
    ReportSignature,
    /// A library panicked; our bug or theirs.
    #[error("verification panicked")]
    Panic,
}
