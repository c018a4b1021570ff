use dcap_qvl::QuoteCollateralV3;

use crate::{
    Frame,
    pem::{self, CERTIFICATE_LEN_MAX},
    reader::Reader,
};

/// TCB info grows with the generations of a platform; 5.5 KB today.
const TCB_INFO_LEN_MAX: usize = 65_536;

/// 461 bytes today.
const QE_IDENTITY_LEN_MAX: usize = 8_192;

/// Revoked intermediates of Intel; 294 bytes today.
const ROOT_CRL_LEN_MAX: usize = 8_192;

/// Revoked platforms; 3.4 KB today and growing.
const PCK_CRL_LEN_MAX: usize = 131_072;

/// `r || s` of P-256.
const SIGNATURE_LEN: usize = 64;

/// What Intel publishes to judge a platform, in the compact form that goes on chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collateral {
    /// DER of the certificate that signed TCB info; the pinned root issued it.
    pub signer: Vec<u8>,
    /// DER of the certificate that signed the QE identity; empty if it is the same.
    pub qe_signer: Vec<u8>,
    /// JSON as signed.
    pub tcb_info: Vec<u8>,
    /// `r || s` over the JSON.
    pub tcb_info_signature: Vec<u8>,
    /// JSON as signed.
    pub qe_identity: Vec<u8>,
    /// `r || s` over the JSON.
    pub qe_identity_signature: Vec<u8>,
    /// DER.
    pub root_crl: Vec<u8>,
    /// DER.
    pub pck_crl: Vec<u8>,
}

/// Collateral in Intel's public form that has no compact form.
#[derive(Debug, thiserror::Error)]
pub enum NotCollateral {
    /// Not the JSON object that services serve.
    #[error("collateral is not the json of a collateral service")]
    Json(#[from] serde_json::Error),
    /// An issuer chain that is no PEM, or without a certificate.
    #[error("{0} issuer chain holds no certificate")]
    Chain(&'static str),
    /// A signature that is not `r || s`.
    #[error("{0} signature is not 64 bytes long")]
    Signature(&'static str),
}

impl Collateral {
    /// The blob `C` of the input frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        let lengths = [
            &self.tcb_info,
            &self.qe_identity,
            &self.root_crl,
            &self.pck_crl,
            &self.signer,
            &self.qe_signer,
        ];
        for field in lengths {
            // A length that does not fit makes a frame that is refused, as it should be.
            blob.extend(u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        }
        let parts = [
            &self.tcb_info_signature,
            &self.qe_identity_signature,
            &self.signer,
            &self.qe_signer,
            &self.tcb_info,
            &self.qe_identity,
            &self.root_crl,
            &self.pck_crl,
        ];
        for part in parts {
            blob.extend(part);
        }
        blob
    }

    /// Exactly a blob `C`, each field within its cap.
    pub fn from_blob(blob: &[u8]) -> Result<Self, Frame> {
        Self::decode(&mut Reader::new(blob))
    }

    /// Reads the blob to the end of the input.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Frame> {
        let truncated = reader.truncated();
        let mut len = || reader.u32_be().map(|len| len as usize).ok_or(truncated);
        let (tcb_info, qe_identity, root_crl, pck_crl) = (len()?, len()?, len()?, len()?);
        let (signer, qe_signer) = (len()?, len()?);
        let mut field = |name, len, max| reader.field(name, len, max).map(<[u8]>::to_vec);
        let collateral = Self {
            tcb_info_signature: field("tcbInfoSig", SIGNATURE_LEN, SIGNATURE_LEN)?,
            qe_identity_signature: field("qeIdentitySig", SIGNATURE_LEN, SIGNATURE_LEN)?,
            signer: field("signer", signer, CERTIFICATE_LEN_MAX)?,
            qe_signer: field("qeSigner", qe_signer, CERTIFICATE_LEN_MAX)?,
            tcb_info: field("tcbInfo", tcb_info, TCB_INFO_LEN_MAX)?,
            qe_identity: field("qeIdentity", qe_identity, QE_IDENTITY_LEN_MAX)?,
            root_crl: field("rootCrl", root_crl, ROOT_CRL_LEN_MAX)?,
            pck_crl: field("pckCrl", pck_crl, PCK_CRL_LEN_MAX)?,
        };
        reader.finish()?;
        Ok(collateral)
    }

    /// The certificate of the QE identity.
    pub(super) const fn qe_signer(&self) -> &Vec<u8> {
        if self.qe_signer.is_empty() { &self.signer } else { &self.qe_signer }
    }

    /// From the JSON in which collateral services and `dcap-qvl` write it.
    pub fn from_json(json: &[u8]) -> Result<Self, NotCollateral> {
        Self::from_public(serde_json::from_slice(json)?)
    }

    fn from_public(public: QuoteCollateralV3) -> Result<Self, NotCollateral> {
        let tcb_signer = signer("tcb info", &public.tcb_info_issuer_chain)?;
        let qe_signer = signer("qe identity", &public.qe_identity_issuer_chain)?;
        Ok(Self {
            qe_signer: if qe_signer == tcb_signer { Vec::new() } else { qe_signer },
            signer: tcb_signer,
            tcb_info: public.tcb_info.into_bytes(),
            tcb_info_signature: signature("tcb info", public.tcb_info_signature)?,
            qe_identity: public.qe_identity.into_bytes(),
            qe_identity_signature: signature("qe identity", public.qe_identity_signature)?,
            root_crl: public.root_ca_crl,
            pck_crl: public.pck_crl,
        })
    }
}

/// The first certificate of a chain; the root is pinned, so the rest is of no use.
fn signer(name: &'static str, chain: &str) -> Result<Vec<u8>, NotCollateral> {
    let chain = pem::certificates(chain.as_bytes()).unwrap_or_default();
    chain.into_iter().next().ok_or(NotCollateral::Chain(name))
}

fn signature(name: &'static str, signature: Vec<u8>) -> Result<Vec<u8>, NotCollateral> {
    if signature.len() == SIGNATURE_LEN {
        Ok(signature)
    } else {
        Err(NotCollateral::Signature(name))
    }
}
