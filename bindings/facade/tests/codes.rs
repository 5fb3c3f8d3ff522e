//! Every code has a cause: what a scenario does not bring about is brought about here, or put together as the library does.
#![cfg(feature = "prove")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lazai::consumer::ConsumerError;
use lazai::core::character::CardError;
use lazai::core::dialogue::DialogueError;
use lazai::core::inspect::InspectError;
use lazai::core::pov::PovError;
use lazai::core::prepare::PrepareError;
use lazai::core::seal::SealError;
use lazai::core::voice::{ManifestError, VoiceError};
use lazai::core::{Address, Amount, Asset, ClassId, Digest, MoneyError, SignerError, SubmissionId};
use lazai::creator::{CreatorError, OtherCard};
use lazai::exex::{ExExError, RefusalReason};
use lazai::lora::TrainError;
use lazai::payer::PayError;
use lazai::settle::LedgerError;
use lazai::store::StoreError;
use lazai::validator::ValidationError;
use lazai::zk::{CommitError, ProveError};
use lazai_facade::native::data::{ContributorTerms, inspect_file};
use lazai_facade::native::market::{Founding, Market};
use lazai_facade::native::memory::open_memory;
use lazai_facade::native::prepared::Listening;
use lazai_facade::native::roles::write_public_part;
use lazai_facade::native::signed::{check_model, sign_model};
use lazai_facade::{
    Character, Chat, Domain, LazaiError, LocalKey, Message, ReplySettings, error_codes, read_memory, speech_note,
    verify_proof,
};
use pollster::block_on;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn json(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(root().join(path)).unwrap()).unwrap()
}

/// What scenarios fail with, but for the one that only names codes.
fn scenarios() -> BTreeSet<String> {
    let files = std::fs::read_dir(root().join("scenarios")).unwrap().map(|f| f.unwrap().path());
    let mut codes = BTreeSet::new();
    for file in files.filter(|file| !file.ends_with("errors.json")) {
        let scenario: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let failing = scenario["steps"].as_array().unwrap().iter().filter_map(|step| step["fails"].as_str());
        codes.extend(failing.map(str::to_owned));
    }
    codes
}

/// A chat at its beginning, and what is said in it.
fn chat() -> (std::sync::Arc<Chat>, Vec<Message>, Vec<u8>) {
    let vector = json("vectors/chat/reply.json");
    let text = |name: &str| vector[name].as_str().unwrap().to_owned();
    let domain: Domain = serde_json::from_value(vector["domain"].clone()).unwrap();
    let chat = Chat::new(text("conversation"), domain, LocalKey::from_hex(text("key")).unwrap()).unwrap();
    (chat, serde_json::from_value(vector["messages"].clone()).unwrap(), text("stream").into_bytes())
}

/// What goes wrong with memories.
fn of_memories() -> Vec<LazaiError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memory.lzm").display().to_string();
    let (mine, other) = (LocalKey::random().unwrap(), LocalKey::random().unwrap());
    let memory = block_on(open_memory(path.clone(), mine.clone())).unwrap();
    for text in ["one", "two"] {
        memory.note(text.into(), 1).unwrap();
    }
    let mut bytes = memory.to_bytes().unwrap();
    let refused = |bytes: &[u8], key| block_on(read_memory(Some(bytes.to_vec()), key)).unwrap_err();
    let (other_key, not_memory) = (refused(&bytes, other), refused(b"what is this?", mine.clone()));
    bytes[150] ^= 1;
    vec![
        other_key,
        not_memory,
        refused(&bytes, mine),
        memory.note(" ".into(), 1).unwrap_err(),
        memory.note("x".repeat(20_000), 1).unwrap_err(),
        memory.import_lines("{}".into()).unwrap_err(),
        memory.forget(vec!["0123456789abcdef".into()]).unwrap_err(),
    ]
}

/// What goes wrong with signed folders.
fn of_signed_files() -> Vec<LazaiError> {
    let home = tempfile::tempdir().unwrap();
    let (folder, key) = (home.path().join("adapter"), home.path().join("key.pem").display().to_string());
    std::fs::create_dir(&folder).unwrap();
    let signed = || check_model(folder.display().to_string());
    sign_model(folder.display().to_string(), key).unwrap();
    std::fs::write(folder.join("more"), b"").unwrap();
    let broken = signed().unwrap_err();
    std::fs::write(folder.join("model.sig"), b"{}").unwrap();
    vec![broken, signed().unwrap_err()]
}

