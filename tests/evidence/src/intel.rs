use alloy_primitives::{hex, keccak256};
use base64::{Engine, engine::general_purpose::STANDARD};
use phala_precompiles::tdx::Collateral;
use serde_json::{Value, json};

use crate::{
    authority::{Authority, Role, extension},
    der::{BOOLEAN, ENUMERATED, OBJECT, OCTET_STRING, element, integer, sequence},
    key::{Key, secret},
    time::rfc3339,
};

/// 1.2.840.113741.1.13.1, Intel's extension of PCK certificates.
const SGX_EXTENSION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01];

/// Security versions of the processor, equal to those of the one TCB level.
const CPU_SVN: [u8; 16] = [2, 2, 2, 2, 3, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0];
const PCE_SVN: u8 = 11;

/// Security versions of the TDX module: version 1, ISVSVN 4.
pub(crate) const TEE_TCB_SVN: [u8; 16] = [4, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Who signed the quoting enclave.
pub(crate) const QE_SIGNER: [u8; 32] = [0x51; 32];
pub(crate) const QE_PRODUCT: u16 = 2;
pub(crate) const QE_SVN: u16 = 4;

/// A month, for which collateral is good.
const MONTH_SECS: u64 = 30 * 86_400;

/// What differs between two issues of collateral.
#[derive(Clone, Debug)]
pub struct CollateralTerms {
    /// Unix seconds at which all of it was issued.
    pub issued: u64,
    /// Unix seconds to which all of it is good.
    pub expires: u64,
    /// Grows when Intel raises what it asks of platforms.
    pub evaluation_number: u32,
    /// Status of every platform, such as `UpToDate` or `OutOfDate`.
    pub status: &'static str,
    /// Platforms whose PCK certificate is revoked.
    pub revoked: Vec<[u8; 20]>,
}

impl CollateralTerms {
    /// Up to date, good for a month from an hour ago.
    pub const fn at(now: u64) -> Self {
        Self {
            issued: now - 3_600,
            expires: now - 3_600 + MONTH_SECS,
            evaluation_number: 17,
            status: "UpToDate",
            revoked: Vec::new(),
        }
    }
}

/// The authorities that Intel keeps, under a root of their own.
pub struct IntelLike {
    seed: u64,
    root: Authority,
    platform_ca: Authority,
    tcb_signer: Authority,
}

impl IntelLike {
    /// The same seed makes the same authorities.
    pub fn new(seed: u64) -> Self {
        let key = |label| Key::p256(seed, label);
        let root = Authority::root("Test SGX Root CA", key("intel root"), seed);
        let platform_ca =
            root.subject("Test SGX PCK Platform CA", key("platform ca"), seed, Role::Issuer, &[]);
        let tcb_signer =
            root.subject("Test SGX TCB Signing", key("tcb signer"), seed, Role::Signer, &[]);
        Self { seed, root, platform_ca, tcb_signer }
    }

    /// The root certificate, DER.
    pub fn root(&self) -> &[u8] {
        self.root.certificate()
    }

    /// Platform number `index`; all of one kind, so that one issue of collateral is for all.
    pub fn platform(&self, index: u64) -> Platform {
        Platform::new(self, index)
    }

    /// What verifiers judge platforms of this kind by.
    pub fn collateral(&self, terms: &CollateralTerms) -> Collateral {
        let tcb_info = self.tcb_info(terms).into_bytes();
        let qe_identity = qe_identity(terms).into_bytes();
        let signer = self.tcb_signer.key();
        let CollateralTerms { issued, expires, .. } = *terms;
        Collateral {
            signer: self.tcb_signer.certificate().to_vec(),
            qe_signer: Vec::new(),
            tcb_info_signature: signer.sign(&tcb_info),
            tcb_info,
            qe_identity_signature: signer.sign(&qe_identity),
            qe_identity,
            root_crl: self.root.revocations(issued, expires, &[]),
            pck_crl: self.platform_ca.revocations(issued, expires, &terms.revoked),
        }
    }

    /// The same in the form in which collateral services serve it.
    pub fn collateral_json(&self, terms: &CollateralTerms) -> String {
        let collateral = self.collateral(terms);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("JSON is text");
        let signer_chain = self.chain(&[&self.tcb_signer, &self.root]);
        json!({
            "pck_crl_issuer_chain": self.chain(&[&self.platform_ca, &self.root]),
            "root_ca_crl": hex::encode(collateral.root_crl),
            "pck_crl": hex::encode(collateral.pck_crl),
            "tcb_info_issuer_chain": &signer_chain,
            "tcb_info": text(&collateral.tcb_info),
            "tcb_info_signature": hex::encode(collateral.tcb_info_signature),
            "qe_identity_issuer_chain": &signer_chain,
            "qe_identity": text(&collateral.qe_identity),
            "qe_identity_signature": hex::encode(collateral.qe_identity_signature),
        })
        .to_string()
    }

    fn chain(&self, authorities: &[&Authority]) -> String {
        authorities.iter().map(|authority| pem(authority.certificate())).collect()
    }

    /// Family, model and so on of the processors.
    fn fmspc(&self) -> [u8; 6] {
        let mut fmspc = [0; 6];
        fmspc.copy_from_slice(&secret(self.seed, "fmspc")[..6]);
        fmspc
    }

    fn tcb_info(&self, terms: &CollateralTerms) -> String {
        let components = |svns: [u8; 16]| svns.map(|svn| json!({ "svn": svn }));
        let zeros = "0".repeat(96);
        let module = |id: &str| {
            json!({
                "id": id,
                "mrsigner": &zeros,
                "attributes": "0000000000000000",
                "attributesMask": "FFFFFFFFFFFFFFFF",
                "tcbLevels": [level(json!({ "isvsvn": TEE_TCB_SVN[0] }), "UpToDate")],
            })
        };
        let tcb = json!({
            "sgxtcbcomponents": components(CPU_SVN),
            "pcesvn": PCE_SVN,
            "tdxtcbcomponents": components(TEE_TCB_SVN),
        });
        json!({
            "id": "TDX",
            "version": 3,
            "issueDate": rfc3339(terms.issued),
            "nextUpdate": rfc3339(terms.expires),
            "fmspc": hex::encode_upper(self.fmspc()),
            "pceId": "0000",
            "tcbType": 0,
            "tcbEvaluationDataNumber": terms.evaluation_number,
            "tdxModule": module("TDX"),
            "tdxModuleIdentities": [module(&format!("TDX_{:02X}", TEE_TCB_SVN[1]))],
            "tcbLevels": [level(tcb, terms.status)],
        })
        .to_string()
    }
}

fn qe_identity(terms: &CollateralTerms) -> String {
    json!({
        "id": "TD_QE",
        "version": 2,
        "issueDate": rfc3339(terms.issued),
        "nextUpdate": rfc3339(terms.expires),
        "tcbEvaluationDataNumber": terms.evaluation_number,
        "miscselect": "00000000",
        "miscselectMask": "FFFFFFFF",
        "attributes": "11000000000000000000000000000000",
        "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
        "mrsigner": hex::encode_upper(QE_SIGNER),
        "isvprodid": QE_PRODUCT,
        "tcbLevels": [level(json!({ "isvsvn": QE_SVN }), "UpToDate")],
    })
    .to_string()
}

fn level(tcb: Value, status: &str) -> Value {
    json!({ "tcb": tcb, "tcbDate": "2024-03-13T00:00:00Z", "tcbStatus": status })
}

/// A processor with a certificate of its provisioning key.
pub struct Platform {
    pck: Authority,
    /// What its quoting enclave signs quotes with.
    pub(crate) attestation_key: Key,
    /// PEM of leaf, platform CA and root, with the NUL that Intel's tools leave at its end.
    pub(crate) chain: Vec<u8>,
    ppid: [u8; 16],
}

impl Platform {
    fn new(intel: &IntelLike, index: u64) -> Self {
        let ppid = <[u8; 16]>::try_from(&secret(intel.seed, &format!("ppid {index}"))[..16])
            .expect("is long enough");
        let label = format!("pck {index}");
        let pck = intel.platform_ca.subject(
            "Test SGX PCK Certificate",
            Key::p256(intel.seed, &label),
            // Another serial number for each.
            secret(intel.seed, &label)[0..8]
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
            Role::Signer,
            &[extension(SGX_EXTENSION, false, &sgx_extension(&ppid, &intel.fmspc()))],
        );
        let mut chain = intel.chain(&[&pck, &intel.platform_ca, &intel.root]).into_bytes();
        chain.push(0);
        let attestation_key = Key::p256(intel.seed, &format!("attestation key {index}"));
        Self { pck, attestation_key, chain, ppid }
    }

    /// Serial number of its certificate, to revoke it by.
    pub fn serial(&self) -> [u8; 20] {
        *self.pck.serial()
    }

    /// keccak256 of its provisioning id, as claims have it.
    pub fn ppid_hash(&self) -> [u8; 32] {
        keccak256(self.ppid).0
    }

    /// The key that vouches for the quoting enclave.
    pub(crate) fn provisioning_key(&self) -> &Key {
        self.pck.key()
    }
}

fn sgx_extension(ppid: &[u8; 16], fmspc: &[u8; 6]) -> Vec<u8> {
    let entry = |path: &[u8], value: Vec<u8>| {
        sequence(&[element(OBJECT, &[SGX_EXTENSION, path].concat()), value])
    };
    let octets = |bytes: &[u8]| element(OCTET_STRING, bytes);
    let number = |value: u8| if value == 0 { vec![2, 1, 0] } else { integer(&[value]) };
    let mut tcb: Vec<_> =
        (1..).zip(CPU_SVN).map(|(component, svn)| entry(&[2, component], number(svn))).collect();
    tcb.push(entry(&[2, 17], number(PCE_SVN)));
    tcb.push(entry(&[2, 18], octets(&CPU_SVN)));
    let flags: Vec<_> = (1..=3).map(|flag| entry(&[7, flag], element(BOOLEAN, &[0]))).collect();
    sequence(&[
        entry(&[1], octets(ppid)),
        entry(&[2], sequence(&tcb)),
        entry(&[3], octets(&[0, 0])),
        entry(&[4], octets(fmspc)),
        entry(&[5], element(ENUMERATED, &[1])),
        entry(&[6], octets(ppid)),
        entry(&[7], sequence(&flags)),
    ])
}

/// A certificate as PEM.
pub(crate) fn pem(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines: String = base64
        .as_bytes()
        .chunks(64)
        .map(|line| format!("{}\n", std::str::from_utf8(line).expect("base64 is ASCII")))
        .collect();
    format!("-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n")
}
