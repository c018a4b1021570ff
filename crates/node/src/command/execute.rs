use std::{
    fs::File,
    io::{self, BufReader, Read as _, Write as _},
    path::Path,
    time::Instant,
};

use flate2::read::MultiGzDecoder;
use phala_evm::witness::Witness;

use crate::NodeError;

/// Largest witness file, uncompressed. A full block touches a few MB of state.
const WITNESS_BYTES_MAX: u64 = 1 << 30;

/// Executes the block of a witness file and compares its hash.
pub(crate) fn execute(path: &Path) -> Result<(), NodeError> {
    let json = read(path).map_err(|source| NodeError::File {
        action: "cannot read",
        path: path.to_owned(),
        source,
    })?;
    let witness = Witness::from_json(&json)?;
    let started = Instant::now();
    let block = witness.verify()?;
    let elapsed = started.elapsed();
    let mut out = io::stdout().lock();
    writeln!(out, "block     {}", block.header.number)
        .and_then(|()| writeln!(out, "hash      {} as expected", block.hash))
        .and_then(|()| writeln!(out, "state     {}", block.header.state_root))
        .and_then(|()| {
            writeln!(
                out,
                "executed  {} transactions, {} gas in {elapsed:.1?}",
                witness.transactions.len(),
                block.output.gas_used
            )
        })
        .map_err(NodeError::Output)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = BufReader::new(File::open(path)?);
    let mut bytes = Vec::new();
    let read = if path.extension().is_some_and(|extension| extension == "gz") {
        MultiGzDecoder::new(file).take(WITNESS_BYTES_MAX + 1).read_to_end(&mut bytes)?
    } else {
        file.take(WITNESS_BYTES_MAX + 1).read_to_end(&mut bytes)?
    };
    if read as u64 > WITNESS_BYTES_MAX {
        return Err(io::Error::other(format!("longer than {WITNESS_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}
