use alloy_consensus::{
    SignableTransaction as _, Signed, Transaction as _, TxEip1559, TxEip4844, TxEip4844WithSidecar,
    TxEnvelope,
};
use alloy_eips::{
    eip2718::Decodable2718 as _,
    eip4844::{Blob, BlobTransactionSidecar, env_settings::EnvKzgSettings},
    eip7594::{BlobTransactionSidecarEip7594, BlobTransactionSidecarVariant},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};

use crate::{DaType, TxError, TxFees, da_type::input_gas};

/// Gas of a transaction without input.
const TX_GAS: u64 = 21_000;

/// What a blob transaction carries beside itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SidecarFormat {
    /// One proof per blob, before Osaka.
    Eip4844,
    /// A proof per cell, since Osaka.
    Eip7594,
}

impl SidecarFormat {
    /// The word of flags and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eip4844 => "4844",
            Self::Eip7594 => "7594",
        }
    }

    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Eip4844 => Self::Eip7594,
            Self::Eip7594 => Self::Eip4844,
        }
    }

    /// Computes commitments and proofs, which takes a fraction of a second per blob.
    pub fn sidecar(self, blobs: &[Box<Blob>]) -> Result<BlobTransactionSidecarVariant, TxError> {
        let blobs: Vec<Blob> = blobs.iter().map(|blob| **blob).collect();
        let settings = EnvKzgSettings::Default.get();
        let sidecar = match self {
            Self::Eip4844 => BlobTransactionSidecar::try_from_blobs_with_settings(blobs, settings)
                .map(BlobTransactionSidecarVariant::Eip4844),
            Self::Eip7594 => {
                BlobTransactionSidecarEip7594::try_from_blobs_with_settings(blobs, settings)
                    .map(BlobTransactionSidecarVariant::Eip7594)
            }
        };
        sidecar.map_err(|error| TxError::Kzg(error.to_string()))
    }
}

/// A transaction to the batch inbox, before it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnsignedTx {
    /// Data in the input.
    Calldata(TxEip1559),
    /// Data in blobs.
    Blobs(TxEip4844),
}

/// Everything of a transaction but its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxTerms {
    /// Chain id of L1.
    pub chain_id: u64,
    /// The nonce.
    pub nonce: u64,
    /// The batch inbox.
    pub to: Address,
    /// What it offers.
    pub fees: TxFees,
}

impl UnsignedTx {
    /// A transaction with this input.
    pub fn calldata(terms: &TxTerms, input: Bytes) -> Self {
        Self::Calldata(TxEip1559 {
            chain_id: terms.chain_id,
            nonce: terms.nonce,
            gas_limit: input_gas(&input),
            max_fee_per_gas: terms.fees.fee_cap,
            max_priority_fee_per_gas: terms.fees.tip,
            to: TxKind::Call(terms.to),
            value: U256::ZERO,
            access_list: Default::default(),
            input,
        })
    }

    /// A transaction with blobs of these versioned hashes.
    pub fn blobs(terms: &TxTerms, blob_versioned_hashes: Vec<B256>) -> Self {
        Self::Blobs(TxEip4844 {
            chain_id: terms.chain_id,
            nonce: terms.nonce,
            gas_limit: TX_GAS,
            max_fee_per_gas: terms.fees.fee_cap,
            max_priority_fee_per_gas: terms.fees.tip,
            max_fee_per_blob_gas: terms.fees.blob_fee_cap,
            to: terms.to,
            value: U256::ZERO,
            access_list: Default::default(),
            blob_versioned_hashes,
            input: Bytes::new(),
        })
    }

    /// What has to be signed.
    pub fn signature_hash(&self) -> B256 {
        match self {
            Self::Calldata(tx) => tx.signature_hash(),
            Self::Blobs(tx) => tx.signature_hash(),
        }
    }

    /// The transaction with its signature.
    pub fn into_signed(self, signature: Signature) -> SignedTx {
        match self {
            Self::Calldata(tx) => SignedTx::Calldata(tx.into_signed(signature)),
            Self::Blobs(tx) => SignedTx::Blobs(tx.into_signed(signature)),
        }
    }
}

/// A signed transaction, without blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedTx {
    /// Data in the input.
    Calldata(Signed<TxEip1559>),
    /// Data in blobs.
    Blobs(Signed<TxEip4844>),
}

impl SignedTx {
    /// Reads an EIP-2718 transaction of one of the two types; blobs beside it are dropped.
    pub fn decode(raw: &[u8]) -> Result<Self, TxError> {
        let mut rest = raw;
        let envelope = TxEnvelope::decode_2718(&mut rest)
            .map_err(|error| TxError::Decode(error.to_string()))?;
        if !rest.is_empty() {
            return Err(TxError::Decode(format!("{} bytes left over", rest.len())));
        }
        match envelope {
            TxEnvelope::Eip1559(tx) => Ok(Self::Calldata(tx)),
            TxEnvelope::Eip4844(tx) => Ok(Self::Blobs(tx.convert())),
            other => Err(TxError::Decode(format!("transaction type {}", other.tx_type() as u8))),
        }
    }

