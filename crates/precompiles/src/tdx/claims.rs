use alloy_primitives::keccak256;
use alloy_sol_types::sol;
use dcap_qvl::{QuoteClaims, TcbStatus};

use super::quote::Quote;

sol! {
    /// What a genuine quote says, in the form contracts decode.
    #[derive(Debug, PartialEq, Eq)]
    struct TdxClaims {
        /// The converged status: 0 UpToDate, 1 SWHardeningNeeded,
        /// 2 ConfigurationAndSWHardeningNeeded, 3 ConfigurationNeeded, 4 OutOfDate,
        /// 5 OutOfDateConfigurationNeeded, 8 TDRelaunchAdvised,
        /// 9 TDRelaunchAdvisedConfigurationNeeded. A revoked platform is refused.
        uint8 tcbStatus;
        /// Of the platform with its TDX module alone.
        uint8 platformTcbStatus;
        /// Of the quoting enclave alone.
        uint8 qeTcbStatus;
        /// 4 or 5.
        uint16 quoteVersion;
        /// 2 for TD 1.0, 3 for TD 1.5, 4 for TD 1.5ex.
        uint16 bodyType;
        /// The lower of those of TCB info and QE identity.
        uint32 tcbEvalDataNumber;
        /// Unix seconds of the platform's TCB level.
        uint64 tcbDate;
        /// The newest issue date in the collateral; it must never go back.
        uint64 collateralLatestIssue;
        /// The first expiry in the collateral.
        uint64 collateralExpiry;
        /// Family, model, stepping, platform and custom SKU of the processor.
        bytes6 fmspc;
        /// keccak256 of the platform's provisioning id.
        bytes32 ppidHash;
        /// keccak256 of the signed bytes. The only safe nullifier: the quote itself is malleable.
        bytes32 quoteId;
        /// The TD report as it was signed: 584, 648 or 885 bytes.
        bytes tdReport;
        /// Intel's advisories, joined by commas.
        string advisories;
    }
}

impl TdxClaims {
    pub(super) fn new(quote: &Quote<'_>, claims: &QuoteClaims) -> Self {
        Self {
            tcbStatus: status(claims.tcb.status),
            platformTcbStatus: status(claims.platform.tcb_level.tcb_status),
            qeTcbStatus: status(claims.qe.tcb_level.tcb_status),
            quoteVersion: quote.version,
            bodyType: quote.body_type,
            tcbEvalDataNumber: claims.tcb.eval_data_number,
            tcbDate: claims.platform.tcb_date_tag,
            collateralLatestIssue: claims.latest_issue_date,
            collateralExpiry: claims.earliest_expiration_date,
            fmspc: claims.platform.pck.fmspc.into(),
            ppidHash: keccak256(&claims.platform.pck.ppid),
            quoteId: keccak256(quote.signed),
            tdReport: quote.report.to_vec().into(),
            advisories: claims.tcb.advisory_ids.join(","),
        }
    }
}

/// The numbering of Automata's contracts, which callers may know.
const fn status(status: TcbStatus) -> u8 {
    match status {
        TcbStatus::UpToDate => 0,
        TcbStatus::SWHardeningNeeded => 1,
        TcbStatus::ConfigurationAndSWHardeningNeeded => 2,
        TcbStatus::ConfigurationNeeded => 3,
        TcbStatus::OutOfDate => 4,
        TcbStatus::OutOfDateConfigurationNeeded => 5,
        TcbStatus::Revoked => 6,
        TcbStatus::TDRelaunchAdvised => 8,
        TcbStatus::TDRelaunchAdvisedConfigurationNeeded => 9,
    }
}
