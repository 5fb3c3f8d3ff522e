use std::cell::Cell;

use lazai_core::{Asset, ClassId, Digest, Signature, VersionNumber};
use lazai_settle::session::{Offer, Receipt, SessionPayment};

use super::*;
use crate::consumer::Conversation;
use crate::conversation::ReceivedReply;
use crate::node::{ReplySettings, SignedOffer, SignedReceipt};

thread_local! {
    /// Writes until the process is killed.
    static WRITES_LEFT: Cell<u32> = const { Cell::new(u32::MAX) };
}

/// Fails from the moment on in which the process is killed.
pub(super) fn lives() -> Result<(), &'static str> {
    WRITES_LEFT.with(|left| {
        let now = left.get();
        left.set(now.saturating_sub(u32::from(now < u32::MAX)));
        if now == 0 { Err("killed") } else { Ok(()) }
    })
}

const UNITS: fn(u128) -> Amount = Amount::from_base_units;
const DAY: u64 = 86_400;

fn offer(class: u64) -> SignedOffer {
    let offer = Offer {
        node: Address::ZERO,
        class: ClassId(class),
        version: VersionNumber(1),
        asset: Asset::NATIVE,
        prompt_price: UNITS(1),
        completion_price: UNITS(1),
        prompt_ceiling: 1,
        completion_ceiling: 1,
        session_s: 60,
        valid_until_s: 60,
        min_deposit: Amount::ZERO,
        quota_deposit: Amount::ZERO,
        series: 0,
    };
    SignedOffer { offer, signature: Signature::from_bytes([1; 65]) }
}

fn plan(nonce: u64, class: u64) -> Plan {
    Plan { nonce, deposit: UNITS(500), offer: offer(class) }
}

fn open(number: u8, class: u64) -> Open {
    let session = SessionId::from_bytes([number; 32]);
    let conversation = Conversation::new(session, offer(class), SessionPayment::Deposit(UNITS(500)));
    Open { deposit: UNITS(500), deadline_s: 60, conversation, today: Default::default() }
}

/// A session after another reply for this price.
fn after_reply(mut open: Open, price: u128, day: u64) -> Open {
    let cumulative = open.conversation.owed().checked_add(UNITS(price)).unwrap();
    let receipt = Receipt {
        session: open.session(),
        turn: 1,
        request_digest: Digest::ZERO,
        reply_digest: Digest::ZERO,
        prompt_tokens: 1,
        completion_tokens: 1,
        tokenizer_digest: Digest::ZERO,
        temperature_milli: 0,
        top_p_milli: 0,
        seed: 0,
        base_digest: Digest::ZERO,
        adapter_digest: Digest::ZERO,
        cumulative,
    };
    let receipt = SignedReceipt { receipt, signature: Signature::from_bytes([1; 65]) };
    let settings = ReplySettings::default();
    let (salt, tokens, received_at_s, trail) = (Digest::ZERO, Vec::new(), None, None);
    open.conversation.receipts.push(ReceivedReply { receipt, salt, settings, tokens, received_at_s, trail });
    open.today.add(day, UNITS(price)).unwrap();
    open
}

#[test]
fn what_is_reserved_counts_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let (first, session) = (open(1, 1), open(1, 1).session());
    let mut book = Book::open(folder.path().into()).unwrap();
    assert!(Book::open(folder.path().into()).is_err(), "one proxy at a time");
    let is_bound = |book: &Book, to: u128| {
        let kept: Page = read(&folder.path().join("book.json")).unwrap().unwrap_or_default();
        assert_eq!(serde_json::to_value(&kept).unwrap(), serde_json::to_value(&book.page).unwrap());
        assert_eq!(book.bound().unwrap(), UNITS(to));
    };
    is_bound(&book, 0);
    book.plan(plan(1, 1)).unwrap();
    is_bound(&book, 500);
    book.opened(1, first).unwrap();
    is_bound(&book, 500);
    book.plan(plan(2, 2)).unwrap();
    is_bound(&book, 1_000);
    book.finish_spent(29, |_| false).unwrap();
    assert_eq!(book.over(), [], "a session with time and money stays open");
    book.finish_spent(30, |_| true).unwrap();
    assert_eq!(book.over(), [], "one in use stays open");
    book.finish_spent(30, |_| false).unwrap();
    is_bound(&book, 1_000);
    assert_eq!(book.over(), [session], "its deadline is not waited for");
    book.taken_back(session);
    is_bound(&book, 500);
    book.give_up(2);
    is_bound(&book, 0);
}

#[test]
fn a_node_that_refuses_is_left_alone_for_longer_and_longer() {
    let folder = tempfile::tempdir().unwrap();
    let mut book = Book::open(folder.path().into()).unwrap();
    let pauses: Vec<u64> = (0..70)
        .map(|_| {
            book.refused("one", Address::ZERO, 1_000).unwrap();
            book.left_alone_until("one", Address::ZERO).unwrap() - 1_000
        })
        .collect();
    assert_eq!((&pauses[..5], pauses[69]), (&[0, 2, 4, 8, 16][..], MAX_PAUSE_S));
    book.served("one", Address::ZERO).unwrap();
    assert_eq!(book.left_alone_until("one", Address::ZERO), None);
}