/// A WAV file of two samples, with a note or without.
fn wav(note: Option<&[u8]>) -> Vec<u8> {
    let chunk = |name: &[u8], body: &[u8]| {
        let padding = vec![0; body.len() % 2];
        [name, &u32::try_from(body.len()).unwrap().to_le_bytes(), body, &padding].concat()
    };
    let form = [&[1, 0, 1, 0][..], &24_000_u32.to_le_bytes(), &48_000_u32.to_le_bytes(), &[2, 0, 16, 0]].concat();
    let note = note.map(|note| chunk(b"lzai", note)).unwrap_or_default();
    chunk(b"RIFF", &[&b"WAVE"[..], &chunk(b"fmt ", &form), &chunk(b"data", &[1, 0, 2, 0]), &note].concat())
}

/// A note that nobody signed.
fn forged_note() -> Vec<u8> {
    let (zero, none) = ("00".repeat(32), "00".repeat(20));
    let digest = |text: &str| format!("0x{text}");
    let signature = format!("0x{}1b", "11".repeat(64));
    serde_json::to_vec(&serde_json::json!({
        "synthetic": true,
        "domain": {"name": "LazAI Market", "version": "1", "chain_id": 1, "verifying_contract": digest(&none), "salt": null},
        "terms": {"signature": signature, "terms": {
            "node": digest(&none), "class": 1, "version": 1, "asset": digest(&none), "character_price": "1",
            "character_ceiling": 9, "base_digest": digest(&zero), "voice": "base", "adapter_digest": digest(&zero), "sample_rate": 24_000,
            "valid_until_s": 1, "series": 0,
        }},
        "receipt": {"signature": signature, "receipt": {
            "session": digest(&zero), "turn": 1, "terms_digest": digest(&zero), "request_digest": digest(&zero),
            "audio_digest": digest(&zero), "characters": 1, "samples": 2, "seed": 0, "cumulative": "1",
        }},
        "salt": digest(&zero),
    }))
    .unwrap()
}

/// What really goes wrong here.
fn provoked() -> Vec<LazaiError> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (chat, messages, stream) = chat();
    let no_request = block_on(chat.finish()).unwrap_err();
    let settings = ReplySettings { seed: Some(1), ..ReplySettings::default() };
    block_on(chat.ask(messages.clone(), settings.clone())).unwrap();
    chat.hear(stream).unwrap();
    block_on(chat.finish()).unwrap();
    let unpaid = block_on(chat.ask(messages, settings)).unwrap_err();

    let card = std::fs::read(root().join("vectors/characters/json/v2.json")).unwrap();
    let character = Character::from_bytes(card).unwrap();
    let terms = ContributorTerms {
        address: Address::ZERO.to_string(),
        name: "Ada".into(),
        licence: "CC-BY-4.0".into(),
        consent: "for training".into(),
    };
    let public = |prompts: Vec<String>, contributors: Vec<ContributorTerms>| {
        write_public_part(character.clone(), prompts, contributors, String::new(), path("public.json"), false)
            .unwrap_err()
    };
    let long = vec!["x".repeat(40 << 10)];
    let founding = Founding { validators: Vec::new(), voters: Vec::new(), funds: Vec::new() };
    let market = Market::found_folder(path("market"), founding).unwrap();
    std::fs::write(folder.path().join("empty.jsonl"), "").unwrap();
    std::fs::write(folder.path().join("none.jsonl"), "{\"messages\":[]}\n{\"messages\":[]}\n").unwrap();
    std::fs::write(folder.path().join("unknown"), "what is this?").unwrap();
    let inspected = |name: &str| inspect_file(path(name), None, None).unwrap_err();
    vec![
        no_request,
        unpaid,
        public(vec!["hi".into()], Vec::new()),
        public(long, vec![terms.clone()]),
        market.dat(1, 1).unwrap_err(),
        market.submission(SubmissionId::ZERO.to_string()).unwrap_err(),
        LocalKey::from_keystore(path("nowhere"), "x".into()).unwrap_err(),
        Market::open_folder(path("nowhere")).unwrap_err(),
        inspected("nowhere"),
        inspected("empty.jsonl"),
        inspected("none.jsonl"),
        inspected("unknown"),
        Listening::at("nowhere".into()).check().unwrap_err(),
        Listening { tls: Some((path("empty.jsonl"), path("unknown"))), ..Listening::at("127.0.0.1:0".into()) }
            .check()
            .unwrap_err(),
        speech_note(b"no sound".to_vec()).unwrap_err(),
        speech_note(wav(None)).unwrap_err(),
        speech_note(wav(Some(b"{}"))).unwrap_err(),
        speech_note(wav(Some(&forged_note()))).unwrap_err(),
        verify_proof(std::fs::read(root().join("vectors/zk/statement.json")).unwrap(), vec![0; 1 << 20]).unwrap_err(),
    ]
}

