//! Who signs the transactions.

mod key_file;
mod remote;

use std::{fmt, time::Duration};

use alloy_primitives::{Address, B256};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;

pub use key_file::KeySource;
use remote::RemoteSigner;

use crate::{SignedTx, SignerError, UnsignedTx};

/// Signs transactions with a key that is here or elsewhere.
pub struct TxSigner {
    address: Address,
    kind: Kind,
}

enum Kind {
    Local(Box<PrivateKeySigner>),
    Remote(RemoteSigner),
}

impl TxSigner {
    /// Reads the key, or checks that the remote signer can be asked.
    pub fn open(source: &KeySource, timeout: Duration) -> Result<Self, SignerError> {
        let key = match source {
            KeySource::Keystore { file, password_file } => {
                key_file::load_keystore(file, password_file)?
            }
            KeySource::KeyFile(file) => key_file::load_key(file)?,
            KeySource::Remote { endpoint, address } => {
                let remote = RemoteSigner::new(endpoint.clone(), timeout)?;
                return Ok(Self { address: *address, kind: Kind::Remote(remote) });
            }
        };
        Ok(Self { address: key.address(), kind: Kind::Local(Box::new(key)) })
    }

    /// Whose transactions these are.
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Signs a transaction. What comes back is what was asked for, signed by our address.
    pub async fn sign(&self, tx: UnsignedTx) -> Result<SignedTx, SignerError> {
        let signed = match &self.kind {
            Kind::Local(key) => {
                let hash: B256 = tx.signature_hash();
                let signature = key
                    .sign_hash_sync(&hash)
                    .map_err(|error| SignerError::Local(error.to_string()))?;
                tx.clone().into_signed(signature)
            }
            Kind::Remote(remote) => remote.sign(&tx, self.address).await?,
        };
        check(&tx, &signed, self.address)?;
        Ok(signed)
    }
}

impl fmt::Debug for TxSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Local(_) => "local",
            Kind::Remote(_) => "remote",
        };
        f.debug_struct("TxSigner").field("address", &self.address).field("key", &kind).finish()
    }
}

fn check(asked: &UnsignedTx, signed: &SignedTx, address: Address) -> Result<(), SignerError> {
    if signed.unsigned() != *asked {
        return Err(SignerError::OtherTransaction);
    }
    let signer = signed.signer().map_err(|_| SignerError::BadSignature)?;
    if signer != address {
        return Err(SignerError::OtherSigner { signer, expected: address });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TxFees, TxTerms};

    #[test]
    fn only_the_transaction_asked_for_by_the_right_key_passes() {
        let terms = TxTerms { chain_id: 1, nonce: 0, to: Address::ZERO, fees: TxFees::default() };
        let tx = UnsignedTx::calldata(&terms, vec![1].into());
        let key = PrivateKeySigner::random();
        let sign = |tx: &UnsignedTx| {
            let signature = key.sign_hash_sync(&tx.signature_hash()).expect("signs");
            tx.clone().into_signed(signature)
        };
        check(&tx, &sign(&tx), key.address()).expect("as asked");
        let other = UnsignedTx::calldata(&TxTerms { nonce: 1, ..terms }, vec![1].into());
        assert!(matches!(
            check(&tx, &sign(&other), key.address()),
            Err(SignerError::OtherTransaction)
        ));
        assert!(matches!(
            check(&tx, &sign(&tx), Address::ZERO),
            Err(SignerError::OtherSigner { signer, .. }) if signer == key.address()
        ));
    }
}
