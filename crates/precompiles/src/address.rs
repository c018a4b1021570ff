use alloy_primitives::{Address, address};

/// Where [`tdx::verify`](crate::tdx::verify) answers.
pub const TDX_VERIFY_ADDRESS: Address = address!("0x5048410000000000000000000000000000000001");

/// Where [`gpu::verify`](crate::gpu::verify) answers.
pub const GPU_VERIFY_ADDRESS: Address = address!("0x5048410000000000000000000000000000000002");

/// Where [`settle::verify`](crate::settle::verify) answers.
pub const GPU_SETTLE_ADDRESS: Address = address!("0x5048410000000000000000000000000000000003");

/// Where [`substrate::verify`](crate::substrate::verify) answers.
pub const SUBSTRATE_VERIFY_ADDRESS: Address =
    address!("0x5048410000000000000000000000000000000004");