/// What takes a full disk, a cheating node or a broken library to go wrong.
fn made() -> Vec<LazaiError> {
    let digest = Digest::from_bytes([7; 32]);
    let (submission, reason) = (SubmissionId::ZERO, || "so".to_owned());
    let cards = [
        CardError::FeatureMissing { container: "PNG" },
        CardError::TooMany { what: "entries", found: 2, max: 1 },
        CardError::UnknownRecipe { found: reason() },
    ];
    let povs = [
        PovError::BadTensor { tensor: "text.offsets", reason: reason() },
        PovError::DuplicateContributor { address: Address::ZERO },
        PovError::Io { reason: reason() },
        PovError::Malformed { bytes: 1, reason: reason() },
        PovError::RecordTooLong { record: 0, tokens: 1 << 20 },
        PovError::TokenOutsideVocabulary { record: 0, position: 0, token: 9, vocab_size: 8 },
        PovError::TooMany { what: "contributors", found: 65, max: 64 },
        PovError::UnknownContributor { what: "record", index: 0, contributor: 1, contributors: 1 },
        PovError::WrongDigest { expected: digest, found: Digest::ZERO },
    ];
    let voices = [
        VoiceError::Damaged { damaged: 2, packets: 3 },
        VoiceError::Io { reason: reason() },
        VoiceError::Malformed { reason: reason() },
        VoiceError::Silent,
        VoiceError::TooLarge { what: "bytes", found: 2, max: 1 },
        VoiceError::TooShort { samples: 1, window: 400 },
        VoiceError::Unsupported { reason: reason() },
    ];
    let dialogues = [DialogueError::Io { reason: reason() }, DialogueError::TooLarge { line: 1, max: 1 }];
    let monies = [
        MoneyError::AssetMismatch { left: Asset::NATIVE, right: Asset(Address::ZERO) },
        MoneyError::BasisPointsTooMany { bps: 10_001 },
        MoneyError::Underflow { left: 0, right: 1 },
    ];
    let ledgers = [
        LedgerError::Reverted { reason: reason() },
        LedgerError::Rpc { method: "eth_call".into(), reason: reason() },
        LedgerError::TooEarly { what: "minting", at_s: 2, now_s: 1 },
        LedgerError::Unconfirmed { transaction: digest, waited_s: 1 },
        LedgerError::Untrue { block: 1, reason: reason() },
    ];
    let signers = [
        SignerError::NoRandomness,
        SignerError::Refused { address: Address::ZERO, reason: reason() },
        SignerError::WrongSignature { address: Address::ZERO, found: reason() },
    ];
    let mut made: Vec<LazaiError> = cards.into_iter().map(LazaiError::from).collect();
    made.extend(povs.into_iter().map(LazaiError::from));
    made.extend(voices.into_iter().map(|e| InspectError::from(e).into()));
    made.extend(dialogues.into_iter().map(|e| InspectError::from(e).into()));
    made.extend(monies.into_iter().map(LazaiError::from));
    made.extend(ledgers.into_iter().map(LazaiError::from));
    made.extend(signers.into_iter().map(LazaiError::from));
    made.extend([
        InspectError::FeatureMissing { feature: "audio" }.into(),
        InspectError::Manifest(ManifestError::Unreadable { reason: reason() }).into(),
        PrepareError::Cancelled { dialogues: 1 }.into(),
        CommitError::Duplicate { first: 1, second: 2 }.into(),
        ProveError::OtherDataset { field: "root" }.into(),
        CreatorError::Card(OtherCard::Differs { packed: 1, published: 2 }).into(),
        CreatorError::NoSigner { contributor: Address::ZERO }.into(),
        CreatorError::NoVersion { class: ClassId(1) }.into(),
        CreatorError::Seal(SealError::NoRandomness).into(),
        StoreError::WrongDigest { expected: digest, found: Digest::ZERO }.into(),
        ValidationError::SignedOtherwise { submission, signed: digest, refused: Digest::ZERO }.into(),
        ValidationError::StatementMismatch { field: "root" }.into(),
        ExExError::Refused(RefusalReason::Ciphertext(SealError::NotAuthentic)).into(),
        ExExError::TakenBack { submission }.into(),
        TrainError::NothingToLearn.into(),
        ConsumerError::Node(lazai::seal::NotSealed::NotOffered.into()).into(),
        ConsumerError::SpeechPrice { price: Amount::MAX, most: Amount::ZERO }.into(),
        PayError::TooManyOpen.into(),
        PayError::Transport { reason: reason() }.into(),
        PayError::Unanswered { amount: Amount::ZERO, asset: Address::ZERO, reason: reason() }.into(),
    ]);
    made
}

#[test]
fn every_code_has_a_cause() {
    let mut codes = scenarios();
    for error in provoked().into_iter().chain(of_memories()).chain(of_signed_files()).chain(made()) {
        assert!(!error.detail().is_empty());
        codes.insert(error.code().to_owned());
    }
    let all: BTreeSet<_> = error_codes().into_iter().collect();
    // Those of nodes are passed on as they come.
    codes.retain(|code| all.contains(code) || !["http.", "node.", "request."].iter().any(|of| code.starts_with(of)));
    assert_eq!(codes, all);
}
