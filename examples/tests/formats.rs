//! What earlier builds wrote is read: `vectors/formats/VERSION` is a market that was played with that version's command line.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lazai::core::message::Role;
use lazai::core::pov::{PovFile, PublicPart};
use lazai::core::seal::UnsealingKey;
use lazai::core::{Asset, ClassId, Digest, VersionNumber};
use lazai::exex::ExEx;
use lazai::lora::{BaseModel, Candle, Compute, TrainingRecord, WeightFormat};
use lazai::provider::Provider;
use lazai::settle::market::SubmissionStatus;
use lazai::settle::{EmbeddedLedger, Genesis, Ledger, ManualClock};
use lazai::store::{FolderStore, MAX_CIPHERTEXT_BYTES, MAX_STATEMENT_BYTES, Store};
use lazai::zk::opening::prompts_root;
use lazai::zk::proof::MAX_PROOF_BYTES;
use lazai::zk::{Commitment, Proof, Statement, Verifier};
use lazai::{Account, Conversation, LocalSigner, Signer as _};
use pollster::block_on;

/// A time within the session of every version.
fn just_after(ledger: &Path) -> ManualClock {
    let last = EmbeddedLedger::open(ledger, ManualClock::at(0)).unwrap().now_s();
    ManualClock::at(last + 60)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn what_every_version_wrote_is_read() {
    let versions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/formats");
    let mut read = 0;
    for version in std::fs::read_dir(versions).unwrap() {
        let version = version.unwrap().path();
        if version.is_dir() {
            // Ledgers and books are written to as they are opened.
            let folder = tempfile::tempdir().unwrap();
            copy(&version, folder.path());
            reads(folder.path());
            read += 1;
        }
    }
    assert!(read > 0);
}

fn reads(folder: &Path) {
    let path = |name: &str| folder.join(name);
    let bytes = |name: &str| std::fs::read(path(name)).unwrap();
    let password = String::from_utf8(bytes("market/keys/password")).unwrap();
    let key = |role: &str| LocalSigner::from_keystore(&path(&format!("market/keys/{role}")), &password).unwrap();

    let genesis: Genesis = serde_json::from_slice(&bytes("market/genesis.json")).unwrap();
    let clock = just_after(&path("market/ledger"));
    let ledger = Arc::new(EmbeddedLedger::open_or_create(&path("market/ledger"), &genesis, clock).unwrap());
    let market = ledger.market();
    let (id, state) = market.submissions().next().unwrap();
    assert!(matches!(state.status, SubmissionStatus::Minted { .. }));
    let minted = market.class(ClassId(1)).unwrap().version(VersionNumber(1)).unwrap();

    let store = FolderStore::new(path("market/store"));
    let get = |digest: Digest, most: u64| block_on(store.get(digest, most)).unwrap();
    let statement = Statement::from_bytes(&get(state.submission.statement, MAX_STATEMENT_BYTES)).unwrap();
    let proof = Proof::from_bytes(&get(state.submission.proof, MAX_PROOF_BYTES as u64)).unwrap();
    get(state.submission.ciphertext, MAX_CIPHERTEXT_BYTES);
    Verifier::new().verify(&statement, &proof).unwrap();

    let dataset = PovFile::open(&path("mira/dataset.safetensors")).unwrap();
    let public = PublicPart::from_bytes(&bytes("mira/public.json")).unwrap();
    let commitment = Commitment::of(&dataset).unwrap();
    let same = commitment.statement(&dataset, prompts_root(&public.prompts), statement.binding).unwrap();
    assert_eq!(same.digest(), statement.digest());

    let secret: Digest = String::from_utf8(bytes("market/keys/exex-secret")).unwrap().parse().unwrap();
    let unsealing = UnsealingKey::derive(secret.as_bytes());
    let exex = ExEx::new(account(&ledger, key("exex")), unsealing, Arc::new(store), path("market/exex"));
    assert!(exex.jobs().unwrap().iter().any(|job| job.submission == id));
    assert!(block_on(exex.follow()).unwrap().is_empty(), "it is minted");
    let record: TrainingRecord =
        serde_json::from_slice(&std::fs::read(exex.adapter_folder(id).join("record.json")).unwrap()).unwrap();
    assert_eq!((record.submission, record.adapter_digest), (id, minted.metadata.adapter_digest));

    let kept: Conversation = serde_json::from_slice(&bytes("talk.json")).unwrap();
    let paid = kept.paid.as_ref().unwrap().voucher.cumulative;
    assert_eq!(kept.messages.last().unwrap().role, Role::Assistant);
    // The node's book: what is owed is redeemed.
    let base = BaseModel::open(&base(), &Compute::cpu(), WeightFormat::F32).unwrap();
    let node = key("node");
    let (address, before) = (node.address(), ledger.market().balance(node.address(), Asset::NATIVE));
    let provider = Provider::new(account(&ledger, node), Arc::new(Candle::new(Arc::new(base))), path("node"));
    assert!(block_on(provider.redeem_all()).unwrap().is_empty(), "nothing is refused");
    let won = ledger.market().balance(address, Asset::NATIVE).checked_sub(before).unwrap();
    assert!(!won.is_zero() && won < paid, "{won} of {paid}");
}

fn account(ledger: &Arc<EmbeddedLedger>, key: LocalSigner) -> Account {
    Account::new(ledger.clone(), Arc::new(key))
}

fn base() -> PathBuf {
    lazai_examples::stage::base_path().unwrap()
}
