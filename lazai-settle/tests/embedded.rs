//! The embedded ledger: durable, idempotent, checkable; damage is an error.
#![allow(clippy::unwrap_used, clippy::panic)]

mod world;

use std::path::Path;

use lazai_core::digest::{canonical_json, sha256};
use lazai_core::*;
use lazai_settle::ledger::LedgerError;
use lazai_settle::merkle::{leaf_hash, verify};
use lazai_settle::notice::{Cursor, Notice, Position};
use lazai_settle::{EmbeddedLedger, Genesis, Ledger, ManualClock, MarketError, SignedTransaction, Transaction};
use pollster::block_on;
use world::{CONSUMER, NODE, address, genesis, signer};

fn pay(genesis: &Genesis, n: u8) -> SignedTransaction {
    let amount = Amount::from_base_units(n.into());
    let transfer = Transaction::Transfer { to: address(NODE), asset: Asset::NATIVE, amount };
    block_on(SignedTransaction::sign(&signer(CONSUMER), &genesis.domain, sha256(&[n]), transfer)).unwrap()
}

fn reopen(folder: &Path) -> EmbeddedLedger {
    EmbeddedLedger::open(folder, ManualClock::at(5)).unwrap()
}

#[test]
fn what_was_applied_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let genesis = genesis();
    let clock = ManualClock::at(5);
    let ledger = EmbeddedLedger::create(folder.path(), &genesis, clock.clone()).unwrap();
    let first = block_on(ledger.submit(pay(&genesis, 1))).unwrap();
    clock.advance(10);
    block_on(ledger.submit(pay(&genesis, 2))).unwrap();
    assert_eq!(block_on(ledger.submit(pay(&genesis, 1))).unwrap(), first, "asked again, the first entry comes");
    let (market, checkpoint) = (ledger.market(), ledger.checkpoint());
    assert_eq!((checkpoint.size, checkpoint.ledger), (2, genesis.ledger_id().unwrap()));
    drop(ledger);

    let ledger = reopen(folder.path());
    assert_eq!(*ledger.market(), *market);
    assert_eq!(ledger.checkpoint(), checkpoint);
    assert_eq!(ledger.now_s(), 15, "time never runs backwards");
    assert_eq!(block_on(ledger.submit(pay(&genesis, 1))).unwrap(), first);
    for index in 0..2 {
        let (entry, inclusion) = block_on(ledger.entry(index)).unwrap().unwrap();
        assert!(verify(&checkpoint, leaf_hash(&canonical_json(&entry).unwrap()), &inclusion));
    }
    assert!(block_on(ledger.entry(2)).unwrap().is_none());
    let mut cursor = Cursor::new();
    cursor.finish(Position { height: 1, hash: Digest::ZERO });
    let notices = block_on(ledger.notices(&cursor)).unwrap();
    let [Notice::ChainCommitted { new }] = &notices[..] else { panic!("{notices:?}") };
    assert_eq!((new.entries.len(), new.entries[0].index, new.tip.height), (1, 1, 2));
    cursor.finish(new.tip);
    assert!(block_on(ledger.notices(&cursor)).unwrap().is_empty());
}

#[test]
fn a_folder_is_founded_once_and_refusals_are_not_logged() {
    let folder = tempfile::tempdir().unwrap();
    let genesis = genesis();
    let ledger = EmbeddedLedger::create(folder.path(), &genesis, ManualClock::at(5)).unwrap();
    let mut forged = pay(&genesis, 1);
    forged.sender = address(NODE);
    let refused = block_on(ledger.submit(forged));
    assert!(matches!(refused, Err(LedgerError::Market(MarketError::Signature { .. }))));
    assert_eq!(ledger.checkpoint().size, 0);
    drop(ledger);
    let again = EmbeddedLedger::create(folder.path(), &genesis, ManualClock::at(5));
    assert!(matches!(again, Err(LedgerError::Storage { .. })));
}

#[test]
fn an_edited_log_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let genesis = genesis();
    let ledger = EmbeddedLedger::create(folder.path(), &genesis, ManualClock::at(5)).unwrap();
    let mut entry = block_on(ledger.submit(pay(&genesis, 1))).unwrap();
    drop(ledger);
    entry.events.clear();
    let log = redb::TableDefinition::<u64, &[u8]>::new("log");
    let database = redb::Database::open(folder.path().join("ledger.redb")).unwrap();
    let write = database.begin_write().unwrap();
    write.open_table(log).unwrap().insert(0, canonical_json(&entry).unwrap().as_slice()).unwrap();
    write.commit().unwrap();
    drop(database);
    let opened = EmbeddedLedger::open(folder.path(), ManualClock::at(5));
    assert!(matches!(opened, Err(LedgerError::Damaged { index: 0, .. })));
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(EmbeddedLedger::open(empty.path(), ManualClock::at(5)), Err(LedgerError::Storage { .. })));
}

