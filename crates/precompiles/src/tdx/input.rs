use super::Collateral;
use crate::{Frame, reader::Reader};

/// The one version of the frame.
const VERSION: u8 = 1;

/// Quotes have 5 KB; one provider pads them to 8,000 bytes.
const QUOTE_LEN_MAX: usize = 16_384;

/// The input frame.
///
/// ```text
/// 0   1   version = 1
/// 1   3   zero
/// 4   8   now, unix seconds
/// 12  4   length of the quote
/// 16  ..  quote
/// ..  ..  collateral to the end
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TdxInput {
    /// Unix seconds. An argument, so that the function is pure; contracts pass the block's.
    pub now: u64,
    /// The quote, with the zeros some services append.
    pub quote: Vec<u8>,
    /// What to judge it by.
    pub collateral: Collateral,
}

impl TdxInput {
    /// The bytes to call the precompile with.
    pub fn encode(&self) -> Vec<u8> {
        let mut input = vec![VERSION, 0, 0, 0];
        input.extend(self.now.to_be_bytes());
        input.extend(u32::try_from(self.quote.len()).unwrap_or(u32::MAX).to_be_bytes());
        input.extend(&self.quote);
        input.extend(self.collateral.encode());
        input
    }

    /// Exactly a frame, each field within its cap.
    pub fn decode(input: &[u8]) -> Result<Self, Frame> {
        let mut reader = Reader::new(input);
        let truncated = reader.truncated();
        let version = reader.u8().ok_or(truncated)?;
        if version != VERSION {
            return Err(Frame::Version(version));
        }
        if reader.array::<3>().ok_or(truncated)? != [0; 3] {
            return Err(Frame::NotZero("bytes 1 to 3"));
        }
        let now = reader.u64_be().ok_or(truncated)?;
        let len = reader.u32_be().ok_or(truncated)? as usize;
        let quote = reader.field("quote", len, QUOTE_LEN_MAX)?.to_vec();
        let collateral = Collateral::decode(&mut reader)?;
        Ok(Self { now, quote, collateral })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> TdxInput {
        TdxInput {
            now: 0x0102_0304_0506_0708,
            quote: vec![1; 11],
            collateral: Collateral {
                signer: vec![2; 12],
                qe_signer: vec![3; 13],
                tcb_info: vec![4; 14],
                tcb_info_signature: vec![5; 64],
                qe_identity: vec![6; 16],
                qe_identity_signature: vec![7; 64],
                root_crl: vec![8; 18],
                pck_crl: vec![9; 19],
            },
        }
    }

    #[test]
    fn decodes_what_it_encodes() {
        let input = sample();
        assert_eq!(TdxInput::decode(&input.encode()), Ok(input));
    }

    #[test]
    fn lays_out_fields_as_specified() {
        let bytes = sample().encode();
        assert_eq!(bytes[..16], [1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 11]);
        assert_eq!(bytes[16..27], [1; 11]);
        let lengths = [14, 16, 18, 19, 12, 13].map(|len: u32| len.to_be_bytes());
        let blob = &bytes[27..];
        assert_eq!(blob[..24], lengths.concat());
        assert_eq!(blob[24..88], [5; 64]);
        assert_eq!(blob[88..152], [7; 64]);
        assert_eq!(blob[152..164], [2; 12]);
        assert_eq!(blob[164..177], [3; 13]);
        assert_eq!(blob[177..191], [4; 14]);
    }

    #[test]
    fn refuses_another_version_and_reserved_bytes() {
        let good = sample().encode();
        let with = |at: usize, value| {
            let mut bytes = good.clone();
            bytes[at] = value;
            TdxInput::decode(&bytes)
        };
        assert_eq!(with(0, 2), Err(Frame::Version(2)));
        assert_eq!(with(0, 0), Err(Frame::Version(0)));
        for at in 1..4 {
            assert_eq!(with(at, 1), Err(Frame::NotZero("bytes 1 to 3")));
        }
    }

    #[test]
    fn refuses_every_other_length() {
        let good = sample().encode();
        for len in 0..good.len() {
            assert!(matches!(TdxInput::decode(&good[..len]), Err(Frame::Truncated { .. })));
        }
        let longer = [good.as_slice(), &[0]].concat();
        assert_eq!(TdxInput::decode(&longer), Err(Frame::Trailing { len: 1 }));
        // The length fields, each one more and one less than it should be.
        for at in [15, 30, 34, 38, 42, 46, 50] {
            for change in [1, u8::MAX] {
                let mut bytes = good.clone();
                bytes[at] = bytes[at].wrapping_add(change);
                assert!(TdxInput::decode(&bytes).is_err(), "length at {at}");
            }
        }
    }

    #[test]
    fn caps_hold_to_the_byte() {
        type Resize = fn(&mut TdxInput, usize);
        let caps: [(Resize, usize); 7] = [
            (|input, len| input.quote.resize(len, 0), 16_384),
            (|input, len| input.collateral.tcb_info.resize(len, 0), 65_536),
            (|input, len| input.collateral.qe_identity.resize(len, 0), 8_192),
            (|input, len| input.collateral.root_crl.resize(len, 0), 8_192),
            (|input, len| input.collateral.pck_crl.resize(len, 0), 131_072),
            (|input, len| input.collateral.signer.resize(len, 0), 2_048),
            (|input, len| input.collateral.qe_signer.resize(len, 0), 2_048),
        ];
        for (resize, max) in caps {
            let mut input = sample();
            resize(&mut input, max);
            assert!(TdxInput::decode(&input.encode()).is_ok());
            resize(&mut input, max + 1);
            assert!(matches!(
                TdxInput::decode(&input.encode()),
                Err(Frame::TooLong { len, max: cap, .. }) if len == max + 1 && cap == max
            ));
        }
    }
}
