//! A small market for tests: everyone has a key derived from a number.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;

use lazai_core::dat::{AccessPolicy, BaseInfo, Payment, Rating, VersionMetadata, VoiceInfo};
use lazai_core::digest::sha256;
use lazai_core::pov::{Contributor, Profile, PublicPart};
use lazai_core::record::RecordClaim;
use lazai_core::seal::{SealedKey, UnsealingKey};
use lazai_core::sign::signing_digest;
use lazai_core::*;
use lazai_settle::market::{ContributorShare, Event, Submission};
use lazai_settle::quorum::{Attestation, ContributorConsent, Verdict};
use lazai_settle::session::{Offer, SessionPayment, Voucher, session_id};
use lazai_settle::{Genesis, Lineage, Market, MarketError, Params, SignedTransaction, Transaction};

pub const CREATOR: u8 = 1;
pub const WRITERS: [u8; 2] = [2, 3];
pub const VALIDATORS: [u8; 4] = [11, 12, 13, 14];
pub const EXEX: u8 = 21;
pub const NODE: u8 = 31;
pub const OTHER_NODE: u8 = 32;
pub const CONSUMER: u8 = 41;
pub const SESSION_KEY: u8 = 42;
pub const VOTERS: [u8; 3] = [51, 52, 53];
pub const STRANGER: u8 = 99;
pub const FUNDS: u128 = 1_000_000;
pub const START_S: u64 = 1_000;

pub fn signer(n: u8) -> LocalSigner {
    LocalSigner::from_bytes([n; 32]).unwrap()
}

pub fn address(n: u8) -> Address {
    signer(n).address()
}

pub fn genesis() -> Genesis {
    let weights = |numbers: &[u8]| numbers.iter().map(|&n| (address(n), 1)).collect::<BTreeMap<_, _>>();
    Genesis {
        domain: Domain::random("test", "1").unwrap(),
        validators: weights(&VALIDATORS),
        voters: weights(&VOTERS),
        balances: vec![(address(CONSUMER), Asset::NATIVE, Amount::from_base_units(FUNDS))],
        params: Params::default(),
        assets: Vec::new(),
        pool: None,
    }
}

pub struct World {
    pub market: Market,
    pub now_s: u64,
    label: u64,
}

impl World {
    pub fn new() -> Self {
        Self { market: Market::new(&genesis()).unwrap(), now_s: START_S, label: 0 }
    }

    /// Signs a transaction under a fresh key and applies it. On error nothing may have changed.
    pub fn act(&mut self, who: u8, transaction: Transaction) -> Result<Vec<Event>, MarketError> {
        self.label += 1;
        let key = sha256(&self.label.to_le_bytes());
        let signed = self.sign(who, key, transaction);
        let before = self.market.clone();
        let result = self.market.apply(self.now_s, &signed);
        if result.is_err() {
            assert!(self.market == before, "an error changed the market");
        }
        assert_eq!(self.market.total(Asset::NATIVE).unwrap().base_units(), FUNDS, "money appeared or vanished");
        result
    }

    pub fn sign(&self, who: u8, key: Digest, transaction: Transaction) -> SignedTransaction {
        let signer = signer(who);
        let signing = SignedTransaction::sign(&signer, self.market.domain(), key, transaction);
        pollster::block_on(signing).unwrap()
    }

    pub fn signed<T: TypedData>(&self, who: u8, value: &T) -> Signature {
        signer(who).sign_digest(signing_digest(self.market.domain(), value))
    }

    pub fn submission_id(&self, nonce: u64) -> SubmissionId {
        SubmissionId::derive(self.market.ledger(), address(CREATOR), nonce)
    }

    pub fn submission(&self, nonce: u64) -> Submission {
        self.submission_of(nonce, [70, 30], Lineage::NEW_CLASS)
    }

    pub fn submission_of(&self, nonce: u64, weights: [u64; 2], lineage: Lineage) -> Submission {
        let ada = Profile { name: "Ada".into(), description: "counts".into(), ..Profile::default() };
        let contributors: Vec<_> = WRITERS
            .iter()
            .map(|&n| Contributor {
                address: address(n),
                name: n.to_string(),
                licence: "CC0-1.0".into(),
                consent: "yes".into(),
            })
            .collect();
        let public = PublicPart::new(ada, vec!["hi".into()], contributors, "");
        let shares = WRITERS.iter().zip(weights).map(|(&n, tokens)| {
            let root = sha256(&[n]);
            let consent = ContributorConsent {
                submission: self.submission_id(nonce),
                root,
                licence: "CC0-1.0",
                consent: "yes",
                tokens,
                total: weights.iter().sum(),
                lineage,
            };
            ContributorShare { contributor: address(n), tokens, root, consent: self.signed(n, &consent) }
        });
        let key = UnsealingKey::derive(&[5; 32]).public();
        Submission {
            nonce,
            statement: sha256(b"statement"),
            root: sha256(b"root"),
            proof: sha256(b"proof"),
            ciphertext: sha256(b"ciphertext"),
            sealed_key: SealedKey { encapsulated: key.0, ciphertext: [0; 48] },
            exex: address(EXEX),
            lineage,
            public_part: String::from_utf8(public.to_bytes().unwrap()).unwrap(),
            shares: shares.collect(),
        }
    }

    pub fn submit(&mut self, nonce: u64) -> SubmissionId {
        self.act(CREATOR, Transaction::Submit(self.submission(nonce))).unwrap();
        self.submission_id(nonce)
    }

