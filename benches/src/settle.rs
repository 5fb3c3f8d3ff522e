//! What settling costs: vouchers verified beside raw signature recovery, durable redemptions beside the disk, and gas
//! beside what others ask.

// The contracts in an EVM, and the market of the differential test on them.
#[path = "../../lazai-settle/tests/differential/chain.rs"]
#[allow(dead_code, missing_docs, clippy::panic, clippy::unwrap_used, clippy::too_many_arguments)]
mod chain;
mod gas;
#[path = "../../lazai-settle/tests/differential/operations/mod.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod operations;
#[path = "../../lazai-settle/tests/differential/tape.rs"]
#[allow(dead_code, clippy::panic, clippy::unwrap_used)]
mod tape;
#[path = "../../lazai-settle/tests/differential/world.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod world;

use std::collections::BTreeMap;
use std::time::Instant;

use lazai::core::digest::sha256;
use lazai::core::sign::signing_digest;
use lazai::core::{Address, Amount, Asset, ClassId, Domain, LocalSigner, Signature, Signer, VersionNumber};
use lazai::settle::market::{SignedTransaction, Transaction};
use lazai::settle::session::{Offer, SessionPayment, Voucher, session_id};
use lazai::settle::{EmbeddedLedger, Genesis, Ledger, Params, SystemClock};
use lazai_core::dat::{AccessPolicy, BaseInfo, Payment, Rating, VersionMetadata, VoiceInfo};
use lazai_core::pov::{Contributor, PublicPart};
use lazai_core::record::RecordClaim;
use lazai_core::seal::{SealedKey, UnsealingKey};
use lazai_core::{SubmissionId, TypedData};
use lazai_settle::Lineage;
use lazai_settle::market::{ContributorShare, Submission};
use lazai_settle::quorum::{Attestation, ContributorConsent, Verdict};
use serde_json::{Value, json};

use crate::Failure;

/// Sessions, each with one voucher to be redeemed.
const SESSIONS: u64 = 1_024;
/// Redemptions that become durable together.
const BATCH: usize = 64;
/// 0xSplits v2, pushing one asset: gas for each recipient, as its authors state it.
const SPLITS_GAS_PER_RECIPIENT: u64 = 27_000;

/// Runs it, in a folder on the disk that is measured.
///
/// # Errors
/// What the ledger or the file system says.
pub fn run(folder: &std::path::Path) -> Result<Value, Failure> {
    let stage = Stage::new(folder)?;
    let vouchers = stage.open_sessions()?;
    let vouchers_per_s = stage.verify(&vouchers)?;
    let recover_limit_per_s = recover_limit(stage.ledger.market().domain(), &vouchers)?;
    let (redemptions_per_s, commit_p99_ms) = stage.redeem(&vouchers)?;
    let mut report = json!({
        "vouchers_per_s": vouchers_per_s,
        "recover_limit_per_s": recover_limit_per_s,
        "vouchers_ratio": vouchers_per_s / recover_limit_per_s,
        "redemptions_per_s": redemptions_per_s,
        "commit_batch": BATCH,
        "commit_p99_ms": commit_p99_ms,
        "gas_0xsplits_per_recipient": SPLITS_GAS_PER_RECIPIENT,
    });
    for (name, gas) in gas::all() {
        report[name] = json!(gas);
    }
    if let Some(wasm) = wasm()? {
        report["vouchers_wasm_per_s"] = wasm["checked"].clone();
        report["recover_limit_wasm_per_s"] = wasm["recovered"].clone();
        let ratio = wasm["checked"].as_f64().zip(wasm["recovered"].as_f64()).map(|(c, r)| c / r);
        report["vouchers_wasm_ratio"] = json!(ratio);
    }
    Ok(report)
}

/// The same in WebAssembly under Node, beside k256 alone; where xtask could build the module.
fn wasm() -> Result<Option<Value>, Failure> {
    let (Some(module), Some(script)) = (std::env::var_os("LAZAI_WASM_MODULE"), std::env::var_os("LAZAI_WASM_SCRIPT"))
    else {
        return Ok(None);
    };
    let output = std::process::Command::new("node").arg(script).arg(module).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(Some(serde_json::from_slice(&output.stdout)?))
}

fn signer(n: u8) -> LocalSigner {
    LocalSigner::from_bytes([n; 32]).expect("small numbers are keys")
}

