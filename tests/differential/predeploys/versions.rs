use alloy_primitives::U256;
use phala_chainspec::addresses::predeploy;

use super::{
    call::call,
    pair::{Outcome, Pair, SOMEBODY},
};

/// `version()` of ours and of the published one. Ours follow the published ones and say so; what comes
/// from npm is what was published there last.
const VERSIONS: [(u16, &str, &str); 18] = [
    (0x00, "1.1.0", "1.1.2"),
    (0x02, "1.1.0", "1.1.2"),
    (0x07, "2.1.0", "2.2.1"),
    (0x0f, "1.6.0+phala", "1.6.0"),
    (0x10, "1.10.0", "1.13.2"),
    (0x11, "1.6.1+phala", "1.6.1"),
    (0x12, "1.9.0", "1.11.0"),
    (0x13, "1.1.0", "1.1.3"),
    (0x14, "1.7.0", "1.10.1"),
    (0x15, "1.9.0+phala", "1.9.0"),
    (0x16, "1.1.0", "1.2.0"),
    (0x17, "1.4.0", "1.5.1"),
    (0x19, "1.6.1+phala", "1.6.1"),
    (0x1a, "1.6.1+phala", "1.6.1"),
    (0x1b, "1.1.1+phala", "1.1.1"),
    (0x20, "1.3.0", "1.3.1-beta.2"),
    (0x21, "1.4.0", "1.4.1-beta.3"),
    // The older one has no version.
    (0x18, "", "1.0.0"),
];

fn text(outcome: &Outcome) -> String {
    if !outcome.success {
        return String::new();
    }
    let length = usize::try_from(U256::from_be_slice(&outcome.output[32..64])).unwrap();
    String::from_utf8(outcome.output[64..64 + length].to_vec()).unwrap()
}

#[test]
fn versions_say_where_a_contract_is_from() {
    let Some(mut pair) = Pair::new() else { return };
    for (low, own, published) in VERSIONS {
        let found = pair.send_each(SOMEBODY, predeploy(low), U256::ZERO, call("version()"));
        assert_eq!([text(&found[0]), text(&found[1])], [own, published], "0x{low:04x}");
    }
}
