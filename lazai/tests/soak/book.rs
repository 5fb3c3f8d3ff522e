//! What the clients heard, what they signed and what they were promised: their own account of each session, against which
//! the node's is held.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use lazai::node::{ChatReply, ChatRequest};
use lazai_core::{Amount, Digest, SessionId};
use lazai_settle::session::Offer;

use super::stand_in::{count, count_heard};

/// Faults that are told in words; more are only counted.
const MAX_TOLD: usize = 40;

/// A session, as its client knows it.
#[derive(Debug, Clone)]
pub struct Account {
    pub client: usize,
    pub offer: Offer,
    pub deposit: u128,
    /// Sum of the receipts of distinct turns, counted again.
    pub owed: u128,
    /// The largest voucher that was signed, and the largest that the node took.
    pub signed: u128,
    pub paid: u128,
    /// What was heard in turns that are paid, as it would cost.
    pub heard: u128,
    pub turns: u32,
    /// What was heard in a turn that is not paid.
    turn: Turn,
    /// What the last paid turn said.
    last: Option<(u32, Digest, String)>,
}

/// What was heard of a turn, and its receipt.
#[derive(Debug, Clone, Default)]
struct Turn {
    number: u32,
    heard: BTreeMap<Digest, (u64, String)>,
    receipt: Option<(Digest, u64, ChatReply)>,
}

/// All sessions, what went wrong, and how often what happened.
#[derive(Debug, Default)]
pub struct Book {
    sessions: Mutex<BTreeMap<SessionId, Account>>,
    faults: Mutex<(u64, Vec<String>)>,
    counts: Mutex<BTreeMap<String, u64>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Book {
    /// A promise that was not kept.
    pub fn fault(&self, what: impl Into<String>) {
        let mut faults = lock(&self.faults);
        faults.0 += 1;
        if faults.1.len() < MAX_TOLD {
            faults.1.push(what.into());
        }
    }

    pub fn faults(&self) -> (u64, Vec<String>) {
        lock(&self.faults).clone()
    }

    /// Something happened.
    pub fn count(&self, what: impl Into<String>) {
        *lock(&self.counts).entry(what.into()).or_default() += 1;
    }

    pub fn counts(&self) -> BTreeMap<String, u64> {
        lock(&self.counts).clone()
    }

    pub fn sessions(&self) -> BTreeMap<SessionId, Account> {
        lock(&self.sessions).clone()
    }

    pub fn opened(&self, session: SessionId, client: usize, offer: &Offer, deposit: u128) {
        let account = Account {
            client,
            offer: offer.clone(),
            deposit,
            owed: 0,
            signed: 0,
            paid: 0,
            heard: 0,
            turns: 0,
            turn: Turn { number: 1, ..Turn::default() },
            last: None,
        };
        lock(&self.sessions).insert(session, account);
    }

    fn with(&self, session: SessionId, change: impl FnOnce(&mut Account) -> Result<(), String>) {
        let mut sessions = lock(&self.sessions);
        let Some(account) = sessions.get_mut(&session) else { return };
        if let Err(what) = change(account) {
            self.fault(format!("client {}, session {session}: {what}", account.client));
        }
    }

    pub fn topped_up(&self, session: SessionId, amount: u128) {
        self.with(session, |account| {
            account.deposit += amount;
            Ok(())
        });
    }

    /// Text that came for a request, whatever came after it.
    pub fn heard(&self, request: &ChatRequest, text: &str) {
        if !text.is_empty() {
            self.with(request.session, |account| account.hear(request, text));
        }
    }

    /// A reply that came whole.
    pub fn replied(&self, request: &ChatRequest, reply: &ChatReply) {
        self.with(request.session, |account| account.reply(request, reply));
    }

    /// A voucher was signed.
    pub fn signed(&self, session: SessionId, cumulative: Amount) {
        self.with(session, |account| {
            account.signed = account.signed.max(cumulative.base_units());
            Ok(())
        });
    }

    /// The node took a voucher.
    pub fn paid(&self, session: SessionId, cumulative: Amount) {
        self.with(session, |account| account.pay(cumulative.base_units()));
    }
}

impl Account {
    /// What a reply costs, or what was heard of one.
    fn price(&self, prompt_tokens: u64, tokens: u64) -> u128 {
        self.offer.price(prompt_tokens, tokens).map_or(u128::MAX, Amount::base_units)
    }