    /// EIP-2718 bytes, without blobs.
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::new();
        match self {
            Self::Calldata(tx) => tx.eip2718_encode(&mut out),
            Self::Blobs(tx) => tx.eip2718_encode(&mut out),
        }
        out.into()
    }

    /// The bytes that `eth_sendRawTransaction` takes.
    pub fn encode_for_pool(
        &self,
        sidecar: Option<&BlobTransactionSidecarVariant>,
    ) -> Result<Bytes, TxError> {
        match (self, sidecar) {
            (Self::Calldata(_), _) => Ok(self.encode()),
            (Self::Blobs(_), None) => Err(TxError::NoSidecar),
            (Self::Blobs(tx), Some(sidecar)) => {
                let wrapped =
                    tx.clone().map(|tx| TxEip4844WithSidecar { tx, sidecar: sidecar.clone() });
                let mut out = Vec::with_capacity(sidecar.size() + 1_024);
                wrapped.eip2718_encode(&mut out);
                Ok(out.into())
            }
        }
    }

    /// Hash of the transaction, which does not depend on the form of its sidecar.
    pub fn hash(&self) -> B256 {
        match self {
            Self::Calldata(tx) => *tx.hash(),
            Self::Blobs(tx) => *tx.hash(),
        }
    }

    /// The nonce.
    pub fn nonce(&self) -> u64 {
        match self {
            Self::Calldata(tx) => tx.tx().nonce,
            Self::Blobs(tx) => tx.tx().nonce,
        }
    }

    /// Where its data is.
    pub const fn da(&self) -> DaType {
        match self {
            Self::Calldata(_) => DaType::Calldata,
            Self::Blobs(_) => DaType::Blobs,
        }
    }

    /// What it offers.
    pub fn fees(&self) -> TxFees {
        match self {
            Self::Calldata(tx) => TxFees {
                tip: tx.tx().max_priority_fee_per_gas,
                fee_cap: tx.tx().max_fee_per_gas,
                blob_fee_cap: 0,
            },
            Self::Blobs(tx) => TxFees {
                tip: tx.tx().max_priority_fee_per_gas,
                fee_cap: tx.tx().max_fee_per_gas,
                blob_fee_cap: tx.tx().max_fee_per_blob_gas().unwrap_or(0),
            },
        }
    }

    /// Who signed it.
    pub fn signer(&self) -> Result<Address, TxError> {
        let recovered = match self {
            Self::Calldata(tx) => tx.recover_signer(),
            Self::Blobs(tx) => tx.recover_signer(),
        };
        recovered.map_err(|_| TxError::Signature)
    }

    /// The transaction without its signature.
    pub fn unsigned(&self) -> UnsignedTx {
        match self {
            Self::Calldata(tx) => UnsignedTx::Calldata(tx.tx().clone()),
            Self::Blobs(tx) => UnsignedTx::Blobs(tx.tx().clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_signer::SignerSync as _;
    use alloy_signer_local::PrivateKeySigner;
    use phala_batch::encode_blob;
    use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    const TERMS: TxTerms = TxTerms {
        chain_id: 1,
        nonce: 7,
        to: Address::repeat_byte(6),
        fees: TxFees { tip: 1, fee_cap: 2, blob_fee_cap: 3 },
    };

    fn signed(unsigned: UnsignedTx) -> (SignedTx, Address) {
        let key: PrivateKeySigner =
            "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
                .parse()
                .expect("key");
        let signature = key.sign_hash_sync(&unsigned.signature_hash()).expect("signs");
        (unsigned.into_signed(signature), key.address())
    }

    #[test]
    fn both_types_come_back_from_their_bytes() {
        let calldata = UnsignedTx::calldata(&TERMS, vec![1, 0, 2].into());
        let blobs = UnsignedTx::blobs(&TERMS, vec![B256::repeat_byte(1)]);
        for (unsigned, blob_fee_cap) in [(calldata, 0), (blobs, 3)] {
            let (signed, address) = signed(unsigned.clone());
            let decoded = SignedTx::decode(&signed.encode()).expect("decodes");
            assert_eq!(decoded, signed);
            assert_eq!((decoded.nonce(), decoded.unsigned()), (7, unsigned));
            assert_eq!(decoded.fees(), TxFees { blob_fee_cap, ..TERMS.fees });
            assert_eq!(decoded.signer().expect("recovers"), address);
        }
    }

    #[test]
    fn both_sidecars_leave_the_hash_as_it_is_and_validate() {
        let blobs = [encode_blob(b"abc").expect("fits"), encode_blob(&[]).expect("fits")];
        let old = SidecarFormat::Eip4844.sidecar(&blobs).expect("computes");
        let new = SidecarFormat::Eip7594.sidecar(&blobs).expect("computes");
        let hashes: Vec<B256> = old.versioned_hashes().collect();
        assert_eq!(hashes, new.versioned_hashes().collect::<Vec<_>>());
        let (signed, _) = signed(UnsignedTx::blobs(&TERMS, hashes.clone()));
        for sidecar in [old, new] {
            sidecar.validate(&hashes, EnvKzgSettings::Default.get()).expect("proofs hold");
            let raw = signed.encode_for_pool(Some(&sidecar)).expect("encodes");
            assert!(raw.len() > 2 * 131_072);
            assert_eq!(SignedTx::decode(&raw).expect("decodes"), signed);
        }
        assert!(matches!(signed.encode_for_pool(None), Err(TxError::NoSidecar)));
    }

    #[test]
    fn other_types_and_damaged_bytes_are_refused_without_a_panic() {
        let (signed, _) = signed(UnsignedTx::calldata(&TERMS, vec![1; 40].into()));
        let raw = signed.encode();
        assert!(SignedTx::decode(&[raw.as_ref(), &[0]].concat()).is_err());
        for len in 0..raw.len() {
            assert!(SignedTx::decode(&raw[..len]).is_err());
        }
        let seed = 7;
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        for _ in 0..5_000 {
            let mut damaged = raw.to_vec();
            let at = random.random_range(0..damaged.len());
            damaged[at] = random.random();
            if let Ok(decoded) = SignedTx::decode(&damaged) {
                let _ = decoded.signer();
            }
        }
    }
}
