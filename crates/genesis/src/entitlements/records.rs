use std::{collections::BTreeMap, fmt::Write as _};

use alloy_primitives::{B256, keccak256};
use rayon::prelude::*;
use thiserror::Error;

use super::{DataAccount, MerkleTree, Table};
use crate::ledger::{AccountId, Holder, Ledger, Request};

/// From 12 to 18 decimals.
const TO_18: u128 = 1_000_000;
/// Flag of a record: the account has proxies that may do anything at once.
const HAS_PROXIES: u8 = 1;

/// Why what is owed has no place in a record.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EntitlementError {
    /// A field is too small.
    #[error("{field} of {account} does not fit its record")]
    Field {
        /// Field of the record.
        field: &'static str,
        /// Account of the record.
        account: AccountId,
    },
}

impl EntitlementError {
    /// Exit code, after those of the ledger.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Field { .. } => 74,
        }
    }
}

/// What is owed to each account, as concatenated records.
#[derive(Clone, Debug)]
pub struct Entitlements {
    accounts: Vec<u8>,
    stakes: Vec<u8>,
    queue: Vec<u8>,
    proxies: Vec<u8>,
    tree: MerkleTree,
}

impl Entitlements {
    /// Lays out the records, sorted by account.
    pub fn new(ledger: &Ledger) -> Result<Self, EntitlementError> {
        let (mut accounts, mut stakes, mut queue) = (Vec::new(), Vec::new(), Vec::new());
        let mut with_proxies = ledger.proxies.iter().map(|pair| pair.0).peekable();
        let start = u32::try_from(ledger.now_ms / 1000).unwrap_or(u32::MAX);
        let mut leaves = Vec::new();
        for (id, holder) in &ledger.holders {
            let field = |field| EntitlementError::Field { field, account: *id };
            while with_proxies.next_if(|account| account < id).is_some() {}
            let flags = if with_proxies.peek() == Some(id) { HAS_PROXIES } else { 0 };

            let first_stake = stakes.len() / Table::Stakes.record_size();
            let first_request = queue.len() / Table::Queue.record_size();
            let mut rows = Vec::new();
            put_stakes(&mut rows, &holder.stakes).ok_or_else(|| field("stake"))?;
            let stakes_end = rows.len();
            put_requests(&mut rows, &holder.requests).ok_or_else(|| field("request"))?;

            let mut record = Vec::with_capacity(Table::Accounts.record_size());
            record.extend(id.0);
            record.extend(to_18(holder.liquid).ok_or_else(|| field("liquid"))?.to_be_bytes());
            record.extend(to_18(holder.vesting).ok_or_else(|| field("vesting"))?.to_be_bytes());
            let begins = if holder.vesting == 0 { 0 } else { start };
            record.extend(begins.to_be_bytes());
            record.extend(holder.vesting_end.to_be_bytes());
            for (first, count) in
                [(first_stake, holder.stakes.len()), (first_request, holder.requests.len())]
            {
                record.extend(u32::try_from(first).map_err(|_| field("rows"))?.to_be_bytes());
                record.extend(u16::try_from(count).map_err(|_| field("rows"))?.to_be_bytes());
            }
            record.push(flags);
            record.resize(Table::Accounts.record_size(), 0);

            leaves.push([record.as_slice(), &rows].concat());
            accounts.extend_from_slice(&record);
            let (of_stakes, of_queue) = rows.split_at(stakes_end);
            stakes.extend_from_slice(of_stakes);
            queue.extend_from_slice(of_queue);
        }
        let proxies = ledger.proxies.iter().flat_map(|(a, b)| [a.0, b.0].concat()).collect();
        let leaves = leaves.par_iter().map(|leaf| keccak256(keccak256(leaf))).collect();
        Ok(Self { accounts, stakes, queue, proxies, tree: MerkleTree::new(leaves) })
    }

    /// Number of account records.
    pub fn len(&self) -> usize {
        self.accounts.len() / Table::Accounts.record_size()
    }

    /// Whether nobody is owed anything.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Root over all records; goes into the migration record.
    pub fn root(&self) -> B256 {
        self.tree.root()
    }

    /// Tree for proofs.
    pub const fn tree(&self) -> &MerkleTree {
        &self.tree
    }

    /// Concatenated records of a table.
    pub fn table(&self, table: Table) -> &[u8] {
        match table {
            Table::Accounts => &self.accounts,
            Table::Stakes => &self.stakes,
            Table::Queue => &self.queue,
            Table::Proxies => &self.proxies,
        }
    }

    /// All data accounts, by table and chunk.
    pub fn data_accounts(&self) -> impl Iterator<Item = DataAccount> {
        [Table::Accounts, Table::Stakes, Table::Queue, Table::Proxies]
            .into_iter()
            .flat_map(|table| table.accounts(self.table(table)))
    }

    /// Content of entitlements.bin: the four tables one after the other.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.accounts.as_slice(), &self.stakes, &self.queue, &self.proxies].concat()
    }
}

/// Content of entitlements.csv, for people: amounts in units of 12 decimals.
pub fn to_csv(ledger: &Ledger) -> String {
    let mut text = String::from("account,ss58,liquid,vesting,vesting_end,stakes,requests\n");
    for (id, holder) in &ledger.holders {
        let Holder { liquid, vesting, vesting_end, stakes, requests } = holder;
        let stakes: Vec<_> = stakes.iter().map(|(pid, shares)| format!("{pid}:{shares}")).collect();
        let requests: Vec<_> = requests
            .iter()
            .map(|request| format!("{}:{}:{}", request.pid, request.start, request.shares))
            .collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{},{},{liquid},{vesting},{vesting_end},{},{}",
            id.hex(),
            id.ss58(),
            stakes.join(" "),
            requests.join(" ")
        );
    }
    text
}

fn to_18(amount: u128) -> Option<u128> {
    amount.checked_mul(TO_18)
}

/// `pid u32, shares u128, zero u32` each.
fn put_stakes(rows: &mut Vec<u8>, stakes: &BTreeMap<u64, u128>) -> Option<()> {
    for (pid, shares) in stakes {
        rows.extend(u32::try_from(*pid).ok()?.to_be_bytes());
        rows.extend(to_18(*shares)?.to_be_bytes());
        rows.extend([0; 4]);
    }
    Some(())
}

/// `pid u32, start u64, shares u128, zero u32` each.
fn put_requests(rows: &mut Vec<u8>, requests: &[Request]) -> Option<()> {
    for request in requests {
        rows.extend(u32::try_from(request.pid).ok()?.to_be_bytes());
        rows.extend(request.start.to_be_bytes());
        rows.extend(to_18(request.shares)?.to_be_bytes());
        rows.extend([0; 4]);
    }
    Some(())
}
