use alloy_primitives::{B256, keccak256};

use super::quote::Quote;
use crate::TdxRefusal;

/// Length of a TD report 1.0, with which later ones begin.
const LEN: usize = 584;

/// A TD report by its fields, whether anybody judged it or not.
#[derive(Clone, Copy, Debug)]
pub struct TdReport<'a>(&'a [u8; LEN]);

impl<'a> TdReport<'a> {
    /// Reads the `tdReport` of claims; `None` if it is shorter than any report.
    pub fn new(report: &'a [u8]) -> Option<Self> {
        report.first_chunk().map(Self)
    }

    /// What a quote carries; nothing of it is verified.
    pub fn of_quote(quote: &'a [u8]) -> Result<Self, TdxRefusal> {
        Self::new(Quote::parse(quote)?.report).ok_or(TdxRefusal::Truncated("td report"))
    }

    /// TDATTRIBUTES, 8 bytes.
    pub fn attributes(&self) -> &'a [u8] {
        &self.0[120..128]
    }

    /// Processor features of the guest, 8 bytes.
    pub fn xfam(&self) -> &'a [u8] {
        &self.0[128..136]
    }

    /// Measurement of the initial contents, 48 bytes.
    pub fn mr_td(&self) -> &'a [u8] {
        &self.0[136..184]
    }

    /// Chosen by whoever starts the guest, 48 bytes; dstack writes 1 and the compose hash.
    pub fn mr_config_id(&self) -> &'a [u8] {
        &self.0[184..232]
    }

    /// RTMR0 to RTMR3, 48 bytes each.
    pub fn rt_mr(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.0[328..520].chunks_exact(48)
    }

    /// What the guest had signed, 64 bytes.
    pub fn report_data(&self) -> &'a [u8] {
        &self.0[520..584]
    }

    /// Which program runs in the guest, as contracts know it: keccak256 of MRTD, RTMR0 to RTMR2, MRCONFIGID,
    /// XFAM and TDATTRIBUTES.
    pub fn workload_id(&self) -> B256 {
        let rt_mr: Vec<u8> = self.rt_mr().take(3).flatten().copied().collect();
        let parts = [self.mr_td(), &rt_mr, self.mr_config_id(), self.xfam(), self.attributes()];
        keccak256(parts.concat())
    }
}
