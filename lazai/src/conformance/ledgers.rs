//! Rules of ledgers.

use std::sync::Arc;

use futures_util::future::join_all;
use lazai_core::digest::{canonical_json, sha256};
use lazai_core::{Address, Amount, Asset, Signer};
use lazai_settle::ledger::LedgerError;
use lazai_settle::merkle::{leaf_hash, verify};
use lazai_settle::notice::{Cursor, Entry, Notice};
use lazai_settle::{Ledger, Transaction};

/// A ledger, and an account with at least 1,000 base units of coins that may be spent.
#[derive(Clone)]
pub struct Funded {
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// The account.
    pub signer: Arc<dyn Signer>,
}

/// The receiver of the payments.
const TO: Address = Address::from_bytes([7; 20]);

impl Funded {
    async fn pay(&self, label: &str, units: u128) -> Result<Entry, LedgerError> {
        let amount = Amount::from_base_units(units);
        let transfer = Transaction::Transfer { to: TO, asset: Asset::NATIVE, amount };
        self.ledger.send(&*self.signer, sha256(label.as_bytes()), transfer).await
    }

    async fn heard(&self, cursor: &mut Cursor) -> Vec<Entry> {
        let mut entries = Vec::new();
        for notice in self.ledger.notices(cursor).await.expect("the ledger is followed") {
            match notice {
                Notice::ChainCommitted { new } => {
                    cursor.finish(new.tip);
                    entries.extend(new.entries);
                }
                other => panic!("nothing was taken back here: {other:?}"),
            }
        }
        entries
    }

    fn received(&self) -> u128 {
        self.ledger.market().balance(TO, Asset::NATIVE).base_units()
    }
}

pub async fn a_key_is_applied_once(funded: Funded) {
    let before = funded.received();
    let first = funded.pay("first", 10).await.expect("a transfer is applied");
    assert_eq!(
        funded.pay("first", 10).await.expect("the same again is no error"),
        first,
        "the first entry comes again"
    );
    assert_eq!(funded.received(), before + 10);
    funded.pay("second", 1).await.expect("another key is another transfer");
    assert_eq!(funded.received(), before + 11);
}

pub async fn a_refusal_changes_nothing(funded: Funded) {
    let (before, size) = (funded.received(), funded.ledger.checkpoint().size);
    let own = funded.ledger.market().balance(funded.signer.address(), Asset::NATIVE);
    let refused = funded.pay("too much", own.base_units() + 1).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!((funded.received(), funded.ledger.checkpoint().size), (before, size));
    funded.pay("too much", 1).await.expect("a key that was refused is free");
}

pub async fn followers_hear_every_entry_once_and_in_order(funded: Funded) {
    let mut cursor = Cursor::new();
    let before = funded.heard(&mut cursor).await;
    assert!(before.iter().zip(0..).all(|(entry, index)| entry.index == index), "entries come in order, from the first");
    let mut sent = Vec::new();
    for label in ["one", "two", "three"] {
        sent.push(funded.pay(label, 1).await.expect("applied"));
    }
    assert_eq!(funded.heard(&mut cursor).await, sent);
    assert!(funded.heard(&mut cursor).await.is_empty(), "what was heard is not heard again");
}

pub async fn every_entry_is_in_the_checkpoint(funded: Funded) {
    for label in ["one", "two", "three"] {
        funded.pay(label, 1).await.expect("applied");
    }
    funded.ledger.refresh().await.expect("read");
    let checkpoint = funded.ledger.checkpoint();
    assert_eq!(checkpoint.ledger, funded.ledger.market().ledger());
    for index in 0..checkpoint.size {
        let found = funded.ledger.entry(index).await.expect("read");
        let (entry, inclusion) = found.expect("an entry below the size is there");
        assert_eq!(entry.index, index);
        let leaf = leaf_hash(&canonical_json(&entry).expect("an entry has a canonical form"));
        assert!(verify(&checkpoint, leaf, &inclusion), "entry {index}");
    }
    assert!(funded.ledger.entry(checkpoint.size).await.expect("read").is_none());
}

pub async fn senders_at_once_lose_nothing(funded: Funded) {
    let (before, now_s) = (funded.received(), funded.ledger.now_s());
    let funded = &funded;
    let pay = |number: u32| async move { funded.pay(&format!("at once {number}"), 1).await.expect("applied") };
    let entries = join_all((0..6).map(pay)).await;
    let mut indices: Vec<u64> = entries.iter().map(|entry| entry.index).collect();
    indices.sort_unstable();
    indices.dedup();
    assert_eq!((indices.len(), funded.received()), (6, before + 6));
    assert!(funded.ledger.now_s() >= now_s, "time never runs backwards");
}
