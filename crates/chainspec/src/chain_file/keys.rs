use toml::de::{DeTable, DeValue};

use crate::ChainSpecError;

/// Every key of a chain file by its path; `*` stands for any name. Arrays of tables have the path of
/// their elements' keys.
pub(super) const KEYS: [&str; 93] = [
    "name",
    "chain_id",
    "l1_chain_id",
    "block_time_secs",
    "forks.profile",
    "forks.regolith_time",
    "forks.canyon_time",
    "forks.delta_time",
    "forks.ecotone_time",
    "forks.fjord_time",
    "forks.granite_time",
    "forks.holocene_time",
    "forks.isthmus_time",
    "forks.jovian_time",
    "forks.karst_time",
    "forks.attestation_time",
    "fees.elasticity",
    "fees.denominator",
    "fees.denominator_canyon",
    "genesis.timestamp",
    "genesis.gas_limit",
    "genesis.base_fee_wei",
    "genesis.extra_data",
    "genesis.mix_hash",
    "genesis.coinbase",
    "genesis.system_contracts",
    "genesis.predeploys",
    "genesis.alloc_file",
    "genesis.alloc.*.balance",
    "genesis.alloc.*.nonce",
    "genesis.alloc.*.code",
    "genesis.alloc.*.storage.*",
    "l1.blob_schedule.name",
    "l1.blob_schedule.time",
    "l1.blob_schedule.base_fee_update_fraction",
    "rollup.max_sequencer_drift_secs",
    "rollup.seq_window_size",
    "rollup.channel_timeout",
    "rollup.granite_channel_timeout",
    "rollup.batch_inbox_address",
    "rollup.l1_anchor.number",
    "rollup.l1_anchor.hash",
    "rollup.l1_contracts.deposit_contract",
    "rollup.l1_contracts.system_config",
    "rollup.l1_contracts.protocol_versions",
    "rollup.l1_contracts.superchain_config",
    "rollup.l1_contracts.cross_domain_messenger",
    "rollup.l1_contracts.standard_bridge",
    "rollup.l1_contracts.erc721_bridge",
    "rollup.system_config.batcher_address",
    "rollup.system_config.base_fee_scalar",
    "rollup.system_config.blob_base_fee_scalar",
    "rollup.system_config.gas_limit",
    "rollup.system_config.eip1559_denominator",
    "rollup.system_config.eip1559_elasticity",
    "rollup.system_config.operator_fee_scalar",
    "rollup.system_config.operator_fee_constant",
    "rollup.system_config.min_base_fee",
    "rollup.system_config.da_footprint_gas_scalar",
    "roles.proxy_admin_owner",
    "roles.sequencer_fee_vault.recipient",
    "roles.sequencer_fee_vault.network",
    "roles.sequencer_fee_vault.min_withdrawal_wei",
    "roles.base_fee_vault.recipient",
    "roles.base_fee_vault.network",
    "roles.base_fee_vault.min_withdrawal_wei",
    "roles.l1_fee_vault.recipient",
    "roles.l1_fee_vault.network",
    "roles.l1_fee_vault.min_withdrawal_wei",
    "roles.operator_fee_vault.recipient",
    "roles.operator_fee_vault.network",
    "roles.operator_fee_vault.min_withdrawal_wei",
    "attestation.owner",
    "attestation.guardian",
    "attestation.arbiter",
    "attestation.treasury",
    "attestation.token",
    "attestation.loosening_delay_secs",
    "attestation.max_age_secs",
    "attestation.min_eval_data_number",
    "attestation.tcb_statuses",
    "attestation.platform_list_required",
    "attestation.bonds.gpu_class",
    "attestation.bonds.per_gpu",
    "attestation.exit_delay_secs",
    "attestation.fee_bps",
    "attestation.missed_bps",
    "attestation.arbiter_timeout_secs",
    "attestation.price_cap",
    "dev.balance_wei",
    "dev.pha",
    "dev.accounts.address",
    "dev.accounts.key",
];

