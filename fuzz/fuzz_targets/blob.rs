//! Blobs: what decodes encodes to the same blob. The input stands for the first bytes of the blob,
//! spread over its field elements.
#![no_main]

use alloy_eips::eip4844::Blob;
use libfuzzer_sys::fuzz_target;
use phala_batch::{decode_blob, encode_blob};

fuzz_target!(|data: &[u8]| {
    let mut blob = Blob::default();
    let len = data.len().min(blob.len());
    blob[..len].copy_from_slice(&data[..len]);
    if let Ok(decoded) = decode_blob(&blob) {
        // Of the first element, nobody looks at the high bits.
        blob[0] &= 0x3f;
        assert_eq!(*encode_blob(&decoded).expect("no longer than it was"), blob);
    }
    let payload = &data[..data.len().min(phala_batch::BLOB_DATA_MAX)];
    let blob = encode_blob(payload).expect("fits");
    assert_eq!(&decode_blob(&blob).expect("own encoding")[..], payload);
});
