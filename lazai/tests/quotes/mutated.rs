//! Quotes that were changed on their way: refused or the same, and never a panic.

use std::sync::OnceLock;

use lazai::enclave::{Attested, EnclavePolicy, MAX_QUOTE_BYTES, NotQuote, Quote, report_data};
use lazai::seal::SealTerms;
use lazai_core::Domain;
use proptest::prelude::*;

use super::amd::{Amd, Guest};
use super::intel::{Intel, Machine, Signed};
use super::{NOW_S, key, policy};

struct Good {
    policy: EnclavePolicy,
    quote: Quote,
    terms: SealTerms,
    domain: Domain,
    attested: Attested,
}

impl Good {
    fn of(policy: EnclavePolicy, quote: impl FnOnce([u8; 64]) -> Quote) -> Self {
        let (terms, domain) = key();
        let quote = quote(report_data(&domain, &terms));
        let attested = policy.check(&quote, &terms, &domain, NOW_S).unwrap();
        Self { policy, quote, terms, domain, attested }
    }

    /// A quote that differs in bytes that nobody signs may be taken: for the same key, and with the same facts.
    fn takes(&self, quote: &Quote) -> bool {
        match self.policy.check(quote, &self.terms, &self.domain, NOW_S) {
            Ok(attested) => {
                let same =
                    Attested { valid_until_s: 0, ..attested } == Attested { valid_until_s: 0, ..self.attested.clone() };
                assert!(same, "another finding");
                true
            }
            Err(_) => false,
        }
    }
}

fn good() -> &'static [Good; 2] {
    static GOOD: OnceLock<[Good; 2]> = OnceLock::new();
    GOOD.get_or_init(|| {
        let (intel, amd) = (Intel::new(), Amd::new());
        [
            Good::of(policy(intel.roots()), |data| intel.quote(&Machine::default(), data, Signed::default())),
            Good::of(policy(amd.roots()), |data| amd.quote(&Guest::default(), data)),
        ]
    })
}

/// The bytes of a quote that its hardware made, changed.
fn changed(quote: &Quote, change: impl FnOnce(&mut Vec<u8>)) -> Quote {
    let mut quote = quote.clone();
    match &mut quote {
        Quote::SevSnp { report: bytes, .. } | Quote::Tdx { quote: bytes, .. } => change(bytes),
        _ => panic!(),
    }
    quote
}

fn length(quote: &Quote) -> usize {
    match quote {
        Quote::SevSnp { report: bytes, .. } | Quote::Tdx { quote: bytes, .. } => bytes.len(),
        _ => panic!(),
    }
}

#[test]
fn each_bit_of_what_is_signed_counts() {
    // Of TDX, header and report are signed: 48 and 584 bytes. Of SEV-SNP, the first 672 bytes.
    for (good, signed) in good().iter().zip([632, 672]) {
        for at in 0..signed {
            let flipped = changed(&good.quote, |bytes| bytes[at] ^= 1 << (at % 8));
            assert!(!good.takes(&flipped), "byte {at} of {:?}", good.quote);
        }
        for cut in (0..signed).chain([length(&good.quote) - 1]) {
            assert!(!good.takes(&changed(&good.quote, |bytes| bytes.truncate(cut))), "cut at {cut}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_is_changed_shows_anything_else(
        which in 0_usize..2, at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 1..40), form in 0_u8..3,
    ) {
        let good = &good()[which];
        let at = at.index(length(&good.quote));
        let other = changed(&good.quote, |quote| match form {
            0 => { let end = (at + bytes.len()).min(quote.len()); quote.splice(at..end, bytes.iter().copied()); }
            1 => { quote.splice(at..at, bytes.iter().copied()); }
            _ => { let end = (at + bytes.len()).min(quote.len()); quote.drain(at..end); }
        });
        good.takes(&other);
    }

    #[test]
    fn json_that_is_changed_is_refused_or_shows_the_same(
        which in 0_usize..2, at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let good = &good()[which];
        let mut json = serde_json::to_vec(&good.quote).unwrap();
        let at = at.index(json.len());
        json[at] = byte;
        if let Ok(other) = Quote::from_json(&json) {
            good.takes(&other);
        }
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..2_000), which in 0_usize..2) {
        let good = &good()[which];
        prop_assert!(!good.takes(&changed(&good.quote, |quote| *quote = bytes)));
    }
}

#[test]
fn what_is_too_large_or_no_quote_is_not_read() {
    let large = vec![b' '; MAX_QUOTE_BYTES + 1];
    assert_eq!(Quote::from_json(&large), Err(NotQuote::TooLarge { bytes: MAX_QUOTE_BYTES + 1 }));
    for json in ["", "{}", r#"{"kind":"nvidia"}"#, r#"{"kind":"sev_snp","report":"0g","vcek":""}"#] {
        assert!(matches!(Quote::from_json(json.as_bytes()), Err(NotQuote::Malformed { .. })), "{json}");
    }
}
