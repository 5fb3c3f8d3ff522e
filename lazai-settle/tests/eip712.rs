//! Digests and signatures of everything that is signed in the market, against eth-account's (`vectors/eip712.py`).
#![allow(clippy::unwrap_used)]

use lazai_core::dat::{AccessPolicy, BaseInfo, Payment, Rating, VersionMetadata, VoiceInfo};
use lazai_core::record::{Quality, RecordClaim};
use lazai_core::seal::SealedKey;
use lazai_core::sign::signing_digest;
use lazai_core::*;
use lazai_settle::Lineage;
use lazai_settle::credit::{CreditReceipt, CreditTerms};
use lazai_settle::dispute::TrainingDoubt;
use lazai_settle::market::{ContributorShare, Submission};
use lazai_settle::quorum::{Attestation, ContributorConsent};
use lazai_settle::session::{Offer, Receipt, SessionRelease, Voucher};
use lazai_settle::speech::{SpeechReceipt, SpeechTerms, SpokenVoice};
use serde_json::Value;

fn digest(byte: u8) -> Digest {
    Digest::from_bytes([byte; 32])
}

fn check<T: TypedData>(vectors: &Value, value: &T) {
    let name = T::TYPE.split('(').next().unwrap();
    let of_type = |v: &&Value| v["type"].as_str().unwrap().starts_with(&format!("{name}("));
    let vector = vectors["vectors"].as_array().unwrap().iter().find(of_type).unwrap();
    let text = |field: &str| vector[field].as_str().unwrap().to_owned();
    let domain: Domain = Domain {
        name: "LazAI Market".into(),
        version: "1".into(),
        chain_id: 31_337,
        verifying_contract: Address::from_bytes([0x11; 20]),
        salt: None,
    };
    let key = LocalSigner::from_bytes([7; 32]).unwrap();
    assert_eq!(T::TYPE, text("type"));
    assert_eq!(domain.separator().to_string(), text("domainSeparator"), "{name}");
    assert_eq!(value.hash_struct().to_string(), text("structHash"), "{name}");
    let signed = signing_digest(&domain, value);
    assert_eq!(signed.to_string(), text("digest"), "{name}");
    // Deterministic nonces (RFC 6979): the same signature, not only one that verifies.
    assert_eq!(key.sign_digest(signed).to_string(), text("signature"), "{name}");
    let signature: Signature = text("signature").parse().unwrap();
    assert_eq!(signature.recover(signed), Ok(key.address()), "{name}");
    assert_eq!(key.address().to_string(), vectors["signer"].as_str().unwrap().to_lowercase());
}

