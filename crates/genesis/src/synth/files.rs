use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use alloy_primitives::hex;

use super::SynthError;
use crate::Pair;

/// Written in front of the top trie; what an operator's node would say of itself.
const SPEC_HEAD: &str = concat!(
    "{\n \"name\": \"Phala synthetic\",\n \"id\": \"phala_synth\",\n \"chainType\": \"Development\",\n",
    " \"bootNodes\": [],\n \"telemetryEndpoints\": null,\n \"protocolId\": null,\n",
    " \"properties\": { \"ss58Format\": 30, \"tokenDecimals\": 12, \"tokenSymbol\": \"PHA\" },\n",
    " \"relay_chain\": \"polkadot\",\n \"para_id\": 2035,\n \"codeSubstitutes\": {},\n",
    " \"genesis\": { \"raw\": {\n  \"top\": {"
);

/// A file of the snapshot, whose errors name it.
pub(super) struct OutFile {
    path: PathBuf,
    out: BufWriter<File>,
}

impl OutFile {
    pub(super) fn create(folder: &Path, name: &str) -> Result<Self, SynthError> {
        let path = folder.join(name);
        match File::create(&path) {
            Ok(file) => Ok(Self { path, out: BufWriter::with_capacity(1 << 20, file) }),
            Err(source) => Err(SynthError::Write { path, source }),
        }
    }

    pub(super) fn with(
        &mut self,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), SynthError> {
        write(&mut self.out).map_err(|source| SynthError::Write { path: self.path.clone(), source })
    }

    /// Writes what is buffered; a file that is to be damaged loses its last third.
    pub(super) fn finish(mut self, truncate: bool) -> Result<PathBuf, SynthError> {
        self.with(|out| {
            out.flush()?;
            if truncate {
                let file = out.get_mut();
                file.set_len(file.metadata()?.len() / 3 * 2)?;
            }
            Ok(())
        })?;
        Ok(self.path)
    }
}

/// Writes a small file at once.
pub(super) fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), SynthError> {
    let path = folder.join(name);
    fs::write(&path, bytes).map_err(|source| SynthError::Write { path, source })
}

/// The output of `export-state`: a raw chain spec.
pub(super) struct RawSpec {
    file: OutFile,
    is_first: bool,
}

impl RawSpec {
    pub(super) fn create(folder: &Path) -> Result<Self, SynthError> {
        let mut file = OutFile::create(folder, "raw.json")?;
        file.with(|out| out.write_all(SPEC_HEAD.as_bytes()))?;
        Ok(Self { file, is_first: true })
    }

    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), SynthError> {
        let comma = if self.is_first { "" } else { "," };
        self.is_first = false;
        self.file.with(|out| {
            write!(out, "{comma}\n   \"0x{}\": \"0x{}\"", hex::encode(key), hex::encode(value))
        })
    }

    /// Ends the top trie, and adds one child trie.
    pub(super) fn finish(
        mut self,
        child_name: &[u8],
        child: &[Pair],
        truncate: bool,
    ) -> Result<(), SynthError> {
        self.file.with(|out| {
            write!(
                out,
                "\n  }},\n  \"childrenDefault\": {{\n   \"0x{}\": {{",
                hex::encode(child_name)
            )?;
            for (nth, Pair { key, value }) in child.iter().enumerate() {
                let comma = if nth == 0 { "" } else { "," };
                write!(
                    out,
                    "{comma}\n    \"0x{}\": \"0x{}\"",
                    hex::encode(key),
                    hex::encode(value)
                )?;
            }
            out.write_all(b"\n   }\n  }\n } }\n}\n")
        })?;
        self.file.finish(truncate).map(drop)
    }
}

/// Pairs as `["0xkey","0xvalue"]`, one a line.
pub(super) fn put_rpc_line(file: &mut OutFile, key: &[u8], value: &[u8]) -> Result<(), SynthError> {
    file.with(|out| writeln!(out, "[\"0x{}\",\"0x{}\"]", hex::encode(key), hex::encode(value)))
}