    fn hear(&mut self, request: &ChatRequest, text: &str) -> Result<(), String> {
        let (turn, digest) = (request.turn, request.digest());
        if turn < self.turn.number {
            // Asked again, what was paid is said again, and nothing else.
            let same = self
                .last
                .as_ref()
                .is_some_and(|(number, asked, said)| (*number, *asked) == (turn, digest) && said.starts_with(text));
            return if same { Ok(()) } else { Err(format!("heard something new in turn {turn}, which is paid")) };
        }
        if turn > self.turn.number {
            return Err(format!("heard turn {turn}, but turn {} is not paid", self.turn.number));
        }
        let (_, before) = self.turn.heard.entry(digest).or_insert((count(&request.messages), String::new()));
        let (shorter, longer) = if before.len() < text.len() { (&**before, text) } else { (text, &**before) };
        if !longer.starts_with(shorter) {
            return Err(format!("turn {turn} said two things for one request"));
        }
        *before = longer.to_owned();
        let requests = self.turn.heard.len();
        if requests > 1 { Err(format!("turn {turn} answered {requests} requests")) } else { Ok(()) }
    }

    fn reply(&mut self, request: &ChatRequest, reply: &ChatReply) -> Result<(), String> {
        self.hear(request, &reply.text)?;
        if request.turn < self.turn.number {
            return Ok(());
        }
        let digest = request.digest();
        if let Some((of, _, before)) = &self.turn.receipt {
            let same = *of == digest && before == reply;
            return if same { Ok(()) } else { Err(format!("turn {} has two receipts", request.turn)) };
        }
        let (prompt, tokens) = (count(&request.messages), count_heard(&reply.text));
        self.owed += self.price(prompt, tokens);
        let claimed = reply.receipt.receipt.cumulative.base_units();
        if claimed != self.owed {
            return Err(format!("turn {} has a receipt of {claimed}, {} is owed", request.turn, self.owed));
        }
        self.turn.receipt = Some((digest, prompt, reply.clone()));
        Ok(())
    }

    fn pay(&mut self, cumulative: u128) -> Result<(), String> {
        if cumulative > self.owed {
            return Err(format!("a voucher of {cumulative} was taken, {} is owed", self.owed));
        }
        self.paid = self.paid.max(cumulative);
        let Some((digest, _, reply)) = self.turn.receipt.take_if(|_| cumulative == self.owed) else { return Ok(()) };
        self.heard += self.unpaid();
        self.turns += 1;
        self.last = Some((self.turn.number, digest, reply.text));
        self.turn = Turn { number: self.turn.number + 1, ..Turn::default() };
        Ok(())
    }

    /// What was heard in the turn that is not paid, as it would cost.
    pub fn unpaid(&self) -> u128 {
        self.turn.heard.values().map(|(prompt, text)| self.price(*prompt, count_heard(text))).sum()
    }

    /// Tells what of this account does not hold, with what the ledger paid out in the end.
    pub fn check(&self, redeemed: u128) -> Result<(), String> {
        let step = self.offer.step().map_or(0, Amount::base_units);
        if self.heard + self.unpaid() > self.paid + step {
            return Err(format!("heard {} and {}, paid {}, a step is {step}", self.heard, self.unpaid(), self.paid));
        }
        if self.heard > self.paid {
            return Err(format!("heard {} in turns that are paid with {}", self.heard, self.paid));
        }
        if redeemed < self.paid || redeemed > self.signed {
            return Err(format!("{redeemed} was redeemed; signed {}, taken {}", self.signed, self.paid));
        }
        if redeemed > self.owed || redeemed > self.deposit {
            return Err(format!("{redeemed} was redeemed; owed {}, deposit {}", self.owed, self.deposit));
        }
        Ok(())
    }
}