#[test]
fn everything_that_is_signed_agrees_with_eth_account() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/eip712.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    // `SealTerms` and `CreditOrder` are checked where they are, in `lazai`.
    assert_eq!(vectors["vectors"].as_array().unwrap().len(), 18);
    let (id, node) = ([0xa1; 32], Address::from_bytes([0x33; 20]));
    let (submission, session) = (SubmissionId::from_bytes(id), SessionId::from_bytes(id));
    let (class, version) = (ClassId(7), VersionNumber(2));
    check(&vectors, &Attestation { submission, content: digest(0xb2), accepted: true });
    let consent = "I agree – fully, naïvely, 同意";
    let lineage = Lineage::next(class, version, BasisPoints::new(2_500).unwrap()).unwrap();
    let (root, licence, tokens, total) = (digest(0xb2), "CC-BY-4.0", 120, u64::MAX);
    check(&vectors, &ContributorConsent { submission, root, licence, consent, tokens, total, lineage });
    let offer = Offer {
        node,
        class,
        version,
        asset: Asset(Address::from_bytes([0x44; 20])),
        prompt_price: Amount::from_base_units(5),
        completion_price: Amount::MAX,
        prompt_ceiling: 4_096,
        completion_ceiling: 512,
        session_s: 3_600,
        valid_until_s: 1 << 63,
        min_deposit: Amount::from_base_units(1),
        quota_deposit: Amount::MAX,
        series: u64::MAX,
    };
    check(&vectors, &offer);
    let terms = CreditTerms {
        node,
        class,
        version,
        asset: Asset(Address::from_bytes([0x44; 20])),
        price: Amount::MAX,
        prompt_ceiling: 4_096,
        completion_ceiling: 512,
        public_key: [0x30, 0x82].repeat(173),
        sold_until_s: 1 << 63,
        valid_until_s: u64::MAX,
    };
    check(&vectors, &terms);
    let (terms_digest, order_digest) = (digest(0xb2), digest(0xc3));
    let (turn, credits, cumulative) = (5, 256, Amount::MAX);
    check(&vectors, &CreditReceipt { session, turn, terms_digest, order_digest, credits, cumulative });
    let receipt = Receipt {
        session,
        turn: 3,
        request_digest: digest(0xb2),
        reply_digest: digest(0xc3),
        prompt_tokens: 120,
        completion_tokens: 40,
        tokenizer_digest: digest(0xd4),
        temperature_milli: 700,
        top_p_milli: 950,
        seed: u64::MAX,
        base_digest: digest(0xe5),
        adapter_digest: digest(0xf6),
        cumulative: Amount::from_base_units(10u128.pow(24)),
    };
    check(&vectors, &receipt);
    check(&vectors, &TrainingDoubt { submission, state: 3, challenger: node });
    check(&vectors, &RecordClaim { submission, record: digest(0xb2) });
    let metadata = VersionMetadata {
        character: "Diva".into(),
        base: BaseInfo { name: "SmolLM2".into(), digest: digest(0xb2), licence: "Apache-2.0".into() },
        adapter_digest: digest(0xc3),
        voice: None,
        quality: None,
        record_digest: digest(0xd4),
        submission,
        exex: node,
        policy: AccessPolicy {
            rating: Rating::Teen,
            minimum_age: 13,
            payment: Payment::GasOrQuota,
            consent: "all agreed".into(),
            report_contact: "mailto:report@example.org".into(),
        },
        endpoints: vec!["https://one.example".into(), String::new()],
    };
    check(&vectors, &metadata);
    assert_eq!(metadata.digest(), metadata.hash_struct());
    let voice = |base, adapter| Some(VoiceInfo { base_digest: digest(base), adapter_digest: digest(adapter) });
    let of_type = |v: &&Value| v["type"].as_str().unwrap().starts_with("VoicedVersion(");
    let voiced = vectors["vectors"].as_array().unwrap().iter().find(of_type).unwrap();
    let with = |voice| VersionMetadata { voice, ..metadata.clone() }.digest();
    assert_eq!(with(voice(0xe5, 0xf6)).to_string(), voiced["structHash"].as_str().unwrap());
    assert_eq!(with(voice(0, 0)), metadata.digest(), "zeros are no voice, as on a chain");
    let quality = Quality {
        records: u32::MAX,
        tokens: u64::MAX,
        base_micronats: 4_000_000,
        prompted_micronats: Some(3_500_000),
        tuned_micronats: 1 << 63,
    };
    let of_type = |v: &&Value| v["type"].as_str().unwrap().starts_with("MeasuredVersion(");
    let measured = vectors["vectors"].as_array().unwrap().iter().find(of_type).unwrap();
    let with = |voice, quality| VersionMetadata { voice, quality: Some(quality), ..metadata.clone() }.digest();
    assert_eq!(with(voice(0xe5, 0xf6), quality).to_string(), measured["structHash"].as_str().unwrap());
    assert_eq!(with(None, Quality { records: 0, ..quality }), metadata.digest(), "no records are no measurement");
    assert_ne!(with(None, quality), with(voice(0xe5, 0xf6), quality));
    let share = |tokens, root| ContributorShare {
        contributor: node,
        tokens,
        root: digest(root),
        consent: Signature::from_bytes([0; 65]),
    };
    let submitted = Submission {
        nonce: 0,
        statement: digest(0xb2),
        root: digest(0xc3),
        proof: digest(0xd4),
        ciphertext: digest(0xe5),
        sealed_key: SealedKey { encapsulated: digest(0xf6), ciphertext: [0xab; 48] },
        exex: node,
        lineage,
        public_part: "the public part".into(),
        shares: vec![share(120, 0xb2), share(u64::MAX, 0xc3)],
    };
    check(&vectors, &submitted);
    check(&vectors, &SessionRelease { session, redeemed: Amount::MAX });
    check(&vectors, &spoken(session));
    check(&vectors, &terms_of_speech(node));
    check(&vectors, &Voucher { session, node, class, version, cumulative: Amount::MAX });
}

fn spoken(session: SessionId) -> SpeechReceipt {
    SpeechReceipt {
        session,
        turn: 4,
        terms_digest: digest(0xb2),
        request_digest: digest(0xc3),
        audio_digest: digest(0xd4),
        characters: 4_096,
        samples: 7_200_000,
        seed: u64::MAX,
        cumulative: Amount::from_base_units(10u128.pow(24)),
    }
}

fn terms_of_speech(node: Address) -> SpeechTerms {
    SpeechTerms {
        node,
        class: ClassId(7),
        version: VersionNumber(2),
        asset: Asset(Address::from_bytes([0x44; 20])),
        character_price: Amount::MAX,
        character_ceiling: 4_096,
        base_digest: digest(0xb2),
        voice: SpokenVoice::PitchAndPace,
        adapter_digest: Digest::ZERO,
        sample_rate: 24_000,
        valid_until_s: 1 << 63,
        series: u64::MAX,
    }
}
