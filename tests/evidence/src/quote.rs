use sha2::{Digest, Sha256};

use crate::intel::{Platform, QE_PRODUCT, QE_SIGNER, QE_SVN, TEE_TCB_SVN};

/// Intel, in the header of a quote.
const QE_VENDOR: [u8; 16] = [
    0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07,
];

/// SEPT_VE_DISABLE, without which no quote is accepted.
const TD_ATTRIBUTES: [u8; 8] = [0, 0, 0, 0x10, 0, 0, 0, 0];

/// x87, SSE, AVX and what else a guest on a current processor uses.
const XFAM: [u8; 8] = [0xe7, 0x02, 0x06, 0, 0, 0, 0, 0];

/// Bytes that services append to quotes, since their buffer is for the longest.
const PADDING_LEN: usize = 70;

/// What a trusted domain is, and what it wants to have signed.
#[derive(Clone, Debug)]
pub struct TrustedDomain {
    /// Free to the guest.
    pub report_data: [u8; 64],
    /// Measurement of the initial contents.
    pub mr_td: [u8; 48],
    /// Set by whoever starts it.
    pub mr_config_id: [u8; 48],
    /// Measured while it runs.
    pub rt_mr: [[u8; 48]; 4],
    /// TD attributes.
    pub attributes: [u8; 8],
}

impl TrustedDomain {
    /// A sound one that has this signed.
    pub const fn new(report_data: [u8; 64]) -> Self {
        Self {
            report_data,
            mr_td: [0xd0; 48],
            mr_config_id: [0xc0; 48],
            rt_mr: [[0xe0; 48], [0xe1; 48], [0xe2; 48], [0xe3; 48]],
            attributes: TD_ATTRIBUTES,
        }
    }

    /// 584 bytes.
    fn report(&self) -> Vec<u8> {
        let none = [0; 48];
        let mut report = Vec::with_capacity(584);
        report.extend(TEE_TCB_SVN);
        report.extend([0x5e; 48]); // MRSEAM.
        report.extend(none); // MRSIGNERSEAM: Intel.
        report.extend([0; 8]); // SEAMATTRIBUTES.
        report.extend(self.attributes);
        report.extend(XFAM);
        report.extend(self.mr_td);
        report.extend(self.mr_config_id);
        report.extend(none); // MROWNER.
        report.extend(none); // MROWNERCONFIG.
        report.extend(self.rt_mr.concat());
        report.extend(self.report_data);
        report
    }
}

impl Platform {
    /// A quote of version 4 with the zeros that services append.
    pub fn quote(&self, domain: &TrustedDomain) -> Vec<u8> {
        let mut quote = vec![4, 0, 2, 0, 0x81, 0, 0, 0, 0, 0, 0, 0];
        quote.extend(QE_VENDOR);
        quote.extend([0; 20]);
        quote.extend(domain.report());
        let signature = self.attestation_key.sign(&quote);

        let attestation_key = self.attestation_key.public()[1..].to_vec();
        let qe_auth = [0xa5; 32];
        let qe_report = qe_report(&attestation_key, &qe_auth);
        let mut certification = qe_report.clone();
        certification.extend(self.provisioning_key().sign(&qe_report));
        certification.extend(32_u16.to_le_bytes());
        certification.extend(qe_auth);
        certification.extend(5_u16.to_le_bytes());
        certification.extend(len(&self.chain));
        certification.extend(&self.chain);

        let mut auth = signature;
        auth.extend(attestation_key);
        auth.extend(6_u16.to_le_bytes());
        auth.extend(len(&certification));
        auth.extend(certification);
        quote.extend(len(&auth));
        quote.extend(auth);
        quote.extend([0; PADDING_LEN]);
        quote
    }
}

fn len(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("evidence is short").to_le_bytes()
}

/// The quoting enclave's own report: which enclave it is, and which key it keeps.
fn qe_report(attestation_key: &[u8], qe_auth: &[u8; 32]) -> Vec<u8> {
    let mut report = Vec::with_capacity(384);
    report.extend([2; 16]); // CPUSVN.
    report.extend([0; 4 + 28]); // MISCSELECT, reserved.
    report.push(0x11); // Attributes: initialised, may provision.
    report.extend([0; 15]);
    report.extend([0x9e; 32]); // MRENCLAVE.
    report.extend([0; 32]);
    report.extend(QE_SIGNER);
    report.extend([0; 96]);
    report.extend(QE_PRODUCT.to_le_bytes());
    report.extend(QE_SVN.to_le_bytes());
    report.extend([0; 60]);
    report.extend(Sha256::digest([attestation_key, qe_auth].concat()));
    report.extend([0; 32]);
    report
}
