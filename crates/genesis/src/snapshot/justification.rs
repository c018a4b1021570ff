use std::collections::{HashMap, HashSet};

use alloy_primitives::B256;
use ed25519_dalek::{Signature, VerifyingKey};

use super::{Header, SnapshotError, scale::ScaleReader};

/// Authorities of a set. Polkadot has some hundred.
const AUTHORITIES_MAX: u64 = 10_000;
/// Headers in a justification: votes are for a block or one of the few after it.
const ANCESTRY_MAX: u64 = 10_000;

/// Who may finalize, and with what weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthoritySet {
    /// Counts the sets; part of what is signed.
    pub set_id: u64,
    /// Weight of each ed25519 key.
    pub weights: HashMap<B256, u64>,
}

impl AuthoritySet {
    /// SCALE of `(u64, Vec<([u8; 32], u64)>)`.
    pub fn decode(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let mut scale = ScaleReader::new(bytes);
        let set_id = scale.u64("the set id")?;
        let count = count(&mut scale, "authorities", AUTHORITIES_MAX)?;
        let mut weights = HashMap::new();
        let mut total = 0u64;
        for _ in 0..count {
            let at = scale.offset();
            let key = B256::new(scale.array("an authority")?);
            let weight = scale.u64("a weight")?;
            total = total
                .checked_add(weight)
                .ok_or_else(|| scale.malformed(at, "weights beyond 64 bits".to_owned()))?;
            if weights.insert(key, weight).is_some() {
                return Err(scale.malformed(at, format!("authority {key} for the second time")));
            }
        }
        scale.end("the last authority")?;
        Ok(Self { set_id, weights })
    }

    fn total(&self) -> u64 {
        self.weights.values().sum()
    }
}

/// GRANDPA's proof that a block is final: `GrandpaJustification` of sc-consensus-grandpa.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Justification {
    round: u64,
    target: (B256, u32),
    precommits: Vec<Precommit>,
    /// Headers between the target and the blocks that were voted for.
    ancestry: Vec<Header>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Precommit {
    target: (B256, u32),
    signature: [u8; 64],
    authority: B256,
}

impl Justification {
    /// SCALE of `(round u64, commit (target, Vec<SignedPrecommit>), votes_ancestries Vec<Header>)`.
    pub fn decode(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let mut scale = ScaleReader::new(bytes);
        let round = scale.u64("the round")?;
        let target = read_target(&mut scale)?;
        let mut precommits = Vec::new();
        for _ in 0..count(&mut scale, "votes", AUTHORITIES_MAX)? {
            precommits.push(Precommit {
                target: read_target(&mut scale)?,
                signature: scale.array("a signature")?,
                authority: B256::new(scale.array("an authority")?),
            });
        }
        let headers = count(&mut scale, "headers of the justification", ANCESTRY_MAX)?;
        let mut rest = &bytes[usize::try_from(scale.offset()).unwrap_or(bytes.len())..];
        let mut ancestry = Vec::new();
        for _ in 0..headers {
            let (header, len) = Header::decode_first(rest, "a header of the justification")?;
            ancestry.push(header);
            rest = &rest[len..];
        }
        ScaleReader::new(rest).end("the justification")?;
        Ok(Self { round, target, precommits, ancestry })
    }

    /// Hash and number of the block it finalizes.
    pub fn target(&self) -> (B256, u32) {
        self.target
    }

    /// Checks every vote, and that more than two thirds of the weight voted for the target or blocks
    /// after it. An authority counts once, however often it voted.
    pub fn check(&self, authorities: &AuthoritySet) -> Result<(), SnapshotError> {
        let parents: HashMap<B256, (B256, u32)> = self
            .ancestry
            .iter()
            .map(|header| (header.hash(), (header.parent_hash, header.number)))
            .collect();
        let mut voted = 0u64;
        let mut voters = HashSet::new();
        for vote in &self.precommits {
            let invalid = |reason| SnapshotError::Vote { authority: vote.authority, reason };
            let Some(weight) = authorities.weights.get(&vote.authority) else {
                return Err(invalid("not an authority of the set"));
            };
            if !self.descends(vote.target, &parents) {
                return Err(invalid("for a block that is not shown to descend from the target"));
            }
            self.check_signature(vote, authorities.set_id).map_err(invalid)?;
            if voters.insert(vote.authority) {
                voted += weight;
            }
        }
        let total = authorities.total();
        if 3 * u128::from(voted) > 2 * u128::from(total) {
            Ok(())
        } else {
            Err(SnapshotError::Weight { voted, total })
        }
    }

    /// Follows parents down from a block to the target.
    fn descends(&self, block: (B256, u32), parents: &HashMap<B256, (B256, u32)>) -> bool {
        let (mut hash, number) = block;
        if hash == self.target.0 {
            return number == self.target.1;
        }
        let mut expected = number;
        for _ in 0..parents.len() {
            match parents.get(&hash) {
                Some((parent, number)) if *number == expected => hash = *parent,
                _ => return false,
            }
            let Some(below) = expected.checked_sub(1) else { return false };
            expected = below;
            if hash == self.target.0 {
                return expected == self.target.1;
            }
        }
        false
    }

    /// What is signed: `(Message::Precommit, round, set id)`, `localized_payload` of sp-consensus-grandpa.
    fn check_signature(&self, vote: &Precommit, set_id: u64) -> Result<(), &'static str> {
        let key = VerifyingKey::from_bytes(&vote.authority.0).map_err(|_| "its key is no key")?;
        let payload = precommit_payload(vote.target, self.round, set_id);
        key.verify_strict(&payload, &Signature::from_bytes(&vote.signature))
            .map_err(|_| "its signature is wrong")
    }
}

fn precommit_payload(target: (B256, u32), round: u64, set_id: u64) -> Vec<u8> {
    /// `Message::Precommit`, after `Prevote`.
    const PRECOMMIT: u8 = 1;
    let mut payload = vec![PRECOMMIT];
    payload.extend_from_slice(target.0.as_slice());
    payload.extend_from_slice(&target.1.to_le_bytes());
    payload.extend_from_slice(&round.to_le_bytes());
    payload.extend_from_slice(&set_id.to_le_bytes());
    payload
}

fn read_target(scale: &mut ScaleReader<&[u8]>) -> Result<(B256, u32), SnapshotError> {
    Ok((B256::new(scale.array("a block hash")?), scale.u32("a block number")?))
}

fn count(
    scale: &mut ScaleReader<&[u8]>,
    what: &'static str,
    limit: u64,
) -> Result<u64, SnapshotError> {
    let found = scale.compact(what)?;
    if found > limit { Err(SnapshotError::Limit { what, found, limit }) } else { Ok(found) }
}
