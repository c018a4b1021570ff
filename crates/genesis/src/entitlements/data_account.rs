use alloy_primitives::Address;

/// Kind of the records in a data account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Table {
    /// What an account is owed.
    Accounts = 0,
    /// Shares in a pool.
    Stakes = 1,
    /// Open withdraw requests.
    Queue = 2,
    /// Accounts and their delegates.
    Proxies = 3,
}

impl Table {
    /// Bytes of a record.
    pub const fn record_size(self) -> usize {
        match self {
            Self::Accounts => 96,
            Self::Stakes => 24,
            Self::Queue => 32,
            Self::Proxies => 64,
        }
    }

    /// Records of a data account: code stays below the 24,576 bytes every client takes.
    pub const fn records_per_chunk(self) -> usize {
        match self {
            Self::Accounts => 255,
            Self::Stakes => 1020,
            Self::Queue => 765,
            Self::Proxies => 382,
        }
    }

    /// `0x504841ff`, eleven zero bytes, table, chunk big-endian.
    pub fn address(self, chunk: u32) -> Address {
        let mut bytes = [0; 20];
        bytes[..4].copy_from_slice(&[0x50, 0x48, 0x41, 0xff]);
        bytes[15] = self as u8;
        bytes[16..].copy_from_slice(&chunk.to_be_bytes());
        Address::from(bytes)
    }

    /// Data accounts of the concatenated `records`, in order.
    pub fn accounts(self, records: &[u8]) -> impl Iterator<Item = DataAccount> {
        let size = self.record_size() * self.records_per_chunk();
        (0_u32..).zip(records.chunks(size)).map(move |(chunk, records)| {
            let mut code = Vec::with_capacity(records.len() + 1);
            // Code that starts with STOP does nothing when it is called.
            code.push(0);
            code.extend_from_slice(records);
            DataAccount { address: self.address(chunk), code }
        })
    }
}

/// Account of the genesis that holds records as its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataAccount {
    /// Where it is.
    pub address: Address,
    /// A zero byte, then records.
    pub code: Vec<u8>,
}
