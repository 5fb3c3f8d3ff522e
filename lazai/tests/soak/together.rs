//! What the storm found, one thing at a time and without the storm.

use std::sync::Arc;

use lazai::conversation::Conversation;
use lazai::node::{ChatRequest, Node as _, ReplySettings};
use lazai::provider::{FolderBook, Provider};
use lazai::settle::{EmbeddedLedger, SystemClock};
use lazai_core::Amount;
use lazai_core::digest::sha256;
use lazai_core::message::{Message, Role};
use lazai_core::{LocalSigner, Signer as _};
use lazai_settle::ledger::Ledger as _;
use lazai_settle::session::{SessionPayment, session_id};
use lazai_settle::{SignedTransaction, Transaction};
use pollster::block_on;

use super::market::{self, Known, terms};
use super::node::provider;
use super::stand_in::{SLOWLY, StandIn, Words};

struct Stage {
    folder: tempfile::TempDir,
    known: Known,
    ledger: Arc<EmbeddedLedger>,
    signer: Arc<LocalSigner>,
    provider: Provider,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let known = market::found(&path, 1);
        let ledger = Arc::new(EmbeddedLedger::open(&path, SystemClock).unwrap());
        let provider = provider(ledger.clone(), Arc::new(StandIn::new()), folder.path());
        Self { folder, known, ledger, signer: market::signer(0), provider }
    }

    fn send(&self, label: &str, transaction: Transaction) {
        let signing = SignedTransaction::sign(&*self.signer, &self.known.domain, sha256(label.as_bytes()), transaction);
        block_on(self.ledger.submit(block_on(signing).unwrap())).unwrap();
    }

    /// A session in which one reply was had and paid.
    fn paid(&self) -> Conversation {
        let valid_until_s = self.ledger.now_s() + 600;
        let signed = block_on(self.provider.offer(&terms(600), valid_until_s)).unwrap();
        let (consumer, payment) = (self.signer.address(), SessionPayment::Deposit(Amount::from_base_units(5_000)));
        let (offer, offer_signature) = (signed.offer.clone(), signed.signature);
        let session = session_id(self.known.ledger, consumer, 1, consumer, &offer);
        self.send("open", Transaction::OpenSession { nonce: 1, consumer, offer, offer_signature, payment });
        let mut talk = Conversation::new(session, signed, payment);
        let (domain, words) = (&self.known.domain, vec![Message::new(Role::User, "hello")]);
        let request = block_on(talk.request(domain, &*self.signer, words, ReplySettings::default())).unwrap();
        let reply = block_on(self.provider.chat(&request, &mut |_| {})).unwrap();
        talk.accept(domain, &request, &reply, Some(&Words)).unwrap();
        talk.paid = Some(market::promise(&talk, &self.known, &self.signer));
        block_on(self.provider.pay(&talk.paid.unwrap())).unwrap();
        talk
    }
}

#[test]
fn a_voucher_that_was_redeemed_among_others_is_redeemed() {
    let stage = Stage::new();
    let talk = stage.paid();
    assert!(block_on(stage.provider.redeem_all()).unwrap().is_empty());
    // As if this came from a consumer who wants the rest back while the node redeemed by itself.
    block_on(stage.provider.redeem(talk.session)).unwrap();
    let redeemed = |stage: &Stage| stage.ledger.market().session(talk.session).unwrap().redeemed;
    assert_eq!(redeemed(&stage), talk.owed());
}

/// Replicas that each take the other for dead, as after a database that forgot their claims: a folder's claims are everybody's.
#[test]
fn a_turn_is_made_once_whoever_claims_it() {
    let mut stage = Stage::new();
    let book = Arc::new(FolderBook::new(stage.folder.path().join("shared")));
    let replica =
        || provider(stage.ledger.clone(), Arc::new(StandIn::new()), stage.folder.path()).with_book(book.clone());
    let other = replica();
    stage.provider = replica();
    let mut talk = stage.paid();
    let (domain, one) = (stage.known.domain.clone(), &stage.provider);
    let at_both = |first: &ChatRequest, second: &ChatRequest| {
        std::thread::scope(|scope| {
            let second = scope.spawn(|| block_on(other.chat(second, &mut |_| {})));
            (block_on(one.chat(first, &mut |_| {})), second.join().unwrap())
        })
    };
    let ask = |talk: &Conversation, words: String| {
        let mut messages = talk.messages.clone();
        messages.push(Message::new(Role::User, words));
        block_on(talk.request(&domain, &*stage.signer, messages, ReplySettings::default())).unwrap()
    };
    for turn in 2..6 {
        // The same words: one reply, one receipt, at both. Other words: one of them is heard to its end.
        let first = ask(&talk, format!("{SLOWLY}question {turn}"));
        let second = if turn % 2 == 0 { first.clone() } else { ask(&talk, format!("{SLOWLY}instead {turn}")) };
        let (heard, reply) = match at_both(&first, &second) {
            (Ok(a), Ok(b)) if turn % 2 == 0 => {
                assert_eq!(a, b, "one turn has two replies");
                (&first, a)
            }
            (Ok(a), Err(_)) if turn % 2 == 1 => (&first, a),
            (Err(_), Ok(b)) if turn % 2 == 1 => (&second, b),
            both => panic!("turn {turn}: {both:?}"),
        };
        talk.accept(&domain, heard, &reply, Some(&Words)).unwrap();
        let standing = block_on(other.standing(talk.session)).unwrap();
        assert_eq!((standing.turn, standing.owed), (turn, talk.owed()), "billed twice");
        let voucher = market::promise(&talk, &stage.known, &stage.signer);
        talk.paid = Some(voucher);
        block_on(if turn % 2 == 0 { &other } else { one }.pay(&voucher)).unwrap();
        talk.mark_paid();
    }
}