#[test]
fn opening_or_creating_never_replaces_a_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (genesis(), genesis());
    let open = |genesis: &Genesis| EmbeddedLedger::open_or_create(folder.path(), genesis, ManualClock::at(5));
    // A creation that was interrupted left a torn file.
    std::fs::write(folder.path().join("ledger.redb.partial"), b"redb and then zeros").unwrap();
    let ledger = open(&ours).unwrap();
    block_on(ledger.submit(pay(&ours, 1))).unwrap();
    drop(ledger);
    assert_eq!(open(&ours).unwrap().checkpoint().size, 1);
    assert!(matches!(open(&theirs), Err(LedgerError::Storage { .. })));
    std::fs::write(folder.path().join("ledger.redb"), b"something else entirely").unwrap();
    assert!(matches!(open(&ours), Err(LedgerError::Storage { .. })));
    assert_eq!(std::fs::read(folder.path().join("ledger.redb")).unwrap(), b"something else entirely");
}

#[test]
fn a_batch_is_written_at_once_and_each_of_it_succeeds_or_fails_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let genesis = genesis();
    let ledger = EmbeddedLedger::create(folder.path(), &genesis, ManualClock::at(5)).unwrap();
    let first = block_on(ledger.submit(pay(&genesis, 1))).unwrap();
    let amount = Amount::from_base_units(world::FUNDS + 1);
    let transfer = Transaction::Transfer { to: address(NODE), asset: Asset::NATIVE, amount };
    let payer = signer(CONSUMER);
    let too_much = block_on(SignedTransaction::sign(&payer, &genesis.domain, sha256(b"too much"), transfer)).unwrap();
    let batch = vec![pay(&genesis, 2), pay(&genesis, 1), too_much, pay(&genesis, 3), pay(&genesis, 2)];
    let results = block_on(ledger.submit_all(batch));
    assert!(matches!(&results[2], Err(LedgerError::Market(MarketError::InsufficientFunds { .. }))));
    let index = |n: usize| results[n].as_ref().unwrap().index;
    assert_eq!(results[1].as_ref().unwrap(), &first);
    assert_eq!([index(0), index(1), index(3), index(4)], [1, 0, 2, 1]);
    let market = ledger.market();
    drop(ledger);
    let ledger = reopen(folder.path());
    assert_eq!((ledger.checkpoint().size, *ledger.market() == *market), (3, true));
    assert!(block_on(ledger.submit_all(Vec::new())).is_empty());
}

#[test]
fn each_handle_of_a_folder_sees_what_the_others_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let genesis = genesis();
    let one = EmbeddedLedger::create(folder.path(), &genesis, ManualClock::at(5)).unwrap();
    let other = reopen(folder.path());
    let first = block_on(one.submit(pay(&genesis, 1))).unwrap();
    assert_eq!(*other.market(), *one.market());
    assert_eq!(block_on(other.submit(pay(&genesis, 1))).unwrap(), first, "a key is applied once, whoever sends it");
    assert_eq!(block_on(other.submit(pay(&genesis, 2))).unwrap().index, 1);
    assert_eq!(block_on(one.submit(pay(&genesis, 3))).unwrap().index, 2);
    block_on(other.refresh()).unwrap();
    assert_eq!(other.checkpoint(), one.checkpoint());
    let notices = block_on(one.notices(&Cursor::new())).unwrap();
    let [Notice::ChainCommitted { new }] = &notices[..] else { panic!("{notices:?}") };
    assert_eq!(new.entries.len(), 3);
}

/// The folder that the test below hands to its children.
const FOLDER: &str = "LAZAI_TEST_LEDGER";
/// A child's first payment.
const FIRST: &str = "LAZAI_TEST_FIRST";
const PAYMENTS: u8 = 20;

/// Processes that write at once make one log, whole; one of them is killed in the middle.
#[test]
fn processes_share_a_folder() {
    if let (Ok(folder), Ok(first)) = (std::env::var(FOLDER), std::env::var(FIRST)) {
        let first: u8 = first.parse().unwrap();
        let ledger = EmbeddedLedger::open(Path::new(&folder), ManualClock::at(5)).unwrap();
        let genesis: Genesis =
            serde_json::from_slice(&std::fs::read(Path::new(&folder).join("genesis")).unwrap()).unwrap();
        for n in first..first + PAYMENTS {
            block_on(ledger.submit(pay(&genesis, n))).unwrap();
        }
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let genesis = genesis();
    std::fs::write(folder.path().join("genesis"), serde_json::to_vec(&genesis).unwrap()).unwrap();
    let ours = EmbeddedLedger::create(folder.path(), &genesis, ManualClock::at(5)).unwrap();
    let child = |first: u8| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "processes_share_a_folder"]).stdout(std::process::Stdio::null());
        command.env(FOLDER, folder.path()).env(FIRST, first.to_string()).spawn().unwrap()
    };
    let (mut one, mut two, mut killed) = (child(1), child(101), child(201));
    while ours.market().balance(address(NODE), Asset::NATIVE).is_zero() {
        std::thread::yield_now();
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(one.wait().unwrap().success() && two.wait().unwrap().success());
    block_on(ours.submit(pay(&genesis, 250))).unwrap();
    let size = ours.checkpoint().size;
    assert!((41..=61).contains(&size), "{size}");
    let (market, checkpoint) = (ours.market(), ours.checkpoint());
    drop(ours);
    let replayed = reopen(folder.path());
    assert_eq!((*replayed.market() == *market, replayed.checkpoint()), (true, checkpoint));
}
