use super::{DEVICES_MAX, PUBLISHED_LEN_MAX};
use crate::{Frame, tdx::NotCollateral};

/// What was given is no evidence in any form that services use. Whether evidence is genuine is another matter.
#[derive(Debug, thiserror::Error)]
pub enum NotEvidence {
    /// Longer than any evidence.
    #[error("{len} bytes are more than the {PUBLISHED_LEN_MAX} that evidence may have")]
    TooLong {
        /// How long.
        len: usize,
    },
    /// Text in no known encoding.
    #[error("the text is neither hex nor base64 nor json")]
    Encoding,
    /// JSON of another shape.
    #[error("the json is not evidence: {0}")]
    Json(#[from] serde_json::Error),
    /// A JSON object without what is looked for.
    #[error("the json object has no `{0}`")]
    Field(&'static str),
    /// Collateral that has no compact form.
    #[error(transparent)]
    Collateral(#[from] NotCollateral),
    /// A blob of collateral that is none, or a field that is longer than the precompile takes.
    #[error("it does not fit the frame of the precompile: {0}")]
    Frame(#[from] Frame),
    /// No device, or more than a machine has.
    #[error("evidence of {0} devices: 1 to {DEVICES_MAX} can be judged at once")]
    Devices(usize),
    /// A report too short to hold the nonce it answers.
    #[error("the report of device {0} is too short")]
    Report(usize),
    /// Certificates that are no chain of a device.
    #[error("the certificates of device {0} are not a pem chain that ends with nvidia's root")]
    Chain(usize),
    /// A nonce that is not 32 bytes of hex.
    #[error("the nonce is not 32 bytes of hex")]
    Nonce,
}
