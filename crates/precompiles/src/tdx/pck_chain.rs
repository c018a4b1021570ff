use crate::{TdxRefusal, pem};

/// The certificates in a quote, without the root.
///
/// The verification library builds paths from whatever it is given, and forged intermediates
/// make that dear. So it is given one candidate for each place.
pub(super) struct PckChain {
    leaf: Vec<u8>,
    intermediate: Vec<u8>,
}

impl PckChain {
    /// Exactly leaf, intermediate and `root`.
    pub(super) fn from_pem(text: &[u8], root: &[u8]) -> Result<Self, TdxRefusal> {
        let chain = pem::certificates(text).ok_or(TdxRefusal::PckChain)?;
        let [leaf, intermediate, last] =
            <[Vec<u8>; 3]>::try_from(chain).map_err(|_| TdxRefusal::PckChain)?;
        if last != root {
            return Err(TdxRefusal::Root);
        }
        Ok(Self { leaf, intermediate })
    }

    /// Our own PEM, so that no leniency of another parser matters.
    pub(super) fn to_pem(&self) -> String {
        pem::encode(&self.leaf) + &pem::encode(&self.intermediate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(ders: &[&[u8]]) -> String {
        ders.iter().map(|der| pem::encode(der)).collect()
    }

    #[test]
    fn a_chain_is_three_certificates_that_end_with_the_root() {
        let three = chain(&[b"leaf", b"intermediate", b"root"]);
        let parsed = PckChain::from_pem(three.as_bytes(), b"root").map(|chain| chain.to_pem());
        assert_eq!(parsed, Ok(chain(&[b"leaf", b"intermediate"])));
        let refusal = |text: String| PckChain::from_pem(text.as_bytes(), b"root").err();
        assert_eq!(refusal(chain(&[b"leaf", b"root"])), Some(TdxRefusal::PckChain));
        assert_eq!(refusal(chain(&[b"a", b"b", b"c", b"root"])), Some(TdxRefusal::PckChain));
        assert_eq!(refusal(chain(&[b"a".as_slice(); 5])), Some(TdxRefusal::PckChain));
        assert_eq!(refusal(String::new()), Some(TdxRefusal::PckChain));
        assert_eq!(refusal(chain(&[b"leaf", b"intermediate", b"toor"])), Some(TdxRefusal::Root));
    }
}
