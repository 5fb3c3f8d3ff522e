//! What a quote holds a key to, under roots of the test's own.

use lazai::enclave::{EnclavePolicy, Hardware, Measurement, NotAttested, Quote, Reader, SnpTcb, TdxTcb, report_data};
use lazai::seal::SealTerms;
use lazai_core::seal::UnsealingKey;
use lazai_core::{Address, Domain};

use super::amd::{self, Amd, Guest};
use super::intel::{HARDENED, Intel, Machine, Signed};
use super::{NOW_S, key, policy, told};

/// A quote of each kind of hardware for report data, and the policy that accepts it.
fn both(data: [u8; 64]) -> [(EnclavePolicy, Quote); 2] {
    let (intel, amd) = (Intel::new(), Amd::new());
    [
        (policy(intel.roots()), intel.quote(&Machine::default(), data, Signed::default())),
        (policy(amd.roots()), amd.quote(&Guest::default(), data)),
    ]
}

#[test]
fn a_quote_is_of_one_key_node_ledger_and_day() {
    let (terms, domain) = key();
    let others = [
        SealTerms { public_key: UnsealingKey::random().unwrap().public(), ..terms },
        SealTerms { node: Address::from_bytes([8; 20]), ..terms },
        SealTerms { key_id: 10, ..terms },
        SealTerms { valid_until_s: terms.valid_until_s + 1, ..terms },
    ];
    let data = report_data(&domain, &terms);
    assert_eq!(data[32..], [0; 32]);
    for (policy, quote) in both(data) {
        let attested = policy.check(&quote, &terms, &domain, NOW_S).unwrap();
        assert_eq!((attested.node, attested.key_id, attested.hardware), (terms.node, 9, quote.hardware()));
        assert_eq!(attested.valid_until_s, terms.valid_until_s, "the key's end comes first");
        assert_eq!(Reader::AttestedEnclave(attested).to_string(), "attested enclave");
        for other in &others {
            let error = policy.check(&quote, other, &domain, NOW_S).unwrap_err();
            assert!(matches!(error, NotAttested::OtherKey { .. }), "{other:?}: {error}");
        }
        let elsewhere = Domain::random("quotes", "1").unwrap();
        let error = policy.check(&quote, &terms, &elsewhere, NOW_S).unwrap_err();
        assert!(matches!(error, NotAttested::OtherKey { .. }), "{error}");
        // It goes over the wire as it is.
        let json = serde_json::to_vec(&quote).unwrap();
        assert_eq!(Quote::from_json(&json).unwrap(), quote);
        // Without the roots of the test, nobody takes it.
        let pinned = EnclavePolicy { roots: None, ..policy };
        assert!(matches!(pinned.check(&quote, &terms, &domain, NOW_S), Err(NotAttested::Vendor { .. })));
    }
    // What is after the digest counts.
    let mut longer = data;
    longer[63] = 1;
    for (policy, quote) in both(longer) {
        assert!(matches!(policy.check(&quote, &terms, &domain, NOW_S), Err(NotAttested::OtherKey { .. })));
    }
}

#[test]
fn report_data_are_what_the_formats_page_says() {
    let (terms, domain) = key();
    let signed = lazai_core::sign::signing_digest(&domain, &terms);
    let mut bytes = Vec::new();
    for part in [&b"lazai.quote.key.v1"[..], signed.as_bytes()] {
        bytes.extend((part.len() as u64).to_le_bytes());
        bytes.extend(part);
    }
    let digest = lazai_core::digest::sha256(&bytes);
    assert_eq!(report_data(&domain, &terms)[..32], digest.as_bytes()[..]);
}

#[test]
fn a_machine_that_its_host_may_read_is_no_enclave() {
    let (terms, domain) = key();
    let data = report_data(&domain, &terms);
    let (intel, amd) = (Intel::new(), Amd::new());
    let as_tdx = |attributes| {
        let machine = Machine { attributes, ..Machine::default() };
        policy(intel.roots()).check(&intel.quote(&machine, data, Signed::default()), &terms, &domain, NOW_S)
    };
    as_tdx(HARDENED).unwrap();
    for bit in [0, 4, 5, 6, 29] {
        let error = as_tdx(HARDENED | (1 << bit)).unwrap_err();
        assert!(matches!(error, NotAttested::Debug { .. }), "bit {bit}: {error}");
    }
    assert!(as_tdx(0).is_err(), "pages may be taken away unseen");
    let as_snp = |guest: Guest| policy(amd.roots()).check(&amd.quote(&guest, data), &terms, &domain, NOW_S);
    let guest = Guest::default();
    as_snp(guest.clone()).unwrap();
    for bit in [18, 19] {
        let error = as_snp(Guest { policy: guest.policy | (1 << bit), ..guest.clone() }).unwrap_err();
        assert!(matches!(error, NotAttested::Debug { .. }), "bit {bit}: {error}");
    }
    // Other keys than the chip's own, and reports that are not signed.
    for key_info in [0b10, 0b100, 0b1_1100] {
        let error = as_snp(Guest { key_info, ..guest.clone() }).unwrap_err();
        assert!(matches!(error, NotAttested::Vendor { .. }), "{key_info:b}: {error}");
    }
}

