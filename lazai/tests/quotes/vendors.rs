//! Quotes of real hardware, under the roots that are compiled in (`vectors/quotes`). Their report data are of other people's keys: a quote
//! that is otherwise good ends with that.

use lazai::enclave::{
    EnclavePolicy, EnclaveRoots, Measurement, NotAttested, Quote, SnpMeasurement, SnpProduct, SnpTcb, TdxMeasurement,
    TdxTcb,
};

use super::{amd, intel, key, told, vector};

/// Times at which the collateral of each vector holds: a day after it was issued.
const JUNE_2025: u64 = 1_750_414_563;
const FEBRUARY_2026: u64 = 1_771_498_731;
const OCTOBER_2026: u64 = 1_791_504_586;
/// A time of the chip's certificate.
const JANUARY_2024: u64 = 1_704_067_200;
const DAY: u64 = 86_400;

fn tdx(name: &str) -> Quote {
    let collateral = serde_json::from_slice(&vector(&format!("{name}_collateral.json"))).unwrap();
    Quote::Tdx { quote: vector(&format!("{name}.bin")), collateral: Box::new(collateral) }
}

fn milan() -> Quote {
    let report = hex::decode(vector("report_milan.hex").trim_ascii()).unwrap();
    Quote::SevSnp { report, vcek: vector("vcek_milan.der") }
}

/// The launch measurement in a quote of version 4 or 5, at the place that Intel's specification says.
fn mr_td(quote: &Quote) -> Measurement {
    let Quote::Tdx { quote, .. } = quote else { panic!() };
    let body = if quote[0] == 5 { 48 + 6 } else { 48 };
    Measurement(quote[body + 136..][..48].try_into().unwrap())
}

fn accepts(mr_td: Measurement, tdx_tcb: &[TdxTcb]) -> EnclavePolicy {
    let any = TdxMeasurement { mr_td, rt_mr: [None; 4], mr_config_id: None };
    EnclavePolicy { tdx: vec![any], tdx_tcb: tdx_tcb.to_vec(), ..EnclavePolicy::default() }
}

fn accepts_milan(measurement: Measurement) -> EnclavePolicy {
    let least_tcb = SnpTcb { fmc: 0, bootloader: 3, tee: 0, snp: 8, microcode: 115 };
    let milan = SnpMeasurement { product: SnpProduct::Milan, measurement, least_tcb, host_data: None, vmpl: 0 };
    EnclavePolicy { sev_snp: vec![milan], ..EnclavePolicy::default() }
}

const MILAN: &str = "7a1e5c266c0108dbc9bb94fa926951320940915d0aafb42464bd88b579ea158d3e1a0dc39b2c60bd95b9c480cd81841f";

/// Checks for a key of ours.
fn check(policy: &EnclavePolicy, quote: &Quote, now_s: u64) -> NotAttested {
    let (terms, domain) = key();
    policy.check(quote, &terms, &domain, now_s).unwrap_err()
}

/// Says that all but the key was found good.
fn is_only_of_another_key(error: &NotAttested) -> bool {
    matches!(error, NotAttested::OtherKey { .. })
}

#[test]
fn what_intels_hardware_signed_holds_under_intels_root_and_in_its_time() {
    let quote = tdx("tdx_quote");
    let policy = accepts(mr_td(&quote), &[]);
    let good = check(&policy, &quote, JUNE_2025);
    assert!(is_only_of_another_key(&good), "{good}");
    for (now_s, says) in [(JUNE_2025 + 60 * DAY, "xpired"), (JUNE_2025 - 60 * DAY, "future")] {
        let error = check(&policy, &quote, now_s);
        assert!(matches!(error, NotAttested::Vendor { .. }) && told(&error).contains(says), "{error}");
    }
    let error = check(&accepts(Measurement([1; 48]), &[]), &quote, JUNE_2025);
    assert!(matches!(error, NotAttested::Measurement { .. }), "{error}");
    assert!(matches!(check(&EnclavePolicy::default(), &quote, JUNE_2025), NotAttested::Measurement { .. }));
    // The measurement that was launched is right, what was started since is not.
    let mut narrow = policy.clone();
    narrow.tdx[0].rt_mr[1] = Some(Measurement([1; 48]));
    assert!(told(check(&narrow, &quote, JUNE_2025)).contains("RTMR 1"));
}

#[test]
fn the_longest_body_is_read_and_a_platform_older_than_all_levels_is_refused() {
    let quote = tdx("tdx_quote_td15ex");
    let newest = check(&accepts(mr_td(&quote), &[]), &quote, OCTOBER_2026);
    assert!(is_only_of_another_key(&newest), "{newest}");
    let quote = tdx("tdx_quote_outdated");
    for tcb in [&[][..], &[TdxTcb::OutOfDate, TdxTcb::OutOfDateConfigurationNeeded]] {
        let error = check(&accepts(mr_td(&quote), tcb), &quote, FEBRUARY_2026);
        assert!(matches!(error, NotAttested::Vendor { .. }) && told(&error).contains("TCB level"), "{error}");
    }
}

#[test]
fn a_quote_of_sgx_is_none_of_tdx() {
    let Quote::Tdx { collateral, .. } = tdx("tdx_quote") else { panic!() };
    let quote = Quote::Tdx { quote: vector("sgx_quote.bin"), collateral };
    assert!(told(check(&EnclavePolicy::default(), &quote, JUNE_2025)).contains("SGX"));
}

#[test]
fn what_amds_chip_signed_holds_under_amds_root_and_in_its_time() {
    let (quote, policy) = (milan(), accepts_milan(MILAN.parse().unwrap()));
    let good = check(&policy, &quote, JANUARY_2024);
    assert!(is_only_of_another_key(&good), "{good}");
    // From 3 April 2023 to 3 April 2030.
    for now_s in [1_680_549_822, 1_901_474_624] {
        let error = check(&policy, &quote, now_s);
        assert!(matches!(error, NotAttested::Vendor { .. }) && told(&error).contains("seconds since 1970"), "{error}");
    }
    assert!(matches!(
        check(&accepts_milan(Measurement([1; 48])), &quote, JANUARY_2024),
        NotAttested::Measurement { .. }
    ));
    let mut newer = policy.clone();
    newer.sev_snp[0].least_tcb.snp = 9;
    let error = check(&newer, &quote, JANUARY_2024);
    assert!(matches!(error, NotAttested::Tcb { .. }), "{error}");
    let mut other = policy.clone();
    other.sev_snp[0].product = SnpProduct::Genoa;
    let error = check(&other, &quote, JANUARY_2024);
    assert!(matches!(error, NotAttested::Vendor { .. }), "{error}");
    let mut host = policy;
    host.sev_snp[0].host_data = Some(lazai_core::Digest::from_bytes([1; 32]));
    assert!(told(check(&host, &quote, JANUARY_2024)).contains("host data"));
}

#[test]
fn what_vendors_signed_does_not_hold_under_other_roots() {
    let roots = [EnclaveRoots::default(), intel::Intel::new().roots(), amd::Amd::new().roots()];
    for roots in roots {
        let quote = tdx("tdx_quote");
        let own = EnclavePolicy { roots: Some(roots.clone()), ..accepts(mr_td(&quote), &[]) };
        let error = check(&own, &quote, JUNE_2025);
        assert!(matches!(error, NotAttested::Vendor { .. }), "{error}");
        let own = EnclavePolicy { roots: Some(roots), ..accepts_milan(MILAN.parse().unwrap()) };
        let error = check(&own, &milan(), JANUARY_2024);
        assert!(matches!(error, NotAttested::Vendor { .. }), "{error}");
    }
}
