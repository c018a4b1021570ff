use alloy_primitives::{B64, Bytes};

use crate::{ChainSpec, Fork, Forks, HeaderError};

const HOLOCENE_LEN: usize = 9;
const HOLOCENE_VERSION: u8 = 0;
const JOVIAN_LEN: usize = 17;
const JOVIAN_VERSION: u8 = 1;

/// The EIP-1559 parameters a header carries in its extra data (Holocene and later).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtraData {
    /// The base fee changes by at most one part in this many.
    pub denominator: u32,
    /// The gas target is the gas limit divided by this.
    pub elasticity: u32,
    /// Lower bound of the next base fee, in wei; `None` is the format before Jovian.
    pub min_base_fee: Option<u64>,
}

impl ExtraData {
    /// Encodes in Jovian's format if there is a minimum base fee, else in Holocene's.
    pub fn encode(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(JOVIAN_LEN);
        bytes.push(if self.min_base_fee.is_some() { JOVIAN_VERSION } else { HOLOCENE_VERSION });
        bytes.extend_from_slice(&self.denominator.to_be_bytes());
        bytes.extend_from_slice(&self.elasticity.to_be_bytes());
        if let Some(min_base_fee) = self.min_base_fee {
            bytes.extend_from_slice(&min_base_fee.to_be_bytes());
        }
        bytes.into()
    }

    /// Decodes either format, whichever its version byte names.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        match bytes.first() {
            Some(&JOVIAN_VERSION) => Self::decode_jovian(bytes),
            _ => Self::decode_holocene(bytes),
        }
    }

    /// Decodes the format that blocks of this timestamp must have; `None` before Holocene, where
    /// extra data is free.
    pub fn decode_at(
        forks: &Forks,
        timestamp: u64,
        bytes: &[u8],
    ) -> Result<Option<Self>, HeaderError> {
        if forks.is_active(Fork::Jovian, timestamp) {
            Self::decode_jovian(bytes).map(Some)
        } else if forks.is_active(Fork::Holocene, timestamp) {
            Self::decode_holocene(bytes).map(Some)
        } else {
            Ok(None)
        }
    }

    fn decode_holocene(bytes: &[u8]) -> Result<Self, HeaderError> {
        let bytes = sized::<HOLOCENE_LEN>(bytes, HOLOCENE_VERSION)?;
        let [_, d0, d1, d2, d3, e0, e1, e2, e3] = *bytes;
        Self {
            denominator: u32::from_be_bytes([d0, d1, d2, d3]),
            elasticity: u32::from_be_bytes([e0, e1, e2, e3]),
            min_base_fee: None,
        }
        .checked()
    }

    fn decode_jovian(bytes: &[u8]) -> Result<Self, HeaderError> {
        let bytes = sized::<JOVIAN_LEN>(bytes, JOVIAN_VERSION)?;
        let [_, d0, d1, d2, d3, e0, e1, e2, e3, min_base_fee @ ..] = *bytes;
        Self {
            denominator: u32::from_be_bytes([d0, d1, d2, d3]),
            elasticity: u32::from_be_bytes([e0, e1, e2, e3]),
            min_base_fee: Some(u64::from_be_bytes(min_base_fee)),
        }
        .checked()
    }

    const fn checked(self) -> Result<Self, HeaderError> {
        if self.denominator == 0 {
            return Err(HeaderError::ZeroDenominator { elasticity: self.elasticity });
        }
        if self.elasticity == 0 {
            return Err(HeaderError::ZeroElasticity { denominator: self.denominator });
        }
        Ok(self)
    }
}

fn sized<const N: usize>(bytes: &[u8], version: u8) -> Result<&[u8; N], HeaderError> {
    let sized: &[u8; N] = bytes
        .try_into()
        .map_err(|_| HeaderError::ExtraDataLength { actual: bytes.len(), expected: N })?;
    if sized[0] == version {
        Ok(sized)
    } else {
        Err(HeaderError::ExtraDataVersion { actual: sized[0], expected: version })
    }
}