    pub fn attestation(&self, id: SubmissionId) -> Attestation {
        let submitted = &self.market.submission(id).unwrap().submission;
        Attestation { submission: id, content: submitted.content(), accepted: true }
    }

    pub fn verdict(&self, who: u8, attestation: Attestation) -> Verdict {
        Verdict { validator: address(who), attestation, signature: self.signed(who, &attestation) }
    }

    pub fn attest(&mut self, who: u8, id: SubmissionId) -> Result<Vec<Event>, MarketError> {
        let verdict = self.verdict(who, self.attestation(id));
        // Anyone may bring it.
        self.act(STRANGER, Transaction::Attest(vec![verdict]))
    }

    pub fn accepted(&mut self, nonce: u64) -> SubmissionId {
        self.accepted_of(self.submission(nonce))
    }

    pub fn accepted_of(&mut self, submission: Submission) -> SubmissionId {
        let id = self.submission_id(submission.nonce);
        self.act(CREATOR, Transaction::Submit(submission)).unwrap();
        for validator in &VALIDATORS[..3] {
            self.attest(*validator, id).unwrap();
        }
        id
    }

    pub fn metadata(&self, id: SubmissionId) -> VersionMetadata {
        VersionMetadata {
            character: "Ada".into(),
            base: BaseInfo { name: "base".into(), digest: sha256(b"base"), licence: "Apache-2.0".into() },
            adapter_digest: sha256(b"adapter"),
            voice: Some(VoiceInfo { base_digest: sha256(b"base voice"), adapter_digest: sha256(b"voice") }),
            quality: None,
            record_digest: sha256(b"record"),
            submission: id,
            exex: address(EXEX),
            policy: AccessPolicy {
                rating: Rating::General,
                minimum_age: 0,
                payment: Payment::GasOrQuota,
                consent: "none".into(),
                report_contact: "none".into(),
            },
            endpoints: vec![],
        }
    }

    pub fn mint_by(&mut self, who: u8, id: SubmissionId) -> Result<Vec<Event>, MarketError> {
        let metadata = VersionMetadata { exex: address(who), ..self.metadata(id) };
        let record_signature = self.signed(who, &RecordClaim { submission: id, record: metadata.record_digest });
        self.act(who, Transaction::Mint { metadata, record_signature })
    }

    /// A market with one minted class: class 1, version 1, share tokens 1 and 2.
    pub fn minted() -> Self {
        let mut world = Self::new();
        let id = world.accepted(1);
        world.mint_by(EXEX, id).unwrap();
        world
    }

    /// The next version of class 1, after its last one, which keeps so many basis points; its share tokens are the next
    /// two.
    pub fn mint_next(&mut self, nonce: u64, weights: [u64; 2], keep: u16) {
        let last = self.market.class(ClassId(1)).unwrap().last_version().unwrap();
        self.mint_after(last.0, nonce, weights, keep);
    }

    /// The same after any of its versions.
    pub fn mint_after(&mut self, after: u32, nonce: u64, weights: [u64; 2], keep: u16) {
        let lineage = after_version(after, keep);
        let id = self.accepted_of(self.submission_of(nonce, weights, lineage));
        self.mint_by(EXEX, id).unwrap();
    }

    pub fn offer(&self, node: u8) -> Offer {
        Offer {
            node: address(node),
            class: ClassId(1),
            version: VersionNumber(1),
            asset: Asset::NATIVE,
            prompt_price: Amount::from_base_units(1),
            completion_price: Amount::from_base_units(3),
            prompt_ceiling: 100,
            completion_ceiling: 10,
            session_s: 600,
            valid_until_s: self.now_s + 100,
            min_deposit: Amount::ZERO,
            quota_deposit: Amount::from_base_units(10),
            series: 0,
        }
    }

    pub fn open(&mut self, node: u8, nonce: u64, payment: SessionPayment) -> Result<SessionId, MarketError> {
        let offer = self.offer(node);
        let offer_signature = self.signed(node, &offer);
        let consumer = address(SESSION_KEY);
        let id = session_id(self.market.ledger(), address(CONSUMER), nonce, consumer, &offer);
        self.act(CONSUMER, Transaction::OpenSession { nonce, consumer, offer, offer_signature, payment })?;
        Ok(id)
    }

    pub fn voucher(&self, session: SessionId, node: u8, cumulative: u128) -> Voucher {
        Voucher {
            session,
            node: address(node),
            class: ClassId(1),
            version: VersionNumber(1),
            cumulative: Amount::from_base_units(cumulative),
        }
    }

    pub fn redeem(&mut self, node: u8, voucher: Voucher) -> Result<Vec<Event>, MarketError> {
        let signature = self.signed(SESSION_KEY, &voucher);
        self.act(node, Transaction::Redeem { voucher, signature })
    }

    pub fn balance(&self, n: u8) -> u128 {
        self.market.balance(address(n), Asset::NATIVE).base_units()
    }
}

/// Of class 1, after one of its versions, which keeps so many basis points.
pub fn after_version(after: u32, keep: u16) -> Lineage {
    Lineage::next(ClassId(1), VersionNumber(after), BasisPoints::new(keep).unwrap()).unwrap()
}

pub fn deposit(amount: u128) -> SessionPayment {
    SessionPayment::Deposit(Amount::from_base_units(amount))
}
