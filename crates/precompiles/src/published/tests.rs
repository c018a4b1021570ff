use alloy_primitives::hex;
use base64::{Engine, engine::general_purpose::STANDARD};

use super::*;

/// Bytes no text has, as every quote has them.
const RAW: [u8; 6] = [4, 0, 2, 0, 0x81, 0];

#[test]
fn a_quote_is_read_in_every_form() {
    let bytes = serde_json::to_string(&RAW).expect("JSON");
    let (hex, base64) = (hex::encode(RAW), STANDARD.encode(RAW));
    for form in [
        hex.clone(),
        format!("0x{hex}\n"),
        format!(" {}\n{}\n", &hex[..4], &hex[4..]),
        base64,
        format!("\"0x{hex}\""),
        bytes.clone(),
        format!("{{\"event_log\":\"x\",\"quote\":\"{hex}\"}}"),
        format!("{{\"quote\":{bytes}}}"),
    ] {
        assert_eq!(quote(form.as_bytes()).expect(&form), RAW, "{form}");
    }
    assert_eq!(quote(&RAW).expect("raw"), RAW);
}

#[test]
fn what_is_no_evidence_is_told() {
    let message = |form: &str| quote(form.as_bytes()).expect_err(form).to_string();
    for form in ["not hex", "0x123", "abc*"] {
        assert!(message(form).contains("neither hex nor base64"), "{form}");
    }
    assert!(message("{\"report\":\"00\"}").contains("no `quote`"));
    assert!(message("{\"quote\":{\"quote\":\"00\"}}").contains("no `quote`"));
    for form in ["{\"quote\":", "[1,256]", "[1,\"2\"]", "[[1]]", "{\"quote\":7}"] {
        assert!(message(form).contains("json is not evidence"), "{form}");
    }
    let long = "0".repeat(PUBLISHED_LEN_MAX + 1);
    assert!(message(&long).contains("1048577 bytes are more than"));
    assert!(matches!(collateral(long.as_bytes()), Err(NotEvidence::TooLong { .. })));
    assert!(matches!(gpu_evidence(long.as_bytes()), Err(NotEvidence::TooLong { .. })));
    assert!(matches!(collateral(b"{}"), Err(NotEvidence::Collateral(_))));
    assert!(matches!(collateral(b"0x00"), Err(NotEvidence::Frame(_))));
}

#[test]
fn collateral_is_read_as_a_blob_too() {
    let given = Collateral {
        signer: vec![1; 9],
        tcb_info: b"{}".to_vec(),
        tcb_info_signature: vec![2; 64],
        qe_identity_signature: vec![3; 64],
        ..Default::default()
    };
    let blob = given.encode();
    assert_eq!(collateral(&blob).expect("raw"), given);
    assert_eq!(collateral(hex::encode_prefixed(&blob).as_bytes()).expect("hex"), given);
    assert!(collateral(&blob[1..]).is_err());
}

#[test]
fn evidence_of_gpus_has_one_to_eight_devices_with_chains() {
    let report = STANDARD.encode([0x11; 40]);
    let device = format!("{{\"evidence\":\"{report}\",\"certificate\":\"AA==\"}}");
    let list = |count| format!("[{}]", vec![device.as_str(); count].join(","));
    for count in [0, 9] {
        let error = gpu_evidence(list(count).as_bytes()).expect_err("too few or too many");
        assert!(matches!(error, NotEvidence::Devices(found) if found == count));
    }
    let request = format!("{{\"evidence_list\":{}}}", list(9));
    assert!(matches!(gpu_evidence(request.as_bytes()), Err(NotEvidence::Devices(9))));
    for form in [device.clone(), list(8)] {
        assert!(matches!(gpu_evidence(form.as_bytes()), Err(NotEvidence::Chain(0))), "{form}");
    }
    let short = "[{\"evidence\":\"EQ==\",\"certificate\":\"AA==\"}]";
    assert!(matches!(gpu_evidence(short.as_bytes()), Err(NotEvidence::Report(0))));
    let nonce = device.replace('}', ",\"nonce\":\"12\"}");
    assert!(matches!(gpu_evidence(nonce.as_bytes()), Err(NotEvidence::Nonce)));
    assert!(matches!(gpu_report(&[0; 40], b"no pem"), Err(NotEvidence::Chain(0))));
}