#[test]
fn a_day_and_a_character_have_sums_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut book = Book::open(folder.path().into()).unwrap();
    let (one, two) = (open(1, 1), open(2, 2));
    book.opened(1, one.clone()).unwrap();
    book.opened(2, two.clone()).unwrap();
    let one = after_reply(one, 30, 7);
    book.keep(one.clone()).unwrap();
    book.keep(after_reply(two, 5, 7)).unwrap();
    let sums = |book: &Book, now_s: u64| {
        let with = |model| book.spent_with(model).unwrap().base_units();
        (with("dat:1:1"), with("dat:2:1"), book.spent_on(now_s).unwrap().base_units())
    };
    assert_eq!(sums(&book, 7 * DAY), (30, 5, 35));
    assert_eq!(sums(&book, 3 * DAY), (30, 5, 35), "a clock that is set back frees nothing");
    assert_eq!((book.day_ends(7 * DAY + 1), book.day_ends(0)), (8 * DAY, 8 * DAY));
    book.finish(one.session()).unwrap();
    drop(book);
    let mut book = Book::open(folder.path().into()).unwrap();
    assert_eq!(sums(&book, 7 * DAY + 5), (30, 5, 35), "also in a session that is over, and after a restart");
    assert_eq!(sums(&book, 8 * DAY), (30, 5, 0), "the next day is free");
    let again = after_reply(open(3, 1), 2, 8);
    book.opened(3, again.clone()).unwrap();
    book.keep(again).unwrap();
    assert_eq!(sums(&book, 8 * DAY), (32, 5, 2));
}

#[test]
fn an_older_book_has_a_session_and_a_plan_for_each_model() {
    let folder = tempfile::tempdir().unwrap();
    let one = open(1, 1);
    let session = one.session();
    let mut kept = serde_json::to_value(&one).unwrap();
    assert!(kept.get("today").is_none());
    kept["deposit"] = "400".into();
    write(&conversation(folder.path(), session), &kept).unwrap();
    let page = serde_json::json!({
        "spent": "7", "plans": {"dat:2:1": plan(9, 2)}, "open": {"dat:1:1": session},
        "over": {SessionId::from_bytes([8; 32]).to_string(): {"unused": "3", "deadline_s": 1}},
        "refusals": {"dat:1:1": {"in_a_row": 1, "until_s": 5}},
    });
    write(&folder.path().join("book.json"), &page).unwrap();
    let book = Book::open(folder.path().into()).unwrap();
    assert_eq!(book.bound().unwrap(), UNITS(7 + 500 + 400 + 3));
    assert_eq!(book.open_of("dat:1:1").count(), 1);
    assert_eq!(book.plans_of("dat:2:1").map(|plan| plan.nonce).collect::<Vec<_>>(), [9]);
}

/// What really happened: on the ledger, and at the node.
#[derive(Default)]
struct World {
    /// Deposits that are reserved on the ledger.
    reserved: BTreeMap<SessionId, u128>,
    /// What the node has a promise of, in all and by day.
    promised: u128,
    on_day: BTreeMap<u64, u128>,
}

/// A life of a proxy with two sessions at a time, until it is killed.
fn live(book: &mut Book, world: &mut World) -> Result<(), LoopbackError> {
    let mut sessions = Vec::new();
    for number in [1_u8, 2] {
        book.plan(plan(number.into(), 1))?;
        let open = open(number, 1);
        world.reserved.insert(open.session(), 500);
        book.opened(number.into(), open.clone())?;
        sessions.push(open);
    }
    for (price, day) in [(100, 3), (20, 3), (3, 4)] {
        for open in &mut sessions {
            *open = after_reply(open.clone(), price, day);
            book.keep(open.clone())?;
            world.promised += price;
            *world.on_day.entry(day).or_default() += price;
            book.keep(open.clone())?;
        }
    }
    for open in sessions {
        book.finish(open.session())?;
        // The ledger gives back what nobody was promised.
        world.reserved.insert(open.session(), open.conversation.owed().base_units());
        book.taken_back(open.session());
    }
    Ok(())
}

#[test]
fn killed_at_any_write_the_book_knows_of_everything_that_is_spent_or_reserved() {
    let mut kills = 0;
    for writes in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::default();
        let mut book = Book::open(folder.path().into()).unwrap();
        WRITES_LEFT.with(|left| left.set(writes));
        let lived = live(&mut book, &mut world);
        WRITES_LEFT.with(|left| left.set(u32::MAX));
        drop(book);
        let book = Book::open(folder.path().into()).unwrap();
        let reserved: u128 = world.reserved.values().sum();
        let (bound, spent) = (book.bound().unwrap().base_units(), book.spent().unwrap().base_units());
        assert!(bound >= reserved, "killed at write {writes}: {bound} is known of {reserved}");
        assert!(bound <= 1_000, "killed at write {writes}: {bound} is more than was ever reserved");
        assert!(spent >= world.promised, "killed at write {writes}: {spent} is known of {}", world.promised);
        assert_eq!(book.spent_with("dat:1:1").unwrap(), UNITS(spent));
        // Of a day that is over, nothing is asked.
        if let Some((day, promised)) = world.on_day.last_key_value() {
            let known = book.spent_on(day * DAY).unwrap().base_units();
            assert!(known >= *promised || book.day(0) > *day, "killed at write {writes}: {known} of {promised}");
        }
        if lived.is_ok() {
            break;
        }
        kills += 1;
    }
    assert!(kills > 15, "{kills} kills");
}
