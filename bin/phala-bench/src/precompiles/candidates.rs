//! Inputs of which each is dear in its own way.

use alloy_primitives::{Address, B256, hex};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use eyre::ensure;
use phala_precompiles::{
    GPU_SETTLE_ADDRESS, GPU_VERIFY_ADDRESS, SUBSTRATE_VERIFY_ADDRESS, TDX_VERIFY_ADDRESS,
    gpu::{self, GpuAnchor, GpuInput},
    settle::{self, SettleInput, SignedReceipt},
    tdx::{self, TdxInput},
};

use super::{
    Recorded,
    crl::{Entries, stuffed},
};

/// Of every call.
pub(crate) const ECRECOVER_GAS: u64 = 3_000;

// Names of the honest inputs.
pub(crate) const QUOTE: &str = "quote";
pub(crate) const EVIDENCE: &str = "GPU evidence";
pub(crate) const KNOWN_LEAF: &str = "GPU report, known leaf";
pub(crate) const BATCH: &str = "256 receipts";
pub(crate) const SR25519: &str = "sr25519, 300 bytes";
pub(crate) const ED25519: &str = "ed25519, 300 bytes";

/// The longest payload of a signature that is looked at.
const PAYLOAD_LEN_MAX: usize = 4_096;

/// The longest fields of a frame, as `docs/precompiles.md` has them.
const TCB_INFO_LEN_MAX: usize = 65_536;
const PCK_CRL_LEN_MAX: usize = 131_072;
const ROOT_CRL_LEN_MAX: usize = 8_192;
const QUOTE_LEN_MAX: usize = 16_384;

/// A call.
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) address: Address,
    pub(crate) input: Vec<u8>,
}

/// An input that `ecrecover` answers, from the yellow paper's test.
pub(crate) fn ecrecover() -> Vec<u8> {
    hex!(
        "456e9aea5e197a1f1af7a3e85a3212fa4049a3ba34c2289b4c860fc0b0c64ef3"
        "000000000000000000000000000000000000000000000000000000000000001c"
        "9242685bf161793cc25603c231bc2f568eb630ea16aa137d2664ac8038825608"
        "4f8ae3bd7535248d0bd448298cc2e2071e56992d0774dc340c368ae950852ada"
    )
    .to_vec()
}

/// Honest input, and input made to take long.
pub(crate) fn all(recorded: &Recorded) -> eyre::Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    quotes(&recorded.quote, &mut candidates)?;
    gpus(&recorded.gpu, &mut candidates)?;
    receipts(&mut candidates)?;
    signatures(&mut candidates)?;
    Ok(candidates)
}

