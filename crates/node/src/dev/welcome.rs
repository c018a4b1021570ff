use std::{
    io::{self, Write},
    path::Path,
    time::Duration,
};

use alloy_primitives::{U256, utils::format_ether};
use phala_chainspec::ChainSpec;

/// What a user of the development chain wants to know first.
pub(crate) struct Welcome<'a> {
    pub(crate) spec: &'a ChainSpec,
    pub(crate) block_time: Duration,
    pub(crate) on_demand: bool,
    pub(crate) data: &'a Path,
    pub(crate) is_temporary: bool,
    /// Name of each service and where it is.
    pub(crate) urls: Vec<(&'static str, String)>,
}

/// Prints it to standard output.
pub(crate) fn print_welcome(welcome: &Welcome<'_>) -> io::Result<()> {
    write_welcome(&mut io::stdout().lock(), welcome)
}

fn write_welcome(out: &mut impl Write, welcome: &Welcome<'_>) -> io::Result<()> {
    let spec = welcome.spec;
    writeln!(out, "Development chain `{}`, chain id {}", spec.name, spec.chain_id)?;
    if !spec.dev_accounts.is_empty() {
        writeln!(
            out,
            "\nFunded accounts. Everybody knows these keys: never use them elsewhere.\n"
        )?;
        writeln!(out, "  {:<42}  {:<66}  ETH at genesis", "address", "private key")?;
        for account in &spec.dev_accounts {
            let balance =
                spec.genesis.alloc.get(&account.address).map_or(U256::ZERO, |entry| entry.balance);
            let ether = format_ether(balance);
            let ether = ether.trim_end_matches('0').trim_end_matches('.');
            writeln!(out, "  {}  {}  {ether}", account.address, account.key)?;
        }
    }
    writeln!(out)?;
    for (name, url) in &welcome.urls {
        writeln!(out, "  {name:<10} {url}")?;
    }
    let also = if welcome.on_demand { ", and at once when a transaction arrives" } else { "" };
    writeln!(out, "  {:<10} every {:?}{also}", "blocks", welcome.block_time)?;
    let fate = if welcome.is_temporary { "removed at exit; --datadir keeps one" } else { "kept" };
    writeln!(out, "  {:<10} {} ({fate})", "data", welcome.data.display())?;
    writeln!(out, "\nCtrl-C stops it.\n")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_accounts_keys_and_addresses() {
        let spec = ChainSpec::dev();
        let welcome = Welcome {
            spec: &spec,
            block_time: Duration::from_secs(2),
            on_demand: true,
            data: Path::new("/tmp/x"),
            is_temporary: true,
            urls: vec![("http", "http://127.0.0.1:8545".to_owned())],
        };
        let mut out = Vec::new();
        write_welcome(&mut out, &welcome).expect("memory");
        let text = String::from_utf8(out).expect("text");
        for part in [
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
            "http://127.0.0.1:8545",
            "every 2s, and at once",
            "removed at exit",
        ] {
            assert!(text.contains(part), "{part} not in:\n{text}");
        }
    }
}
