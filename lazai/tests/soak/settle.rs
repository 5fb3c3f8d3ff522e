//! When all is over: what the ledger says, session by session and to the unit.

use std::path::Path;

use lazai::settle::ledger::Ledger as _;
use lazai::settle::{EmbeddedLedger, ManualClock};
use lazai_core::digest::sha256;
use lazai_core::{Amount, Asset, SessionId, Signer as _};
use lazai_settle::market::Event;
use lazai_settle::notice::Cursor;
use lazai_settle::{Market, Transaction};
use pollster::block_on;
use serde_json::{Value, json};

use super::book::{Account, Book};
use super::client::now_s;
use super::market::{self, FUNDS};
use super::world::{NODE, address};

/// Longer than any dispute window, in seconds.
const WINDOW_S: u64 = 2 * 3_600;

/// Opens the ledger as whoever comes later: ends what is open, and holds everything against what the clients wrote down.
pub fn check(folder: &Path, clients: usize, book: &Book) -> Value {
    let clock = ManualClock::at(now_s());
    let ledger = EmbeddedLedger::open(folder, clock.clone()).unwrap();
    let sessions = book.sessions();
    let mut open = 0;
    for step in ["ask", "end"] {
        for (id, account) in &sessions {
            let found = ledger.market().session(*id).cloned();
            let Some(found) = found else {
                book.fault(format!("session {id} is not on the ledger"));
                continue;
            };
            if found.closed || (step == "ask" && found.final_at_s.is_some()) {
                continue;
            }
            open += u64::from(step == "end");
            let key = sha256(format!("{step} {id}").as_bytes());
            let close = Transaction::CloseSession { session: *id };
            if let Err(error) = block_on(ledger.send(&*market::signer(account.client), key, close)) {
                book.fault(format!("session {id} cannot be ended: {error}"));
            }
        }
        clock.advance(WINDOW_S);
    }
    let market = ledger.market();
    let mut sums = Sums::default();
    for (id, account) in &sessions {
        sums.add(&market, *id, account, book);
    }
    money(&ledger, clients, &sums, book);
    json!({
        "sessions": sessions.len(), "turns_paid": sums.turns, "paid": sums.redeemed.to_string(),
        "heard_not_paid": sums.unpaid.to_string(), "sessions_with_unpaid_words": sums.with_unpaid,
        "most_unpaid_over_step": sums.most_over_step, "ended_by_payer_after_the_window": open,
        "ledger_entries": ledger.checkpoint().size,
    })
}

#[derive(Default)]
struct Sums {
    redeemed: u128,
    by_client: std::collections::BTreeMap<usize, u128>,
    unpaid: u128,
    with_unpaid: u64,
    most_over_step: f64,
    turns: u64,
}

impl Sums {
    fn add(&mut self, market: &Market, id: SessionId, account: &Account, book: &Book) {
        let Some(session) = market.session(id) else { return };
        let redeemed = session.redeemed.base_units();
        if !session.closed {
            book.fault(format!("session {id} cannot be ended"));
        }
        if session.deposit.base_units() != account.deposit {
            book.fault(format!("session {id} has a deposit of {}, {} was paid in", session.deposit, account.deposit));
        }
        if let Err(what) = account.check(redeemed) {
            book.fault(format!("client {}, session {id}: {what}", account.client));
        }
        self.redeemed += redeemed;
        *self.by_client.entry(account.client).or_default() += redeemed;
        self.turns += u64::from(account.turns);
        let unpaid = account.unpaid();
        self.unpaid += unpaid;
        self.with_unpaid += u64::from(unpaid > 0);
        let step = account.offer.step().map_or(1, Amount::base_units);
        self.most_over_step = self.most_over_step.max((unpaid * 1_000 / step) as f64 / 1_000.0);
    }
}

/// No unit appeared or vanished: what each client has not is what its sessions paid, and that is what was split.
fn money(ledger: &EmbeddedLedger, clients: usize, sums: &Sums, book: &Book) {
    let market = ledger.market();
    let balance = |of| market.balance(of, Asset::NATIVE).base_units();
    let equal = |what: &str, found: u128, expected: u128| {
        if found != expected {
            book.fault(format!("{what}: {found}, expected {expected}"));
        }
    };
    equal("money of all", market.total(Asset::NATIVE).map_or(0, Amount::base_units), FUNDS * clients as u128);
    for client in 0..clients {
        let paid = sums.by_client.get(&client).copied().unwrap_or(0);
        equal(&format!("balance of client {client}"), balance(market::signer(client).address()), FUNDS - paid);
    }
    let (mut all, mut node, mut pool, mut class) = (0, 0, 0, 0);
    for notice in block_on(ledger.notices(&Cursor::new())).unwrap() {
        let (_, Some(new)) = notice.parts() else { continue };
        for event in new.entries.iter().flat_map(|entry| &entry.events) {
            if let Event::VoucherRedeemed { increment, split, .. } = event {
                all += increment.base_units();
                node += split.node.base_units();
                pool += split.pool.base_units();
                class += split.creator.base_units();
            }
        }
    }
    equal("redeemed by vouchers", all, sums.redeemed);
    equal("balance of the node", balance(address(NODE)), node);
    equal("balance of the pool", balance(market.pool()), pool);
    equal("what shares have", market.total(Asset::NATIVE).map_or(0, Amount::base_units), {
        let clients: u128 = (0..clients).map(|client| balance(market::signer(client).address())).sum();
        clients + node + pool + class
    });
}
