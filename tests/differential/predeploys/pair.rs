//! Two states, one of our predeploys and one of the published ones, that get the same transactions.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256, address};
use phala_chainspec::{
    ChainSpec, Fork, GenesisAccount, Roles, WithdrawalNetwork,
    addresses::{L2_CROSS_DOMAIN_MESSENGER, PROXY_ADMIN, predeploy},
};
use phala_tests::Vectors;
use revm::{
    Context, ExecuteEvm as _, MainBuilder as _, MainContext as _,
    context::{
        TxEnv,
        result::{ExecutionResult, ResultAndState},
    },
    database::InMemoryDB,
    database_interface::DatabaseCommit as _,
    primitives::hardfork::SpecId,
    state::{AccountInfo, Bytecode},
};

/// Somebody without any role.
pub(super) const SOMEBODY: Address = address!("0x00000000000000000000000000000000000a11ce");
pub(super) const DEPOSITOR: Address = phala_chainspec::addresses::L1_ATTRIBUTES_DEPOSITOR;
pub(super) const OWNER: Address = address!("0xb6d9389acc41e019254579f8102d2809296076ae");
/// Base fee of every block here.
pub(super) const BASE_FEE: u64 = 1_234_567_891;

/// What a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) success: bool,
    pub(super) output: Bytes,
    pub(super) logs: Vec<Log>,
    /// Slots that changed, with their new values.
    pub(super) storage: BTreeMap<(Address, U256), U256>,
    /// Balances that changed.
    pub(super) balances: BTreeMap<Address, U256>,
}

#[derive(Clone)]
pub(super) struct World {
    db: InMemoryDB,
    chain_id: u64,
}

impl World {
    fn new(spec: &ChainSpec) -> Self {
        let mut world = Self { db: InMemoryDB::default(), chain_id: spec.chain_id };
        for (address, account) in &spec.genesis.alloc {
            world.set(*address, account);
        }
        for rich in [SOMEBODY, DEPOSITOR, OWNER, PROXY_ADMIN, L2_CROSS_DOMAIN_MESSENGER] {
            world.fund(rich, U256::from(1) << 100);
        }
        world
    }

    fn set(&mut self, address: Address, account: &GenesisAccount) {
        let info = AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            ..AccountInfo::from_bytecode(Bytecode::new_legacy(account.code.clone()))
        };
        self.db.insert_account_info(address, info);
        for (slot, value) in &account.storage {
            self.store(address, (*slot).into(), *value);
        }
    }

    pub(super) fn fund(&mut self, address: Address, balance: U256) {
        let info = self.db.load_account(address).expect("in memory").info.clone();
        self.db.insert_account_info(address, AccountInfo { balance, ..info });
    }

    pub(super) fn store(&mut self, address: Address, slot: U256, value: U256) {
        self.db.insert_account_storage(address, slot, value).expect("in memory");
    }

    pub(super) fn storage(&self, address: Address, slot: U256) -> U256 {
        let account = self.db.cache.accounts.get(&address);
        account.and_then(|account| account.storage.get(&slot).copied()).unwrap_or_default()
    }

    pub(super) fn send(&mut self, from: Address, to: Address, value: U256, data: Bytes) -> Outcome {
        let tx = TxEnv {
            caller: from,
            kind: TxKind::Call(to),
            value,
            data,
            gas_limit: 16_000_000,
            gas_price: 0,
            chain_id: Some(self.chain_id),
            ..TxEnv::default()
        };
        let ResultAndState { result, state } = Context::mainnet()
            .with_db(&mut self.db)
            .modify_cfg_chained(|cfg| {
                cfg.set_spec_and_mainnet_gas_params(SpecId::OSAKA);
                cfg.chain_id = self.chain_id;
                cfg.disable_nonce_check = true;
                cfg.disable_eip3607 = true;
                cfg.disable_base_fee = true;
            })
            .modify_block_chained(|block| {
                block.basefee = BASE_FEE;
                block.number = U256::from(77);
                block.timestamp = U256::from(1_800_000_000);
            })
            .build_mainnet()
            .transact(tx)
            .expect("a valid transaction");
        let mut outcome = Outcome::new(result);
        for (address, account) in &state {
            for (slot, value) in account.changed_storage_slots() {
                outcome.storage.insert((*address, *slot), value.present_value);
            }
            let before = self.db.cache.accounts.get(address).map(|found| found.info.balance);
            if before.unwrap_or_default() != account.info.balance {
                outcome.balances.insert(*address, account.info.balance);
            }
        }
        self.db.commit(state);
        outcome
    }
}

impl Outcome {
    fn new(result: ExecutionResult) -> Self {
        let (success, output, logs) = match result {
            ExecutionResult::Success { output, logs, .. } => (true, output.into_data(), logs),
            ExecutionResult::Revert { output, .. } => (false, output, Vec::new()),
            ExecutionResult::Halt { reason, .. } => {
                (false, format!("halt: {reason:?}").into_bytes().into(), Vec::new())
            }
        };
        Self { success, output, logs, storage: BTreeMap::new(), balances: BTreeMap::new() }
    }

