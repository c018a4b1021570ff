use std::io::{self, Write as _};

use crate::{NodeError, config::Settings, open::open_or_init};

/// Creates the data directory and writes the genesis block; a second run changes nothing.
pub(crate) fn init(settings: &Settings) -> Result<(), NodeError> {
    let opened = open_or_init(settings)?;
    let heads = opened.store.heads();
    let genesis = opened.genesis_hash()?;
    let database = opened.data.database();
    let name = opened.spec.name.clone();
    opened.close()?;
    writeln!(
        io::stdout(),
        "chain `{name}` with genesis {genesis} is in {}, head is block {}",
        database.display(),
        heads.latest.number
    )
    .map_err(NodeError::Output)
}