#[test]
fn another_program_is_refused() {
    let (terms, domain) = key();
    let data = report_data(&domain, &terms);
    let (intel, amd) = (Intel::new(), Amd::new());
    let machine = Machine::default();
    let mut started = machine.clone();
    started.rt_mr[2] = [9; 48];
    for other in [Machine { mr_td: [9; 48], ..machine }, started] {
        let quote = intel.quote(&other, data, Signed::default());
        let error = policy(intel.roots()).check(&quote, &terms, &domain, NOW_S).unwrap_err();
        assert!(matches!(error, NotAttested::Measurement { hardware: Hardware::Tdx, .. }), "{error}");
    }
    let guest = Guest::default();
    for other in [Guest { measurement: [9; 48], ..guest.clone() }, Guest { vmpl: 3, ..guest.clone() }] {
        let error = policy(amd.roots()).check(&amd.quote(&other, data), &terms, &domain, NOW_S).unwrap_err();
        assert!(matches!(error, NotAttested::Measurement { hardware: Hardware::SevSnp, .. }), "{error}");
    }
    // One of several rows is enough, and the later one is found.
    let mut several = policy(amd.roots());
    several.sev_snp.insert(0, several.sev_snp[0].clone());
    several.sev_snp[0].vmpl = 2;
    several.sev_snp[1].host_data = Some(lazai_core::Digest::from_bytes(guest.host_data));
    several.check(&amd.quote(&guest, data), &terms, &domain, NOW_S).unwrap();
}

#[test]
fn old_firmware_and_what_a_vendor_took_back_is_refused() {
    let (terms, domain) = key();
    let data = report_data(&domain, &terms);
    let intel = Intel::new();
    let with = |signed, accepted: &[TdxTcb]| {
        let policy = EnclavePolicy { tdx_tcb: accepted.to_vec(), ..policy(intel.roots()) };
        policy.check(&intel.quote(&Machine::default(), data, signed), &terms, &domain, NOW_S)
    };
    let old = Signed { status: "OutOfDate", ..Signed::default() };
    assert!(matches!(with(old, &[]), Err(NotAttested::Tcb { .. })));
    assert!(matches!(with(old, &[TdxTcb::SwHardeningNeeded]), Err(NotAttested::Tcb { .. })));
    assert_eq!(with(old, &[TdxTcb::OutOfDate]).unwrap().tcb, "out_of_date");
    for (signed, says) in [
        (Signed { status: "Revoked", ..Signed::default() }, "evoked"),
        (Signed { is_revoked: true, ..Signed::default() }, "evoked"),
        (Signed { next_update: "2026-01-01T00:00:00Z", ..Signed::default() }, "xpired"),
    ] {
        let error = with(signed, &[TdxTcb::OutOfDate]).unwrap_err();
        assert!(matches!(error, NotAttested::Vendor { .. }) && told(&error).contains(says), "{error}");
    }
    // What Intel signed holds until the first of its times is over.
    let until = Signed { next_update: "2027-02-01T00:00:00Z", ..Signed::default() };
    assert_eq!(with(until, &[]).unwrap().valid_until_s, 1_801_440_000);

    let amd = Amd::new();
    let guest = |reported, chip| Guest { reported, chip, ..Guest::default() };
    let check =
        |policy: &EnclavePolicy, guest: &Guest, now_s| policy.check(&amd.quote(guest, data), &terms, &domain, now_s);
    let mut newer = policy(amd.roots());
    newer.sev_snp[0].least_tcb = SnpTcb { microcode: 0x74, ..amd::TCB };
    assert!(matches!(check(&newer, &Guest::default(), NOW_S), Err(NotAttested::Tcb { .. })));
    // The chip's key is of one firmware and one chip: a report that names others is not the chip's.
    for other in [guest(SnpTcb { snp: 9, ..amd::TCB }, [0xc1; 64]), guest(amd::TCB, [0xc2; 64])] {
        let error = check(&policy(amd.roots()), &other, NOW_S).unwrap_err();
        assert!(matches!(error, NotAttested::Vendor { .. }) && told(&error).contains("certificate is of"), "{error}");
    }
    let [from, until] = amd::TIMES;
    let same = Guest::default();
    for now_s in [from, until] {
        check(&policy(amd.roots()), &same, now_s).unwrap();
    }
    for now_s in [from - 1, until + 1] {
        assert!(matches!(check(&policy(amd.roots()), &same, now_s), Err(NotAttested::Vendor { .. })));
    }
    // Another chip's certificate under the same root signs nothing of this one's.
    let (other, measured) = (Amd::new(), Measurement(same.measurement));
    let Quote::SevSnp { report, .. } = amd.quote(&same, data) else { panic!() };
    let mixed = Quote::SevSnp { report, vcek: other.vcek.clone() };
    assert!(matches!(policy(amd.roots()).check(&mixed, &terms, &domain, NOW_S), Err(NotAttested::Vendor { .. })));
    assert_eq!(policy(amd.roots()).sev_snp[0].measurement, measured);
}