/// What payload attributes make of the next header's extra data: `None` before Holocene, where it
/// stays empty.
///
/// `eip1559_params` is denominator and elasticity, four bytes each; both zero stand for the chain's
/// constants. A parameter is required once its fork is active and refused before.
pub fn resolve_eip1559_params(
    spec: &ChainSpec,
    timestamp: u64,
    eip1559_params: Option<B64>,
    min_base_fee: Option<u64>,
) -> Result<Option<ExtraData>, HeaderError> {
    let jovian = spec.forks.is_active(Fork::Jovian, timestamp);
    let min_base_fee = expect_from("minBaseFee", jovian, timestamp, min_base_fee)?;
    let holocene = spec.forks.is_active(Fork::Holocene, timestamp);
    let params = expect_from("eip1559Params", holocene, timestamp, eip1559_params)?;
    let Some(B64 { 0: [d0, d1, d2, d3, e0, e1, e2, e3] }) = params else {
        return Ok(None);
    };
    let params = ExtraData {
        denominator: u32::from_be_bytes([d0, d1, d2, d3]),
        elasticity: u32::from_be_bytes([e0, e1, e2, e3]),
        min_base_fee,
    };
    if params.denominator == 0 && params.elasticity == 0 {
        return Ok(Some(ExtraData {
            denominator: spec.fees.denominator_canyon,
            elasticity: spec.fees.elasticity,
            min_base_fee,
        }));
    }
    params.checked().map(Some)
}

fn expect_from<T>(
    field: &'static str,
    active: bool,
    timestamp: u64,
    value: Option<T>,
) -> Result<Option<T>, HeaderError> {
    match (active, &value) {
        (true, None) => Err(HeaderError::Missing { field, timestamp }),
        (false, Some(_)) => Err(HeaderError::Premature { field, timestamp }),
        _ => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Profile;

    fn params(denominator: u32, elasticity: u32) -> Option<B64> {
        Some(B64::from((u64::from(denominator) << 32 | u64::from(elasticity)).to_be_bytes()))
    }

    #[test]
    fn refuses_every_other_length() {
        let forks = Forks::profile(Profile::Karst);
        for len in (0..40).filter(|len| *len != JOVIAN_LEN) {
            let mut bytes = vec![1; len];
            assert_eq!(
                ExtraData::decode_at(&forks, 0, &bytes),
                Err(HeaderError::ExtraDataLength { actual: len, expected: JOVIAN_LEN })
            );
            bytes.fill(0);
            assert!(len == HOLOCENE_LEN || ExtraData::decode(&bytes).is_err());
        }
    }

    #[test]
    fn format_follows_the_fork() {
        let holocene = ExtraData { denominator: 250, elasticity: 6, min_base_fee: None };
        let jovian = ExtraData { min_base_fee: Some(7), ..holocene };
        let isthmus = Forks::profile(Profile::Isthmus);
        let karst = Forks::profile(Profile::Karst);
        assert_eq!(ExtraData::decode_at(&isthmus, 0, &holocene.encode()), Ok(Some(holocene)));
        assert_eq!(ExtraData::decode_at(&karst, 0, &jovian.encode()), Ok(Some(jovian)));
        assert!(ExtraData::decode_at(&isthmus, 0, &jovian.encode()).is_err());
        assert!(ExtraData::decode_at(&karst, 0, &holocene.encode()).is_err());
        assert_eq!(ExtraData::decode_at(&Forks::BEDROCK, 0, b"anything"), Ok(None));
    }

    #[test]
    fn unset_parameters_are_the_chains() {
        let spec = ChainSpec::dev();
        let set = |d, e| resolve_eip1559_params(&spec, 0, params(d, e), Some(3));
        let extra = |denominator, elasticity| {
            Ok(Some(ExtraData { denominator, elasticity, min_base_fee: Some(3) }))
        };
        assert_eq!(set(0, 0), extra(250, 6));
        assert_eq!(set(8, 2), extra(8, 2));
        assert_eq!(set(0, 2), Err(HeaderError::ZeroDenominator { elasticity: 2 }));
        assert_eq!(set(8, 0), Err(HeaderError::ZeroElasticity { denominator: 8 }));
    }

    #[test]
    fn a_parameter_is_required_from_its_fork_on_and_refused_before() {
        let karst = ChainSpec::dev();
        let isthmus = karst.clone().with_profile(Profile::Isthmus);
        let mut bedrock = karst.clone();
        bedrock.forks = Forks::BEDROCK;
        let missing = |field| Err(HeaderError::Missing { field, timestamp: 0 });
        let premature = |field| Err(HeaderError::Premature { field, timestamp: 0 });
        assert_eq!(resolve_eip1559_params(&karst, 0, None, Some(0)), missing("eip1559Params"));
        assert_eq!(resolve_eip1559_params(&karst, 0, params(1, 1), None), missing("minBaseFee"));
        assert_eq!(
            resolve_eip1559_params(&isthmus, 0, params(1, 1), Some(0)),
            premature("minBaseFee")
        );
        assert!(resolve_eip1559_params(&isthmus, 0, params(1, 1), None).is_ok());
        assert_eq!(
            resolve_eip1559_params(&bedrock, 0, params(1, 1), None),
            premature("eip1559Params")
        );
        assert_eq!(resolve_eip1559_params(&bedrock, 0, None, None), Ok(None));
    }
}
