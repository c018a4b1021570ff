use alloy_primitives::hex;
use serde_json::{Value, json};

use super::{
    account_id::{self, AccountId},
    dev_key::{DevKey, Scheme},
    holders::{Holder, PROXY_ANY, PROXY_STAKE_POOL_MANAGER, ProxyRow},
    world::BLOCK_NUMBER,
};

/// Accounts that look special on the parachain, and are keys their operators hold.
const ORDINARY_KEYS: [(&str, AccountId); 3] = [
    ("sygma_fee_account", hex!("a63f9ccf857e1ab9e806366e3c46ae650de853503d772a987197ab7e22c8f88c")),
    ("index_admin", hex!("98ab29aa531ccfdc7756f58c1e10d27d15acd2cbfde2c70c4125e74b2db9e861")),
    (
        "pool_migration_root",
        hex!("5492cf1c4c446223e1e26b29c5017a8cd4da21799cd7f497fab075b5567efd6f"),
    ),
];

/// How somebody proves to be behind an account; the design note's authority kinds.
enum Authority {
    Key(Box<DevKey>),
    Multisig { signatories: Vec<AccountId>, threshold: u16 },
    Proxy { delegate: AccountId },
    Derivative { parent: AccountId, index: u16 },
    Governance { why: &'static str },
    UnknownKey,
}

struct Entry {
    name: String,
    account: AccountId,
    authority: Authority,
    proxies: Vec<ProxyRow>,
}

/// The named accounts of `tiny`, all of which can be claimed by whoever reads this file.
pub(super) struct Keyring {
    entries: Vec<Entry>,
}

impl Keyring {
    /// One account of each kind, and then more sr25519 keys until there are `count`.
    pub(super) fn development(count: usize) -> Self {
        let mut ring = Self { entries: Vec::with_capacity(count) };
        for name in ["Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie"] {
            ring.add_key(name.to_lowercase(), Scheme::Sr25519, name);
        }
        for (scheme, names) in [
            (Scheme::Ed25519, ["Alice", "Bob", "Charlie"].as_slice()),
            (Scheme::Ecdsa, &["Alice", "Bob"]),
        ] {
            for name in names {
                ring.add_key(format!("{}_{}", name.to_lowercase(), scheme.name()), scheme, name);
            }
        }
        ring.add_multisig("multisig_abc_2", &["alice", "bob", "charlie"], 2);
        ring.add_multisig("multisig_mixed_2", &["alice", "bob_ed25519", "alice_ecdsa"], 2);
        ring.add_pure("pure_of_dave", "dave", (PROXY_ANY, 0));
        ring.add_pure("pure_delayed_of_bob", "bob", (PROXY_ANY, 7_200));
        ring.add_pure("pure_staking_of_bob", "bob", (PROXY_STAKE_POOL_MANAGER, 0));
        for index in [0, 1] {
            let parent = ring.account("alice");
            ring.add(
                format!("derivative_of_alice_{index}"),
                account_id::derivative(&parent, index),
                Authority::Derivative { parent, index },
            );
        }
        ring.add_nested_multisig();
        for (name, account) in ORDINARY_KEYS {
            ring.add(name.to_owned(), account, Authority::UnknownKey);
        }
        // A key may have proxies as well.
        let ferdie = ring.account("ferdie");
        ring.entries[4].proxies = vec![(ferdie, PROXY_ANY, 0)];
        for index in ring.entries.len()..count {
            ring.add_key(format!("holder_{index}"), Scheme::Sr25519, &format!("Holder{index}"));
        }
        ring
    }

    /// No names: `real` and larger.
    pub(super) const fn empty() -> Self {
        Self { entries: Vec::new() }
    }

    pub(super) fn name(&self, index: usize) -> Option<&str> {
        self.entries.get(index).map(|entry| entry.name.as_str())
    }

    pub(super) fn holders(&self, count: usize) -> Vec<Holder> {
        let holder =
            |entry: &Entry| Holder { proxies: entry.proxies.clone(), ..Holder::new(entry.account) };
        self.entries.iter().take(count).map(holder).collect()
    }

    /// Accounts with all it takes to claim them. Secrets are the published development keys only.
    pub(super) fn to_json(&self) -> Value {
        let accounts: Vec<Value> = self.entries.iter().map(Entry::to_json).collect();
        json!({
            "note": "Published development keys: anybody can sign with them. For made-up snapshots only.",
            "phrase": "bottom drive obey lake curtain smoke basket hold race lonely fit walk",
            "accounts": accounts,
        })
    }

    fn account(&self, name: &str) -> AccountId {
        let found = self.entries.iter().find(|entry| entry.name == name);
        found.expect("added before it is referred to").account
    }

    fn add(&mut self, name: String, account: AccountId, authority: Authority) {
        self.entries.push(Entry { name, account, authority, proxies: Vec::new() });
    }

    fn add_key(&mut self, name: String, scheme: Scheme, junction: &str) {
        let key = DevKey::derive(scheme, junction);
        self.add(name, key.account, Authority::Key(Box::new(key)));
    }

    fn add_multisig(&mut self, name: &str, of: &[&str], threshold: u16) {
        let mut signatories: Vec<AccountId> = of.iter().map(|name| self.account(name)).collect();
        signatories.sort_unstable();
        let account = account_id::multisig(&signatories, threshold);
        self.add(name.to_owned(), account, Authority::Multisig { signatories, threshold });
    }

    /// A multisig of multisigs has nobody who can sign for one of its signatories.
    fn add_nested_multisig(&mut self) {
        self.add_multisig("multisig_nested_2", &["multisig_abc_2", "dave"], 2);
        let nested = self.entries.last_mut().expect("just added");
        nested.authority = Authority::Governance { why: "a signatory is a multisig itself" };
    }

    fn add_pure(&mut self, name: &str, creator: &str, (kind, delay): (u8, u32)) {
        let delegate = self.account(creator);
        let extrinsic = u32::try_from(self.entries.len()).expect("few entries");
        let account = account_id::pure_proxy(&delegate, BLOCK_NUMBER - 1, extrinsic, kind);
        let authority = if (kind, delay) == (PROXY_ANY, 0) {
            Authority::Proxy { delegate }
        } else {
            Authority::Governance { why: "its proxy is delayed, or may not move funds" }
        };
        self.add(name.to_owned(), account, authority);
        self.entries.last_mut().expect("just added").proxies = vec![(delegate, kind, delay)];
    }
}

impl Entry {
    fn to_json(&self) -> Value {
        let text = |bytes: &[u8]| hex::encode_prefixed(bytes);
        let authority = match &self.authority {
            Authority::Key(key) => json!({
                "kind": 0,
                "scheme": key.scheme.name(),
                "seed": text(&key.seed),
                "public": text(&key.public),
            }),
            Authority::Multisig { signatories, threshold } => json!({
                "kind": 1,
                "signatories": signatories.iter().map(|id| text(id)).collect::<Vec<_>>(),
                "threshold": threshold,
            }),
            Authority::Proxy { delegate } => json!({ "kind": 2, "delegate": text(delegate) }),
            Authority::Derivative { parent, index } => {
                json!({ "kind": 3, "parent": text(parent), "index": index })
            }
            Authority::Governance { why } => json!({ "kind": 4, "why": why }),
            Authority::UnknownKey => json!({ "kind": 0, "scheme": null }),
        };
        json!({ "name": self.name, "account": text(&self.account), "authority": authority })
    }
}