/// Refuses the first key that no chain file has.
pub(super) fn check(document: &DeTable<'_>) -> Result<(), ChainSpecError> {
    visit(document, "", &mut |path, _| {
        if is_known(path) {
            return Ok(());
        }
        Err(ChainSpecError::UnknownKey { key: path.to_owned(), nearest: nearest(path) })
    })
}

/// The innermost key at an offset of the text.
pub(super) fn key_at(document: &DeTable<'_>, offset: usize) -> Option<String> {
    let mut found = None;
    let visited = visit(document, "", &mut |path, spans: &[std::ops::Range<usize>]| {
        if spans.iter().any(|span| span.contains(&offset)) {
            found = Some(path.to_owned());
        }
        Ok(())
    });
    visited.ok().and(found)
}

/// Keys that a document does not use.
#[cfg(test)]
pub(super) fn missing_in(document: &DeTable<'_>) -> impl Iterator<Item = &'static str> {
    let mut paths = Vec::new();
    visit(document, "", &mut |path, _| {
        paths.push(path.to_owned());
        Ok(())
    })
    .expect("pushing does not fail");
    KEYS.into_iter().filter(move |key| {
        !paths
            .iter()
            .any(|path| path.split('.').count() == key.split('.').count() && is_under(key, path))
    })
}

type OnKey<'a> = dyn FnMut(&str, &[std::ops::Range<usize>]) -> Result<(), ChainSpecError> + 'a;

/// Calls `on_key` with the path of every key, parents first, and where key and value stand.
fn visit(table: &DeTable<'_>, prefix: &str, on_key: &mut OnKey<'_>) -> Result<(), ChainSpecError> {
    for (key, value) in table {
        let dot = if prefix.is_empty() { "" } else { "." };
        let path = format!("{prefix}{dot}{}", key.get_ref());
        on_key(&path, &[key.span(), value.span()])?;
        match value.get_ref() {
            DeValue::Table(inner) => visit(inner, &path, on_key)?,
            DeValue::Array(elements) => {
                for element in elements {
                    if let DeValue::Table(inner) = element.get_ref() {
                        visit(inner, &path, on_key)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a path is a key or the beginning of one.
fn is_known(path: &str) -> bool {
    KEYS.iter().any(|known| {
        let mut known = known.split('.');
        path.split('.').all(|part| known.next().is_some_and(|name| name == "*" || name == part))
    })
}

/// The key most like an unknown one: a sibling first, then any key whose last part is like it.
fn nearest(path: &str) -> Option<String> {
    let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
    let depth = if parent.is_empty() { 0 } else { parent.split('.').count() };
    let dot = if parent.is_empty() { "" } else { "." };
    let siblings = KEYS
        .iter()
        .filter(|key| parent.is_empty() || is_under(key, parent))
        .filter_map(|key| key.split('.').nth(depth))
        .map(|sibling| (sibling, format!("{parent}{dot}{sibling}")));
    let elsewhere =
        KEYS.iter().map(|key| (key.rsplit('.').next().unwrap_or(key), (*key).to_owned()));
    closest(name, siblings).or_else(|| closest(name, elsewhere))
}

fn is_under(key: &str, parent: &str) -> bool {
    let mut parts = key.split('.');
    parent.split('.').all(|part| parts.next().is_some_and(|name| name == "*" || name == part))
}

fn closest<'a>(name: &str, candidates: impl Iterator<Item = (&'a str, String)>) -> Option<String> {
    candidates
        .filter(|(candidate, _)| *candidate != "*")
        .map(|(candidate, path)| (edit_distance(name, candidate), path))
        .filter(|(distance, _)| *distance <= (name.len() / 3).max(1))
        .min()
        .map(|(_, path)| path)
}

/// Levenshtein distance.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.chars().count()]
}