    /// The first word of the output.
    pub(super) fn word(&self) -> U256 {
        assert!(self.success && self.output.len() >= 32, "{self:?}");
        U256::from_be_slice(&self.output[..32])
    }
}

/// Both worlds.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) own: World,
    pub(super) published: World,
}

impl Pair {
    /// Both on their genesis; nothing on a machine without vectors.
    pub(super) fn new() -> Option<Self> {
        let file = Vectors::open()?.bytes("genesis/sepolia-devnet-2.genesis.json.gz");
        let published = ChainSpec::from_genesis_json(file.as_slice()).expect("a published genesis");
        let own = with_parameters_of(&published);
        Some(Self { own: World::new(&own), published: World::new(&published) })
    }

    /// The same transaction in both; it has to do the same.
    #[track_caller]
    pub(super) fn send(&mut self, from: Address, to: Address, value: U256, data: Bytes) -> Outcome {
        let [own, published] = self.send_each(from, to, value, data.clone());
        assert_eq!(own, published, "{from} calls {to} with {value} wei and {data}");
        own
    }

    /// The same transaction in both, which may do different things.
    pub(super) fn send_each(
        &mut self,
        from: Address,
        to: Address,
        value: U256,
        data: Bytes,
    ) -> [Outcome; 2] {
        [&mut self.own, &mut self.published].map(|world| world.send(from, to, value, data.clone()))
    }

    /// Somebody asks.
    #[track_caller]
    pub(super) fn view(&mut self, to: Address, data: Bytes) -> Outcome {
        let outcome = self.send(SOMEBODY, to, U256::ZERO, data);
        assert!(
            outcome.storage.is_empty() && outcome.logs.is_empty() && outcome.balances.is_empty()
        );
        outcome
    }

    pub(super) fn store(&mut self, address: Address, slot: U256, value: U256) {
        self.own.store(address, slot, value);
        self.published.store(address, slot, value);
    }

    pub(super) fn fund(&mut self, address: Address, balance: U256) {
        self.own.fund(address, balance);
        self.published.fund(address, balance);
    }

    /// A contract with this code.
    pub(super) fn deploy(&mut self, address: Address, code: &'static [u8]) {
        let account = GenesisAccount {
            nonce: 1,
            code: Bytes::from_static(code),
            ..GenesisAccount::default()
        };
        self.own.set(address, &account);
        self.published.set(address, &account);
    }
}

/// Our chain with the parameters of another one, as they are in the storage of its predeploys.
fn with_parameters_of(published: &ChainSpec) -> ChainSpec {
    let slot = |low: u16, slot: u64| -> U256 {
        let storage = &published.genesis.alloc[&predeploy(low)].storage;
        storage.get(&B256::from(U256::from(slot))).copied().unwrap_or_default()
    };
    let address = |word: U256| Address::from_word(word.into());
    let vault = |low| {
        let word = slot(low, 2);
        format!(
            "{{ recipient = \"{}\", network = \"{}\", min_withdrawal_wei = \"{}\" }}",
            address(word),
            if (word >> 160_usize).is_zero() { "l1" } else { "l2" },
            slot(low, 1),
        )
    };
    let text = include_str!("../../../chainspec/dev.toml");
    let (text, _) = text.split_once("[roles]").expect("a section");
    let text = text
        .replace("chain_id = 20351337", &format!("chain_id = {}", published.chain_id))
        .replace("l1_chain_id = 31337", &format!("l1_chain_id = {}", slot(0x17, 2)));
    let zero = Address::ZERO;
    let text = format!(
        "{text}
        [rollup.l1_contracts]
        deposit_contract = \"{zero}\"
        system_config = \"{zero}\"
        protocol_versions = \"{zero}\"
        cross_domain_messenger = \"{}\"
        standard_bridge = \"{}\"
        erc721_bridge = \"{}\"
        [roles]
        proxy_admin_owner = \"{}\"
        sequencer_fee_vault = {}
        base_fee_vault = {}
        l1_fee_vault = {}
        operator_fee_vault = {}
        ",
        address(slot(0x07, 0xcf)),
        address(slot(0x10, 4)),
        address(slot(0x14, 2)),
        address(slot(0x18, 0)),
        vault(0x11),
        vault(0x19),
        vault(0x1a),
        vault(0x1b),
    );
    let own = ChainSpec::from_toml(&text, None).expect("a chain file");
    assert!(own.is_fork_active(Fork::Karst, 0));
    assert_eq!(own.chain_id, published.chain_id);
    let Some(Roles { proxy_admin_owner, l1_fee_vault, .. }) = &own.roles else {
        panic!("no roles");
    };
    assert_eq!(*proxy_admin_owner, OWNER);
    assert_eq!(l1_fee_vault.network, WithdrawalNetwork::L2);
    own
}
