//! Quotes of Intel TDX, by `dcap-qvl`: Intel's signatures, revocations, times and states of firmware.

use dcap_qvl::quote::{Report, TDReport10};
use dcap_qvl::verify::QuoteVerifier;
use dcap_qvl::{QuoteCollateralV3, QuotePolicy, TcbStatus};

use super::policy::{EnclavePolicy, Measurement, TdxMeasurement, TdxTcb};
use super::{Found, Hardware, NotAttested, TdxCollateral};

const TDX: Hardware = Hardware::Tdx;

pub(super) fn check(
    policy: &EnclavePolicy,
    quote: &[u8],
    collateral: &TdxCollateral,
    now_s: u64,
) -> Result<Found, NotAttested> {
    let parsed = dcap_qvl::quote::Quote::parse(quote);
    let parsed = parsed.map_err(|e| NotAttested::Malformed { hardware: TDX, reason: format!("{e:#}") })?;
    // Told before anything else: the library would take one of SGX, which has no launch measurement of TDX.
    let Some(report) = parsed.report.as_td10() else {
        return Err(NotAttested::Malformed { hardware: TDX, reason: "it is of SGX".into() });
    };
    is_hidden(report)?;
    let verifier = match policy.roots.as_ref().map(|roots| roots.intel.clone()) {
        None => QuoteVerifier::new_prod(),
        Some(Some(root)) => QuoteVerifier::new(root),
        Some(None) => return Err(vendor("the policy has no root of Intel's".into())),
    };
    // The library's own policy refuses more than TCB states, such as hyperthreading, which every cloud has; ours is below.
    let claims = verifier.verify_with_policy(quote, collateral_of(collateral), now_s, &QuotePolicy::claims_only(now_s));
    let claims = claims.map_err(|e| vendor(format!("{e:#}")))?;
    // What is appraised is what was signed: the report out of the verifier.
    let report = match &claims.report {
        Report::TD10(report) => report,
        Report::TD15(report) => &report.base,
        Report::TD15Ex(report) => &report.base.base,
        Report::SgxEnclave(_) => return Err(vendor("it is of SGX".into())),
    };
    is_hidden(report)?;
    let tcb = tcb_of(claims.tcb.status).ok_or_else(|| vendor("the platform is revoked".into()))?;
    if tcb != TdxTcb::UpToDate && !policy.tdx_tcb.contains(&tcb) {
        let accepted: Vec<String> =
            [&TdxTcb::UpToDate].into_iter().chain(&policy.tdx_tcb).map(TdxTcb::to_string).collect();
        return Err(NotAttested::Tcb { found: tcb.to_string(), accepted: accepted.join(", ") });
    }
    is_accepted(policy, report)?;
    Ok(Found {
        report_data: report.report_data,
        measurement: Measurement(report.mr_td),
        tcb: tcb.to_string(),
        valid_until_s: claims.earliest_expiration_date,
    })
}

fn vendor(reason: String) -> NotAttested {
    NotAttested::Vendor { hardware: TDX, reason }
}

/// Attributes of a machine whose memory its host, or an agent of it, may get at (TDX module ABI, `ATTRIBUTES`).
fn is_hidden(report: &TDReport10) -> Result<(), NotAttested> {
    const DEBUG_AND_PROFILING: u64 = 0xff;
    const MIGRATABLE: u64 = 1 << 29;
    let attributes = u64::from_le_bytes(report.td_attributes);
    let debug = |reason: &str| Err(NotAttested::Debug { reason: reason.into() });
    match attributes {
        attributes if attributes & DEBUG_AND_PROFILING != 0 => debug("it is in debug mode"),
        attributes if attributes & MIGRATABLE != 0 => debug("it may be migrated"),
        _ => Ok(()),
    }
}

fn is_accepted(policy: &EnclavePolicy, report: &TDReport10) -> Result<(), NotAttested> {
    let found = Measurement(report.mr_td);
    let mut because = String::new();
    for accepted in policy.tdx.iter().filter(|accepted| accepted.mr_td == found) {
        match differs(accepted, report) {
            None => return Ok(()),
            Some(what) => because = format!(": {what}"),
        }
    }
    Err(NotAttested::Measurement { hardware: TDX, found, because })
}

/// What of a report differs from an accepted program of the same launch measurement.
fn differs(accepted: &TdxMeasurement, report: &TDReport10) -> Option<String> {
    let found = [report.rt_mr0, report.rt_mr1, report.rt_mr2, report.rt_mr3];
    for (index, (expected, found)) in accepted.rt_mr.iter().zip(found).enumerate() {
        if expected.is_some_and(|expected| expected.0 != found) {
            return Some(format!("RTMR {index} is {}", Measurement(found)));
        }
    }
    let config = Measurement(report.mr_config_id);
    accepted.mr_config_id.filter(|expected| *expected != config).map(|_| format!("MRCONFIGID is {config}"))
}

fn tcb_of(status: TcbStatus) -> Option<TdxTcb> {
    Some(match status {
        TcbStatus::ConfigurationAndSWHardeningNeeded => TdxTcb::ConfigurationAndSwHardeningNeeded,
        TcbStatus::ConfigurationNeeded => TdxTcb::ConfigurationNeeded,
        TcbStatus::OutOfDate => TdxTcb::OutOfDate,
        TcbStatus::OutOfDateConfigurationNeeded => TdxTcb::OutOfDateConfigurationNeeded,
        TcbStatus::Revoked => return None,
        TcbStatus::SWHardeningNeeded => TdxTcb::SwHardeningNeeded,
        TcbStatus::TDRelaunchAdvised => TdxTcb::TdRelaunchAdvised,
        TcbStatus::TDRelaunchAdvisedConfigurationNeeded => TdxTcb::TdRelaunchAdvisedConfigurationNeeded,
        TcbStatus::UpToDate => TdxTcb::UpToDate,
    })
}

fn collateral_of(told: &TdxCollateral) -> QuoteCollateralV3 {
    let told = told.clone();
    QuoteCollateralV3 {
        pck_crl_issuer_chain: told.pck_crl_issuer_chain,
        root_ca_crl: told.root_ca_crl,
        pck_crl: told.pck_crl,
        tcb_info_issuer_chain: told.tcb_info_issuer_chain,
        tcb_info: told.tcb_info,
        tcb_info_signature: told.tcb_info_signature,
        qe_identity_issuer_chain: told.qe_identity_issuer_chain,
        qe_identity: told.qe_identity,
        qe_identity_signature: told.qe_identity_signature,
        pck_certificate_chain: told.pck_certificate_chain,
    }
}