fn signed<T: TypedData>(who: u8, domain: &Domain, value: &T) -> Signature {
    signer(who).sign_digest(signing_digest(domain, value))
}

const CREATOR: u8 = 1;
const VALIDATOR: u8 = 2;
const EXEX: u8 = 3;
const NODE: u8 = 4;
const CONSUMER: u8 = 5;

/// An embedded ledger with one minted class.
struct Stage {
    ledger: EmbeddedLedger,
    domain: Domain,
}

impl Stage {
    fn new(folder: &std::path::Path) -> Result<Self, Failure> {
        let genesis = Genesis {
            domain: Domain::random("bench", "1")?,
            validators: BTreeMap::from([(signer(VALIDATOR).address(), 1)]),
            voters: BTreeMap::new(),
            balances: vec![(signer(CONSUMER).address(), Asset::NATIVE, Amount::from_base_units(u128::MAX >> 8))],
            params: Params::default(),
            assets: Vec::new(),
            pool: None,
        };
        let ledger = EmbeddedLedger::create(&folder.join("ledger"), &genesis, SystemClock)?;
        let stage = Self { ledger, domain: genesis.domain };
        stage.mint()?;
        Ok(stage)
    }

    fn sign(&self, who: u8, label: &str, transaction: Transaction) -> Result<SignedTransaction, Failure> {
        let key = sha256(label.as_bytes());
        Ok(pollster::block_on(SignedTransaction::sign(&signer(who), &self.domain, key, transaction))?)
    }

    fn send(&self, who: u8, label: &str, transaction: Transaction) -> Result<(), Failure> {
        pollster::block_on(self.ledger.submit(self.sign(who, label, transaction)?))?;
        Ok(())
    }

    fn mint(&self) -> Result<(), Failure> {
        let ledger = self.ledger.market().ledger();
        let creator = signer(CREATOR).address();
        let id = SubmissionId::derive(ledger, creator, 1);
        let (licence, consent) = ("CC0-1.0", "yes");
        let card = br#"{"spec":"chara_card_v2","data":{"name":"Ada","description":"counts"}}"#;
        let profile = lazai_core::character::Character::from_bytes(card)?.profile();
        let contributor =
            Contributor { address: creator, name: "Ada".into(), licence: licence.into(), consent: consent.into() };
        let public = PublicPart::new(profile, vec!["hi".into()], vec![contributor], "");
        let root = sha256(b"root");
        let (tokens, total, lineage) = (100, 100, Lineage::NEW_CLASS);
        let consent = ContributorConsent { submission: id, root, licence, consent, tokens, total, lineage };
        let consent = signed(CREATOR, &self.domain, &consent);
        let share = ContributorShare { contributor: creator, tokens, root, consent };
        let submission = Submission {
            nonce: 1,
            statement: sha256(b"statement"),
            root,
            proof: sha256(b"proof"),
            ciphertext: sha256(b"ciphertext"),
            sealed_key: SealedKey { encapsulated: UnsealingKey::derive(&[5; 32]).public().0, ciphertext: [0; 48] },
            exex: signer(EXEX).address(),
            lineage,
            public_part: String::from_utf8(public.to_bytes()?)?,
            shares: vec![share],
        };
        let attestation = Attestation { submission: id, content: submission.content(), accepted: true };
        self.send(CREATOR, "submit", Transaction::Submit(submission))?;
        let signature = signed(VALIDATOR, &self.domain, &attestation);
        let verdict = Verdict { validator: signer(VALIDATOR).address(), attestation, signature };
        self.send(VALIDATOR, "attest", Transaction::Attest(vec![verdict]))?;
        let record = sha256(b"record");
        let metadata = VersionMetadata {
            character: "Ada".into(),
            base: BaseInfo { name: "base".into(), digest: sha256(b"base"), licence: "MIT".into() },
            adapter_digest: sha256(b"adapter"),
            voice: Some(VoiceInfo { base_digest: sha256(b"base voice"), adapter_digest: sha256(b"voice") }),
            quality: None,
            record_digest: record,
            submission: id,
            exex: signer(EXEX).address(),
            policy: AccessPolicy {
                rating: Rating::General,
                minimum_age: 0,
                payment: Payment::Gas,
                consent: "all".into(),
                report_contact: "none".into(),
            },
            endpoints: Vec::new(),
        };
        let record_signature = signed(EXEX, &self.domain, &RecordClaim { submission: id, record });
        self.send(EXEX, "mint", Transaction::Mint { metadata, record_signature })
    }

