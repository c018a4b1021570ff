use alloy_primitives::{Address, B256, U256, keccak256};
use secp256k1::{
    Message, SECP256K1,
    ecdsa::{RecoverableSignature, RecoveryId},
};

use super::{Settled, VERDICT_OK, VERDICT_RANGE, VERDICT_SIGNATURE};
use crate::reader::Reader;

/// The EIP-712 type that workers sign.
pub const RECEIPT_TYPE: &str = "Receipt(bytes32 jobId,bytes32 specHash,bytes32 inputHash,\
    bytes32 resultHash,bytes32 deliveryHash,uint64 startedAt,uint64 finishedAt,uint64 gpuSeconds,\
    uint256 amount,uint64 epoch)";

const WORDS: usize = 10;

// Words of the receipt that are more than bytes to hash.
const JOB_ID: usize = 0;
const STARTED_AT: usize = 5;
const FINISHED_AT: usize = 6;
const GPU_SECONDS: usize = 7;
const AMOUNT: usize = 8;
const EPOCH: usize = 9;

/// Half the order of secp256k1: a higher `s` is the same signature written another way.
const S_MAX: [u8; 32] =
    alloy_primitives::hex!("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0");

/// A receipt as it is sent: ABI words and the worker's signature, neither checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedReceipt {
    /// The fields of [`RECEIPT_TYPE`] in order.
    pub words: [[u8; 32]; WORDS],
    /// Of the signature.
    pub r: [u8; 32],
    /// Of the signature; at most half the order.
    pub s: [u8; 32],
    /// 27 or 28.
    pub v: u8,
}

impl SignedReceipt {
    pub(super) fn encode(&self) -> impl Iterator<Item = u8> {
        self.words.into_iter().flatten().chain(self.r).chain(self.s).chain([self.v])
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let mut words = [[0; 32]; WORDS];
        for word in &mut words {
            *word = reader.array()?;
        }
        Some(Self { words, r: reader.array()?, s: reader.array()?, v: reader.u8()? })
    }

    /// What the worker signs.
    pub fn digest(&self, domain: &B256) -> B256 {
        let mut fields = Vec::with_capacity(32 * (1 + WORDS));
        fields.extend(keccak256(RECEIPT_TYPE));
        fields.extend(self.words.concat());
        let hash = keccak256(fields);
        keccak256([&[0x19, 0x01], domain.as_slice(), hash.as_slice()].concat())
    }

    /// Everything but whether the job was settled before.
    pub(super) fn judge(&self, domain: &B256) -> Settled {
        let digest = self.digest(domain);
        let worker = self.signer(digest);
        let verdict = match worker {
            None => VERDICT_SIGNATURE,
            Some(_) if self.is_in_range() => VERDICT_OK,
            Some(_) => VERDICT_RANGE,
        };
        Settled {
            jobId: self.words[JOB_ID].into(),
            digest,
            worker: worker.unwrap_or_default(),
            amount: U256::from_be_bytes(self.words[AMOUNT]),
            gpuSeconds: self.u64(GPU_SECONDS).unwrap_or_default(),
            verdict,
        }
    }

    fn signer(&self, digest: B256) -> Option<Address> {
        let id = match self.v {
            27 => RecoveryId::Zero,
            28 => RecoveryId::One,
            _ => return None,
        };
        if self.s > S_MAX {
            return None;
        }
        let signature = [self.r, self.s].concat();
        let signature = RecoverableSignature::from_compact(&signature, id).ok()?;
        let key = SECP256K1.recover_ecdsa(Message::from_digest(digest.0), &signature).ok()?;
        Some(Address::from_raw_public_key(&key.serialize_uncompressed()[1..]))
    }

    fn is_in_range(&self) -> bool {
        let (Some(started), Some(finished)) = (self.u64(STARTED_AT), self.u64(FINISHED_AT)) else {
            return false;
        };
        started <= finished && self.u64(GPU_SECONDS).is_some() && self.u64(EPOCH).is_some()
    }

    /// A word as an integer of 64 bits, if it is one.
    fn u64(&self, word: usize) -> Option<u64> {
        U256::from_be_bytes(self.words[word]).try_into().ok()
    }
}
