//! XCM version 3, as far as a deposit of inDEX can name an asset.

use parity_scale_codec::{Compact, Decode};

use super::AccountId;

/// Parachain id of Phala.
const PARA_ID: u32 = 2035;

/// Deposit that waits to be carried out.
#[derive(Decode)]
pub(super) struct Deposit {
    pub(super) sender: AccountId,
    asset: AssetId,
    pub(super) amount: u128,
    _recipient: Vec<u8>,
    _task: Vec<u8>,
}

impl Deposit {
    /// Whether it is of PHA: of this chain itself, seen from here or from its siblings.
    pub(super) fn is_pha(&self) -> bool {
        match &self.asset {
            AssetId::Concrete(Location { parents: 0, interior }) => interior.0.is_empty(),
            AssetId::Concrete(Location { parents: 1, interior }) => {
                matches!(interior.0.as_slice(), [Junction::Parachain(Compact(PARA_ID))])
            }
            AssetId::Concrete(_) | AssetId::Abstract(_) => false,
        }
    }
}

#[derive(Decode)]
enum AssetId {
    Concrete(Location),
    Abstract(#[allow(dead_code)] [u8; 32]),
}

#[derive(Decode)]
struct Location {
    parents: u8,
    interior: Junctions,
}

/// The variant is the number of junctions, at most eight.
struct Junctions(Vec<Junction>);

impl Decode for Junctions {
    fn decode<I: parity_scale_codec::Input>(
        input: &mut I,
    ) -> Result<Self, parity_scale_codec::Error> {
        let count = input.read_byte()?;
        if count > 8 {
            return Err("more than eight junctions".into());
        }
        (0..count).map(|_| Junction::decode(input)).collect::<Result<_, _>>().map(Self)
    }
}

#[derive(Decode)]
#[allow(dead_code)] // Decoded to find where it ends.
enum Junction {
    Parachain(Compact<u32>),
    AccountId32(Option<NetworkId>, [u8; 32]),
    AccountIndex64(Option<NetworkId>, Compact<u64>),
    AccountKey20(Option<NetworkId>, [u8; 20]),
    PalletInstance(u8),
    GeneralIndex(Compact<u128>),
    GeneralKey(u8, [u8; 32]),
    OnlyChild,
    Plurality(BodyId, BodyPart),
    GlobalConsensus(NetworkId),
}

#[derive(Decode)]
#[allow(dead_code)] // Decoded to find where it ends.
enum NetworkId {
    ByGenesis([u8; 32]),
    ByFork(u64, [u8; 32]),
    Polkadot,
    Kusama,
    Westend,
    Rococo,
    Wococo,
    Ethereum(Compact<u64>),
    BitcoinCore,
    BitcoinCash,
}

#[derive(Decode)]
#[allow(dead_code)] // Decoded to find where it ends.
enum BodyId {
    Unit,
    Moniker([u8; 4]),
    Index(Compact<u32>),
    Executive,
    Technical,
    Legislative,
    Judicial,
    Defense,
    Administration,
    Treasury,
}

#[derive(Decode)]
#[allow(dead_code)] // Decoded to find where it ends.
enum BodyPart {
    Voice,
    Members(Compact<u32>),
    Fraction(Compact<u32>, Compact<u32>),
    AtLeastProportion(Compact<u32>, Compact<u32>),
    MoreThanProportion(Compact<u32>, Compact<u32>),
}
