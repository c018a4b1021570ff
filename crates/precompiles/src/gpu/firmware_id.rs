use super::{
    certificate::Extensions,
    der::{self, Der},
};

/// `OBJECT IDENTIFIER` of SHA-384.
const SHA384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];

/// `[6]` of `DiceTcbInfo`: firmware identities.
const FIRMWARE_IDS: u8 = 0xa6;

const FIRMWARE_ID_LEN: usize = 48;

/// The hash of the firmware for which the leaf certificate was made.
///
/// Two generations write it in two ways; a certificate that has both says nothing clear.
pub(super) fn firmware_id<'a>(extensions: &Extensions<'a>) -> Option<&'a [u8]> {
    match (extensions.dice_firmware, extensions.dice_tcb_info) {
        (Some(firmware), None) => from_dice_firmware(firmware),
        (None, Some(tcb_info)) => from_dice_tcb_info(tcb_info),
        _ => None,
    }
}

/// Hopper: `SEQUENCE { version, device key, hash }`.
fn from_dice_firmware(bytes: &[u8]) -> Option<&[u8]> {
    let mut der = Der::new(der::only(bytes, der::SEQUENCE)?);
    der.expect(der::INTEGER)?;
    der.expect(der::SEQUENCE)?;
    let id = hash(&mut der)?;
    der.end()?;
    Some(id)
}

/// Blackwell: the first of the firmware identities in `DiceTcbInfo`.
fn from_dice_tcb_info(bytes: &[u8]) -> Option<&[u8]> {
    let mut der = Der::new(der::only(bytes, der::SEQUENCE)?);
    while !der.is_empty() {
        let element = der.element()?;
        if element.tag == FIRMWARE_IDS {
            return hash(&mut Der::new(element.value));
        }
    }
    None
}

/// `SEQUENCE { algorithm, digest }`.
fn hash<'a>(der: &mut Der<'a>) -> Option<&'a [u8]> {
    let mut hash = Der::new(der.expect(der::SEQUENCE)?.value);
    (hash.expect(der::OBJECT)?.value == SHA384).then_some(())?;
    let digest = hash.expect(der::OCTET_STRING)?.value;
    hash.end()?;
    (digest.len() == FIRMWARE_ID_LEN).then_some(digest)
}