    /// Opens the sessions; the vouchers to be redeemed of them.
    fn open_sessions(&self) -> Result<Vec<(Voucher, Signature)>, Failure> {
        let offer = Offer {
            node: signer(NODE).address(),
            class: ClassId(1),
            version: VersionNumber(1),
            asset: Asset::NATIVE,
            prompt_price: Amount::from_base_units(1),
            completion_price: Amount::from_base_units(2),
            prompt_ceiling: 1_000,
            completion_ceiling: 100,
            session_s: 3_600,
            valid_until_s: u64::MAX,
            min_deposit: Amount::ZERO,
            quota_deposit: Amount::ZERO,
            series: 0,
        };
        let offer_signature = signed(NODE, &self.domain, &offer);
        let payer: Address = signer(CONSUMER).address();
        let (mut batch, mut vouchers) = (Vec::new(), Vec::new());
        for nonce in 0..SESSIONS {
            let payment = SessionPayment::Deposit(Amount::from_base_units(1_000_000));
            let offer_ = offer.clone();
            let open = Transaction::OpenSession { nonce, consumer: payer, offer: offer_, offer_signature, payment };
            batch.push(self.sign(CONSUMER, &format!("open {nonce}"), open)?);
            let session = session_id(self.ledger.market().ledger(), payer, nonce, payer, &offer);
            let voucher = offer.voucher(session, Amount::from_base_units(123_457));
            vouchers.push((voucher, signed(CONSUMER, &self.domain, &voucher)));
        }
        for result in pollster::block_on(self.ledger.submit_all(batch)) {
            result?;
        }
        Ok(vouchers)
    }

    /// Vouchers checked per second, as a node does before it serves on.
    fn verify(&self, vouchers: &[(Voucher, Signature)]) -> Result<f64, Failure> {
        let market = self.ledger.market();
        let started = Instant::now();
        for (voucher, signature) in vouchers {
            market.check_voucher(voucher, signature)?;
        }
        Ok(vouchers.len() as f64 / started.elapsed().as_secs_f64())
    }

    /// Redemptions per second that are durable, and how long the slowest of a hundred batches takes, in ms.
    fn redeem(&self, vouchers: &[(Voucher, Signature)]) -> Result<(f64, f64), Failure> {
        let mut batches = Vec::new();
        for (i, chunk) in vouchers.chunks(BATCH).enumerate() {
            let sign = |(j, &(voucher, signature)): (usize, &(Voucher, Signature))| {
                self.sign(NODE, &format!("redeem {i} {j}"), Transaction::Redeem { voucher, signature })
            };
            batches.push(chunk.iter().enumerate().map(sign).collect::<Result<Vec<_>, _>>()?);
        }
        let (started, mut took_ms) = (Instant::now(), Vec::new());
        for batch in batches {
            let began = Instant::now();
            for result in pollster::block_on(self.ledger.submit_all(batch)) {
                result?;
            }
            took_ms.push(began.elapsed().as_secs_f64() * 1e3);
        }
        let per_s = vouchers.len() as f64 / started.elapsed().as_secs_f64();
        took_ms.sort_by(f64::total_cmp);
        let place = (took_ms.len() * 99).div_ceil(100).saturating_sub(1);
        Ok((per_s, took_ms.get(place).copied().unwrap_or_default()))
    }
}

/// What libsecp256k1 alone recovers per second: the digest is made, the signature parsed before.
fn recover_limit(domain: &Domain, vouchers: &[(Voucher, Signature)]) -> Result<f64, Failure> {
    use secp256k1::Message;
    use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
    let mut ready = Vec::new();
    for (voucher, signature) in vouchers {
        let bytes = signature.as_bytes();
        let recovery = RecoveryId::try_from(i32::from(bytes[64]) - 27)?;
        let signature = RecoverableSignature::from_compact(&bytes[..64], recovery)?;
        ready.push((Message::from_digest(*signing_digest(domain, voucher).as_bytes()), signature));
    }
    let secp = secp256k1::Secp256k1::verification_only();
    let started = Instant::now();
    for (message, signature) in &ready {
        std::hint::black_box(secp.recover_ecdsa(*message, signature)?);
    }
    Ok(ready.len() as f64 / started.elapsed().as_secs_f64())
}
