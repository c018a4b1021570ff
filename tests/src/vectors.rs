use std::{io::Read as _, path::PathBuf};

use serde_json::Value;

/// The recorded OP-stack vectors, where `PHALA_VECTORS` says they are. A file that is missing there
/// fails the test that wants it.
#[derive(Clone, Debug)]
pub struct Vectors {
    folder: PathBuf,
}

impl Vectors {
    /// The vectors; nothing, said aloud, on a machine that has none.
    pub fn open() -> Option<Self> {
        let Some(folder) = std::env::var_os("PHALA_VECTORS") else {
            println!("SKIPPED: no vectors");
            return None;
        };
        Some(Self { folder: PathBuf::from(folder).join("opstack") })
    }

    /// Where a file is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The bytes of a file, unzipped if it is zipped.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        let raw = std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        if !name.ends_with(".gz") {
            return raw;
        }
        let mut out = Vec::new();
        flate2::read::GzDecoder::new(raw.as_slice()).read_to_end(&mut out).expect("gzip");
        out
    }

    /// A text file.
    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).expect("UTF-8")
    }

    /// The JSON document in a file.
    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

/// A field of a JSON object as its type.
pub fn field<T: serde::de::DeserializeOwned>(value: &Value, key: &str) -> T {
    serde_json::from_value(value[key].clone()).unwrap_or_else(|error| panic!("{key}: {error}"))
}

/// The elements of an array, of which there must be some.
pub fn cases(value: &Value) -> &[Value] {
    let cases = value.as_array().expect("an array of cases");
    assert!(!cases.is_empty(), "no cases");
    cases
}
