use std::io::BufRead;

use alloy_primitives::hex;

use super::{
    SnapshotError,
    limits::{JSON_DEPTH_MAX, JSON_NAME_LEN_MAX},
    scale::stream_error,
};

/// Reads JSON as a stream, in the caller's order and without a document in memory. Values that nobody
/// asks for are skipped; of these only brackets, strings and commas are checked.
#[derive(Debug)]
pub(crate) struct JsonReader<R> {
    input: R,
    offset: u64,
    text: Vec<u8>,
}

/// Place within an object or array whose opening bracket has been read.
#[derive(Debug)]
pub(crate) struct Members {
    close: u8,
    first: bool,
}

impl<R: BufRead> JsonReader<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, offset: 0, text: Vec::new() }
    }

    /// The next byte that is not white space; nothing at the end of the file.
    pub(crate) fn peek(&mut self) -> Result<Option<u8>, SnapshotError> {
        loop {
            let buffer = self.input.fill_buf().map_err(|e| stream_error(e, self.offset, "json"))?;
            let Some(&first) = buffer.first() else { return Ok(None) };
            if !matches!(first, b' ' | b'\t' | b'\r' | b'\n') {
                return Ok(Some(first));
            }
            self.consume(1);
        }
    }

    pub(crate) fn object(&mut self) -> Result<Members, SnapshotError> {
        self.expect(b'{')?;
        Ok(Members { close: b'}', first: true })
    }

    pub(crate) fn array(&mut self) -> Result<Members, SnapshotError> {
        self.expect(b'[')?;
        Ok(Members { close: b']', first: true })
    }

    /// Whether a member follows; reads the comma before it or the bracket after the last.
    pub(crate) fn more(&mut self, members: &mut Members) -> Result<bool, SnapshotError> {
        let first = std::mem::replace(&mut members.first, false);
        match self.peek()? {
            Some(byte) if byte == members.close => {
                self.consume(1);
                Ok(false)
            }
            Some(b',') if !first => {
                self.consume(1);
                if self.peek()? == Some(members.close) {
                    return Err(self.malformed("a comma before a closing bracket"));
                }
                Ok(true)
            }
            Some(_) if first => Ok(true),
            Some(byte) => Err(self.unexpected(byte, "a comma or a closing bracket")),
            None => Err(self.truncated()),
        }
    }

    /// Name of a member and the colon after it.
    pub(crate) fn name(&mut self) -> Result<String, SnapshotError> {
        self.text(JSON_NAME_LEN_MAX, "name of a member")?;
        if self.text.contains(&b'\\') {
            return Err(self.malformed("an escape in the name of a member"));
        }
        let name = String::from_utf8_lossy(&self.text).into_owned();
        self.expect(b':')?;
        Ok(name)
    }

    /// A member's name that is hex, and the colon after it.
    pub(crate) fn hex_name(
        &mut self,
        to: &mut Vec<u8>,
        len_max: usize,
        what: &'static str,
    ) -> Result<(), SnapshotError> {
        self.hex(to, len_max, what)?;
        self.expect(b':')
    }

    /// A string of hex digits with `0x` before them.
    pub(crate) fn hex(
        &mut self,
        to: &mut Vec<u8>,
        len_max: usize,
        what: &'static str,
    ) -> Result<(), SnapshotError> {
        self.text(2 + 2 * len_max, what)?;
        let bad = |reason: String| SnapshotError::Hex { offset: self.offset, reason };
        let Some(digits) = self.text.strip_prefix(b"0x") else {
            return Err(bad(format!("{what}: no 0x before {}", shown(&self.text))));
        };
        if digits.len() % 2 != 0 {
            return Err(bad(format!("{what}: {} hex digits, an odd number", digits.len())));
        }
        to.clear();
        to.resize(digits.len() / 2, 0);
        hex::decode_to_slice(digits, to)
            .map_err(|_| bad(format!("{what}: {} is not hex", shown(digits))))
    }

    /// `null`, if it is next.
    pub(crate) fn null(&mut self) -> Result<bool, SnapshotError> {
        if self.peek()? != Some(b'n') {
            return Ok(false);
        }
        for wanted in *b"null" {
            let buffer = self.input.fill_buf().map_err(|e| stream_error(e, self.offset, "json"))?;
            match buffer.first() {
                Some(&byte) if byte == wanted => self.consume(1),
                Some(&byte) => return Err(self.unexpected(byte, "null")),
                None => return Err(self.truncated()),
            }
        }
        Ok(true)
    }

    /// Reads over a value of whatever kind.
    pub(crate) fn skip(&mut self) -> Result<(), SnapshotError> {
        self.skip_within(0)
    }

    fn skip_within(&mut self, depth: usize) -> Result<(), SnapshotError> {
        if depth >= JSON_DEPTH_MAX {
            return Err(self.malformed("brackets nested too deeply"));
        }
        match self.peek()? {
            Some(b'{') => {
                let mut members = self.object()?;
                while self.more(&mut members)? {
                    self.skip_string()?;
                    self.expect(b':')?;
                    self.skip_within(depth + 1)?;
                }
                Ok(())
            }
            Some(b'[') => {
                let mut members = self.array()?;
                while self.more(&mut members)? {
                    self.skip_within(depth + 1)?;
                }
                Ok(())
            }
            Some(b'"') => self.skip_string(),
            Some(byte) if is_plain(byte) => self.skip_plain(),
            Some(byte) => Err(self.unexpected(byte, "a value")),
            None => Err(self.truncated()),
        }
    }

    /// Numbers, `true`, `false` and `null`.
    fn skip_plain(&mut self) -> Result<(), SnapshotError> {
        loop {
            let buffer = self.input.fill_buf().map_err(|e| stream_error(e, self.offset, "json"))?;
            let len = buffer.iter().take_while(|&&byte| is_plain(byte)).count();
            if len == 0 {
                return Ok(());
            }
            self.consume(len);
        }
    }

    fn skip_string(&mut self) -> Result<(), SnapshotError> {
        self.expect(b'"')?;
        let mut escaped = false;
        loop {
            let buffer = self.input.fill_buf().map_err(|e| stream_error(e, self.offset, "json"))?;
            if buffer.is_empty() {
                return Err(self.truncated());
            }
            let mut end = None;
            for (at, &byte) in buffer.iter().enumerate() {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' => escaped = true,
                    b'"' => {
                        end = Some(at);
                        break;
                    }
                    _ => {}
                }
            }
            let len = end.map_or(buffer.len(), |at| at + 1);
            self.consume(len);
            if end.is_some() {
                return Ok(());
            }
        }
    }

    /// A string into `self.text`, escapes left as they are. Strings with an escaped quote are not read
    /// to their end, which is no loss: no caller takes an escape.
    fn text(&mut self, len_max: usize, what: &'static str) -> Result<(), SnapshotError> {
        self.expect(b'"')?;
        self.text.clear();
        loop {
            let buffer = self.input.fill_buf().map_err(|e| stream_error(e, self.offset, "json"))?;
            if buffer.is_empty() {
                return Err(self.truncated());
            }
            let end = buffer.iter().position(|&byte| byte == b'"');
            let part = &buffer[..end.unwrap_or(buffer.len())];
            let found = self.text.len() + part.len();
            if found > len_max {
                return Err(SnapshotError::Limit {
                    what,
                    found: found as u64,
                    limit: len_max as u64,
                });
            }
            self.text.extend_from_slice(part);
            let len = part.len() + usize::from(end.is_some());
            self.consume(len);
            if end.is_some() {
                return Ok(());
            }
        }
    }

    fn expect(&mut self, wanted: u8) -> Result<(), SnapshotError> {
        match self.peek()? {
            Some(byte) if byte == wanted => {
                self.consume(1);
                Ok(())
            }
            Some(byte) => Err(self.unexpected(byte, &format!("`{}`", char::from(wanted)))),
            None => Err(self.truncated()),
        }
    }

    fn consume(&mut self, len: usize) {
        self.input.consume(len);
        self.offset += len as u64;
    }

    pub(crate) fn malformed(&self, reason: impl Into<String>) -> SnapshotError {
        SnapshotError::Malformed { offset: self.offset, reason: reason.into() }
    }

    fn unexpected(&self, byte: u8, wanted: &str) -> SnapshotError {
        self.malformed(format!("`{}` where {wanted} should be", byte.escape_ascii()))
    }

    fn truncated(&self) -> SnapshotError {
        SnapshotError::Truncated { offset: self.offset, what: "json" }
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

/// The beginning of a text, for a message.
fn shown(text: &[u8]) -> String {
    const LEN: usize = 24;
    let dots = if text.len() > LEN { "…" } else { "" };
    format!("\"{}{dots}\"", text[..text.len().min(LEN)].escape_ascii())
}
