use dcap_qvl::{QuoteCollateralV3, QuotePolicy, configs::RustCryptoConfig, verify::QuoteVerifier};

use super::{Collateral, TdxClaims, TdxInput, pck_chain::PckChain, quote::Quote};
use crate::{Roots, TdxRefusal, pem};

/// Frames the quote, then asks the library with one candidate for each certificate.
pub(super) fn verify(roots: &Roots, input: &TdxInput) -> Result<TdxClaims, TdxRefusal> {
    let quote = Quote::parse(&input.quote)?;
    let chain = PckChain::from_pem(quote.pck_chain, roots.intel())?;
    let collateral = public_form(&input.collateral, &chain)?;
    // The root is ours and the backend is named: what other crates in the build switch on in
    // the library must not matter.
    let claims = QuoteVerifier::<RustCryptoConfig>::new_with_config(roots.intel().to_vec())
        .verify_with_policy(
            quote.bytes,
            collateral,
            input.now,
            &QuotePolicy::claims_only(input.now),
        )
        .map_err(|error| TdxRefusal::Verifier(format!("{error:#}").into()))?;
    Ok(TdxClaims::new(&quote, &claims))
}

fn public_form(collateral: &Collateral, chain: &PckChain) -> Result<QuoteCollateralV3, TdxRefusal> {
    let text = |name, bytes: &[u8]| {
        core::str::from_utf8(bytes).map(str::to_owned).map_err(|_| TdxRefusal::Text(name))
    };
    Ok(QuoteCollateralV3 {
        pck_crl_issuer_chain: String::new(), // The library does not read it.
        root_ca_crl: collateral.root_crl.clone(),
        pck_crl: collateral.pck_crl.clone(),
        tcb_info_issuer_chain: pem::encode(&collateral.signer),
        tcb_info: text("tcb info", &collateral.tcb_info)?,
        tcb_info_signature: collateral.tcb_info_signature.clone(),
        qe_identity_issuer_chain: pem::encode(collateral.qe_signer()),
        qe_identity: text("qe identity", &collateral.qe_identity)?,
        qe_identity_signature: collateral.qe_identity_signature.clone(),
        pck_certificate_chain: Some(chain.to_pem()),
    })
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_root_is_the_pinned_one() {
        let hash = hex!("44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3");
        assert_eq!(Sha256::digest(Roots::pinned().intel())[..], hash);
    }
}