fn quotes(honest: &TdxInput, candidates: &mut Vec<Candidate>) -> eyre::Result<()> {
    ensure!(tdx::explain(&honest.encode())?.is_ok(), "the recorded quote is refused");
    let mut add = |name: &str, change: &dyn Fn(&mut TdxInput)| {
        let mut input = honest.clone();
        change(&mut input);
        let (name, address) = (name.to_owned(), TDX_VERIFY_ADDRESS);
        candidates.push(Candidate { name, address, input: input.encode() });
    };
    add(QUOTE, &|_| {});
    // Shortest input for the same work.
    add("quote without padding", &|input| {
        input.quote = tdx::trim_quote(&input.quote).to_vec();
    });
    add("quote padded to its cap", &|input| input.quote.resize(QUOTE_LEN_MAX, 0));
    // The last signature is wrong, so that all are checked.
    add("quote with a wrong signature", &|input| input.quote[640] ^= 1);
    for entries in [Entries::Ascending, Entries::Scattered, Entries::Alike, Entries::WithReasons] {
        for len in [PCK_CRL_LEN_MAX / 2, PCK_CRL_LEN_MAX] {
            add(&format!("pck crl of {len} bytes, entries {entries:?}"), &|input| {
                input.collateral.pck_crl = stuffed(&input.collateral.pck_crl, entries, len);
            });
        }
    }
    add("root crl at its cap", &|input| {
        let crl = &input.collateral.pck_crl;
        input.collateral.root_crl = stuffed(crl, Entries::Scattered, ROOT_CRL_LEN_MAX);
    });
    add("tcb info at its cap, empty levels", &|input| {
        let level = concat!(
            r#"{"tcb":{"sgxtcbcomponents":[],"pcesvn":0},"tcbDate":"2024-03-13T00:00:00Z","#,
            r#""tcbStatus":"UpToDate"},"#
        );
        fill_tcb_info(input, "\"tcbLevels\":[", level);
    });
    add("tcb info at its cap, components", &|input| {
        fill_tcb_info(input, "\"sgxtcbcomponents\":[", r#"{"svn":2},"#);
    });
    add("tcb info at its cap, advisories", &|input| {
        fill_tcb_info(input, "\"advisoryIDs\":[", r#""","#);
    });
    add("tcb info nested 30,000 deep", &|input| {
        let text = input.collateral.tcb_info.split_off(1);
        let junk = format!("\"x\":{}{},", "[".repeat(30_000), "]".repeat(30_000));
        input.collateral.tcb_info.extend(junk.bytes().chain(text));
    });
    add("another signer of the identity", &|input| {
        input.collateral.qe_signer = input.collateral.signer.clone();
        if let Some(last) = input.collateral.qe_signer.last_mut() {
            *last ^= 1;
        }
    });
    add("pck crl and tcb info at their caps", &|input| {
        let crl = &input.collateral.pck_crl;
        input.collateral.pck_crl = stuffed(crl, Entries::Scattered, PCK_CRL_LEN_MAX);
        fill_tcb_info(input, "\"sgxtcbcomponents\":[", r#"{"svn":2},"#);
    });
    Ok(())
}

/// Repeats `text` after the last `marker` until the cap is reached.
fn fill_tcb_info(input: &mut TdxInput, marker: &str, text: &str) {
    let info = String::from_utf8_lossy(&input.collateral.tcb_info).into_owned();
    let at = info.rfind(marker).map_or(0, |at| at + marker.len());
    let more = text.repeat((TCB_INFO_LEN_MAX - info.len()) / text.len());
    input.collateral.tcb_info = [&info[..at], &more, &info[at..]].concat().into_bytes();
}

fn gpus(honest: &GpuInput, candidates: &mut Vec<Candidate>) -> eyre::Result<()> {
    let claims = match gpu::explain(&honest.encode())? {
        Ok(claims) => claims,
        Err(refusal) => eyre::bail!("the recorded GPU evidence is refused: {refusal}"),
    };
    let leaf = GpuAnchor::Key(claims.leafKey.as_ref().try_into()?);
    let mut add = |name: &str, input: GpuInput| {
        let (name, address) = (name.to_owned(), GPU_VERIFY_ADDRESS);
        candidates.push(Candidate { name, address, input: input.encode() });
    };
    add(EVIDENCE, honest.clone());
    let challenge = honest.challenge.clone();
    add(KNOWN_LEAF, GpuInput { anchor: leaf, certificates: Vec::new(), challenge });
    // Under a key that signed none of them, which only the last signature shows.
    for count in 1..=3 {
        let certificates = honest.certificates[..count].to_vec();
        let input = GpuInput { anchor: leaf, certificates, challenge: None };
        add(&format!("GPU certificates, {count}"), input);
    }
    add("GPU certificates, 4", GpuInput { challenge: None, ..honest.clone() });
    Ok(())
}

fn receipts(candidates: &mut Vec<Candidate>) -> eyre::Result<()> {
    let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(5))?;
    let domain = B256::repeat_byte(7);
    let mut receipts = Vec::new();
    for index in 0_u64..256 {
        let mut words = [[0; 32]; 10];
        words[0][24..].copy_from_slice(&index.to_be_bytes());
        let mut receipt = SignedReceipt { words, r: [0; 32], s: [0; 32], v: 0 };
        let signature = signer.sign_hash_sync(&receipt.digest(&domain))?;
        receipt.r = signature.r().to_be_bytes();
        receipt.s = signature.s().to_be_bytes();
        receipt.v = 27 + u8::from(signature.v());
        receipts.push(receipt);
    }
    for (name, count) in [(BATCH, 256), ("16 receipts", 16), ("1 receipt", 1)] {
        let input = SettleInput { domain, receipts: receipts[..count].to_vec() }.encode();
        let settled = settle::explain(&input)?;
        ensure!(settled.iter().all(|settled| settled.worker == signer.address()), "are signed");
        candidates.push(Candidate { name: name.to_owned(), address: GPU_SETTLE_ADDRESS, input });
    }
    Ok(())
}

/// Points and scalars that are well-formed and sign nothing: as dear as a good signature.
fn signatures(candidates: &mut Vec<Candidate>) -> eyre::Result<()> {
    let keys = [
        hex!("88dc3417d5058ec4b4503e0c12ea1a0a89be200fe98922423d4334014fa6b0ee"),
        hex!("d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"),
    ];
    let mut add = |name: &str, scheme: u8, len: usize| {
        let key = keys[usize::from(scheme)];
        let mut scalar = [0x77; 32];
        scalar[31] = if scheme == 1 { 0x87 } else { 0x07 };
        let input = [&[scheme], key.as_slice(), &key, &scalar, &vec![7; len]].concat();
        let (name, address) = (name.to_owned(), SUBSTRATE_VERIFY_ADDRESS);
        candidates.push(Candidate { name, address, input });
    };
    add(ED25519, 0, 300);
    add(SR25519, 1, 300);
    for (scheme, name) in [(0, "ed25519"), (1, "sr25519")] {
        add(&format!("{name}, no payload"), scheme, 0);
        add(&format!("{name}, {PAYLOAD_LEN_MAX} bytes"), scheme, PAYLOAD_LEN_MAX);
    }
    Ok(())
}
