//! Reports of AMD SEV-SNP. The crate `sev` checks signatures and reads reports; what AMD's specification of chips' keys (publication 57230)
//! asks besides is here: times of certificates, and that the certificate is of the chip and the firmware in the report.

use sev::certs::snp::{Certificate, Chain, Verifiable as _, builtin, ca};
use sev::firmware::guest::AttestationReport;
use sev::parser::ByteParser as _;
use x509_cert::der::Decode as _;
use x509_cert::der::oid::ObjectIdentifier;

use super::policy::{EnclavePolicy, Measurement, SnpMeasurement, SnpProduct, SnpTcb};
use super::{Found, Hardware, NotAttested};

const SNP: Hardware = Hardware::SevSnp;
/// `SIGNING_KEY` of a chip's own key.
const VCEK: u32 = 0;
/// Extensions of a chip's certificate: its firmware's versions, and its id (publication 57230, table 8 and 9).
const BOOTLOADER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.1");
const TEE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.2");
const SNP_FIRMWARE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.3");
const MICROCODE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.8");
const FMC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.3.9");
const HWID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.3704.1.4");

pub(super) fn check(policy: &EnclavePolicy, report: &[u8], vcek: &[u8], now_s: u64) -> Result<Found, NotAttested> {
    let malformed = |reason: String| NotAttested::Malformed { hardware: SNP, reason };
    let parsed = AttestationReport::from_bytes(report).map_err(|e| malformed(e.to_string()))?;
    // The signature is checked over the report as the library writes it: what it does not keep must not be there.
    if parsed.to_bytes().map_err(|e| malformed(e.to_string()))?[..] != *report {
        return Err(malformed("bytes that are reserved are set".into()));
    }
    is_hidden(&parsed)?;
    let found = Measurement(parsed.measurement);
    let mut accepted = policy.sev_snp.iter().filter(|accepted| accepted.measurement == found).peekable();
    if accepted.peek().is_none() {
        return Err(NotAttested::Measurement { hardware: SNP, found, because: String::new() });
    }
    let mut refused = None;
    for accepted in accepted {
        match check_as(policy, accepted, &parsed, vcek, now_s) {
            Ok(found) => return Ok(found),
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.unwrap_or(NotAttested::NoQuote))
}

/// Checks a report as one of an accepted program.
fn check_as(
    policy: &EnclavePolicy,
    accepted: &SnpMeasurement,
    report: &AttestationReport,
    vcek: &[u8],
    now_s: u64,
) -> Result<Found, NotAttested> {
    let vcek = Certificate::from_der(vcek).map_err(|e| vendor(format!("the chip's certificate: {e}")))?;
    let chain = Chain { ca: roots(policy, accepted.product)?, vek: vcek };
    (&chain, report).verify().map_err(|e| vendor(e.to_string()))?;
    let mut valid_until_s = u64::MAX;
    for certificate in [&chain.ca.ark, &chain.ca.ask, &chain.vek] {
        valid_until_s = valid_until_s.min(valid_until(certificate, now_s)?);
    }
    let tcb = of_chip(&x509_cert::Certificate::from(chain.vek), report)?;
    let found = Measurement(report.measurement);
    let differs = |because: String| Err(NotAttested::Measurement { hardware: SNP, found, because });
    if accepted.host_data.is_some_and(|expected| *expected.as_bytes() != report.host_data) {
        return differs(format!(": host data are {}", hex::encode(report.host_data)));
    }
    if report.vmpl != accepted.vmpl {
        return differs(format!(": the report is of privilege level {}", report.vmpl));
    }
    if !tcb.is_at_least(&accepted.least_tcb) {
        return Err(NotAttested::Tcb { found: tcb.to_string(), accepted: format!("{} and later", accepted.least_tcb) });
    }
    Ok(Found { report_data: report.report_data, measurement: found, tcb: tcb.to_string(), valid_until_s })
}

fn vendor(reason: String) -> NotAttested {
    NotAttested::Vendor { hardware: SNP, reason }
}

/// What a guest was launched with must leave its memory to itself; and the chip's own key must have signed.
fn is_hidden(report: &AttestationReport) -> Result<(), NotAttested> {
    let debug = |reason: &str| Err(NotAttested::Debug { reason: reason.into() });
    if report.policy.debug_allowed() {
        return debug("its policy allows debugging");
    }
    if report.policy.migrate_ma_allowed() {
        return debug("its policy allows migration");
    }
    if report.key_info.signing_key() != VCEK || report.key_info.mask_chip_key() {
        return Err(vendor("it is not signed by the chip's own key".into()));
    }
    Ok(())
}

fn roots(policy: &EnclavePolicy, product: SnpProduct) -> Result<ca::Chain, NotAttested> {
    let read = |error: std::io::Error| vendor(format!("the root of {product}: {error}"));
    let Some(roots) = &policy.roots else {
        let (ark, ask) = match product {
            SnpProduct::Genoa => (builtin::genoa::ark(), builtin::genoa::ask()),
            SnpProduct::Milan => (builtin::milan::ark(), builtin::milan::ask()),
            SnpProduct::Turin => (builtin::turin::ark(), builtin::turin::ask()),
        };
        return Ok(ca::Chain { ark: ark.map_err(read)?, ask: ask.map_err(read)? });
    };
    let own = roots.amd.iter().find(|root| root.product == product);
    let own = own.ok_or_else(|| vendor(format!("the policy has no root of {product}")))?;
    ca::Chain::from_der(&own.ark, &own.ask).map_err(read)
}

/// The end of a certificate's time, seconds since 1970, which must not be over nor still to come.
fn valid_until(certificate: &Certificate, now_s: u64) -> Result<u64, NotAttested> {
    let certificate = x509_cert::Certificate::from(certificate.clone()).tbs_certificate;
    let times = [certificate.validity.not_before, certificate.validity.not_after];
    let [from_s, until_s] = times.map(|time| time.to_unix_duration().as_secs());
    if (from_s..=until_s).contains(&now_s) {
        return Ok(until_s);
    }
    let of = certificate.subject;
    Err(vendor(format!("the certificate of {of} is of {from_s} to {until_s}, it is {now_s} (seconds since 1970)")))
}

/// The firmware that the chip's key was derived under: it and the chip must be those of the report.
fn of_chip(vcek: &x509_cert::Certificate, report: &AttestationReport) -> Result<SnpTcb, NotAttested> {
    let version = |oid, what: &str| {
        let value = extension(vcek, oid).and_then(|value| u8::from_der(value).ok());
        value.ok_or_else(|| vendor(format!("the chip's certificate names no version of its {what}")))
    };
    let reported = report.reported_tcb;
    let fmc = match reported.fmc {
        Some(_) => version(FMC, "FMC")?,
        None => 0,
    };
    let signed = SnpTcb {
        fmc,
        bootloader: version(BOOTLOADER, "loader")?,
        tee: version(TEE, "operating system")?,
        snp: version(SNP_FIRMWARE, "SNP firmware")?,
        microcode: version(MICROCODE, "microcode")?,
    };
    let told = SnpTcb {
        fmc: reported.fmc.unwrap_or(0),
        bootloader: reported.bootloader,
        tee: reported.tee,
        snp: reported.snp,
        microcode: reported.microcode,
    };
    if signed != told {
        return Err(vendor(format!("the chip's certificate is of firmware {signed}, the report of {told}")));
    }
    // Turin's ids have 8 bytes, those before it 64.
    let id = extension(vcek, HWID).unwrap_or_default();
    let is_same =
        !id.is_empty() && report.chip_id.starts_with(id) && report.chip_id[id.len()..].iter().all(|b| *b == 0);
    if is_same { Ok(signed) } else { Err(vendor("the chip's certificate is of another chip".into())) }
}

fn extension(certificate: &x509_cert::Certificate, oid: ObjectIdentifier) -> Option<&[u8]> {
    let extensions = certificate.tbs_certificate.extensions.as_ref()?;
    let mut found = extensions.iter().filter(|extension| extension.extn_id == oid);
    let only = found.next().filter(|_| found.next().is_none());
    only.map(|extension| extension.extn_value.as_bytes())
}
