//! A client: opens sessions, asks, hears, pays, ends them; and asks again whatever got lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lazai::conversation::Conversation;
use lazai::http::HttpNode;
use lazai::node::{
    ChatReply, ChatRequest, Node as _, NodeError, ReleaseClaim, ReleaseRequest, ReplySettings, SignedOffer,
};
use lazai_core::message::{Message, Role};
use lazai_core::{Amount, LocalSigner, SessionId, Signer as _};
use lazai_settle::Transaction;
use lazai_settle::market::Event;
use lazai_settle::session::{SessionPayment, session_id};
use pollster::block_on;

use super::book::Book;
use super::desk::Desk;
use super::dice::Dice;
use super::market;
use super::stand_in::Words;
use super::watch::Watched;

/// How long a client tries to have an answer before it says that it is stuck: longer than the node is ever away.
const PATIENCE: Duration = Duration::from_secs(90);
/// Messages of a conversation that are said again with the next one.
const REMEMBERED: usize = 4;

/// What all clients share.
#[derive(Debug)]
pub struct Shared {
    /// One for each replica of the node.
    pub ports: Vec<u16>,
    /// Where the next request goes: each goes to another replica than the one before.
    pub next: AtomicUsize,
    pub desk: Desk,
    pub book: Book,
    /// One for each replica.
    pub watched: Vec<Arc<Watched>>,
    /// Set when no new turn is to be begun.
    pub stop: AtomicBool,
}

impl Shared {
    fn replica(&self) -> usize {
        self.next.fetch_add(1, Ordering::SeqCst) % self.ports.len()
    }
}

/// A session that is open.
pub struct Open {
    pub talk: Conversation,
    pub deadline_s: u64,
}

/// How a turn went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Went {
    /// There is a reply, and it was taken in.
    Served,
    /// What is left of the deposit is too little.
    Exhausted,
    /// The session is over.
    Over,
}

pub struct Client {
    pub number: usize,
    pub shared: Arc<Shared>,
    pub dice: Dice,
    pub signer: Arc<LocalSigner>,
    /// One for each replica.
    nodes: Vec<HttpNode>,
    pub open: Option<Open>,
    /// True if replies were had in each life of the node.
    pub lives: Vec<u32>,
    nonce: u64,
    said: u64,
}

pub fn now_s() -> u64 {
    use lazai::settle::Clock as _;
    lazai::settle::SystemClock.now_s()
}

impl Client {
    pub fn new(number: usize, seed: u64, shared: Arc<Shared>) -> Self {
        let node = |port: &u16| HttpNode::new(&format!("http://127.0.0.1:{port}")).unwrap();
        let nodes = shared.ports.iter().map(node).collect();
        let dice = Dice::of(seed, &format!("client {number}"));
        let signer = market::signer(number);
        Self { number, shared, dice, signer, nodes, open: None, lives: Vec::new(), nonce: 0, said: 0 }
    }

    /// The replica that is asked next.
    pub fn node(&self) -> &HttpNode {
        &self.nodes[self.shared.replica()]
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.shared.ports[self.shared.replica()]
    }

    pub fn fault(&self, what: impl std::fmt::Display) {
        self.shared.book.fault(format!("client {}: {what}", self.number));
    }

    pub fn count(&self, what: impl Into<String>) {
        self.shared.book.count(what);
    }

    pub fn stopped(&self) -> bool {
        self.shared.stop.load(Ordering::SeqCst)
    }

    /// Waits, but not beyond the end.
    pub fn pause(&self, ms: u64) {
        let until = Instant::now() + Duration::from_millis(ms);
        while Instant::now() < until && !self.stopped() {
            std::thread::sleep(until.saturating_duration_since(Instant::now()).min(Duration::from_millis(100)));
        }
    }

    fn offer(&self) -> Option<SignedOffer> {
        let until = Instant::now() + PATIENCE;
        loop {
            match block_on(self.node().models()) {
                Ok(models) => return models.into_iter().next().map(|model| model.offer),
                Err(error) if Instant::now() > until => {
                    self.fault(format!("no offers: {error}"));
                    return None;
                }
                Err(_) => std::thread::sleep(Duration::from_millis(200)),
            }
        }
    }

    /// Sees to a session that can be talked in.
    pub fn with_session(&mut self) -> bool {
        if self.open.as_ref().is_some_and(|open| now_s() + 1 >= open.deadline_s) {
            self.end();
        }
        if self.open.is_some() {
            return true;
        }
        let Some(offer) = self.offer() else { return false };
        let deposit = 1_500 + u128::from(self.dice.below(20_000));
        self.nonce += 1;
        let nonce = self.nonce;
        let consumer = self.signer.address();
        let session = session_id(self.shared.desk.known.ledger, consumer, nonce, consumer, &offer.offer);
        let payment = SessionPayment::Deposit(Amount::from_base_units(deposit));
        let (terms, offer_signature) = (offer.offer.clone(), offer.signature);
        let open = Transaction::OpenSession { nonce, consumer, offer: terms, offer_signature, payment };
        // Whoever does not know whether an earlier try got through asks the same again.
        let deadline_s = match self.shared.desk.send(&*self.signer, &format!("open {nonce}"), open) {
            Ok(entry) => entry.events.iter().find_map(|event| match event {
                Event::SessionOpened { deadline_s, .. } => Some(*deadline_s),
                _ => None,
            }),
            Err(reason) => {
                self.fault(format!("no session: {reason}"));
                None
            }
        };
        let Some(deadline_s) = deadline_s else { return false };
        self.shared.book.opened(session, self.number, &offer.offer, deposit);
        self.count("sessions opened");
        self.open = Some(Open { talk: Conversation::new(session, offer, payment), deadline_s });
        true
    }

    /// A question that was never asked before, as the next turn of the session. Callers have one.
    pub fn question(&mut self, begins: &str) -> ChatRequest {
        self.said += 1;
        let open = self.open.as_ref().unwrap();
        let from = open.talk.messages.len().saturating_sub(REMEMBERED);
        let mut messages: Vec<Message> = open.talk.messages[from..].to_vec();
        // A character's long words are not said again.
        messages.retain(|message| message.content.len() < 4_096);
        let words = format!("{begins}question {} of client {}", self.said, self.number);
        messages.push(Message::new(Role::User, words));
        let signed =
            open.talk.request(&self.shared.desk.known.domain, &*self.signer, messages, ReplySettings::default());
        block_on(signed).unwrap()
    }

    /// Asks as an honest client does; what was heard is written down, whatever comes after.
    pub fn chat(&self, request: &ChatRequest) -> Result<ChatReply, NodeError> {
        let mut heard = String::new();
        let reply = block_on(self.node().chat(request, &mut |text| heard.push_str(text)));
        self.shared.book.heard(request, &heard);
        if let Ok(reply) = &reply {
            self.shared.book.replied(request, reply);
        }
        reply
    }

    /// Asks until one of these questions, all of the same turn, is answered; others may have been begun before.
    pub fn finish(&mut self, requests: &[ChatRequest]) -> Went {
        let until = Instant::now() + PATIENCE;
        let (mut which, mut refused, mut over) = (0, 0, 0);
        loop {
            let request = &requests[which % requests.len()];
            let error = match self.chat(request) {
                Ok(reply) => return self.take_in(request, &reply),
                Err(error) => error,
            };
            let words = error.to_string();
            match error.code() {
                "node.busy" | "node.transport" | "node.left" => {
                    self.count(format!("asked again after {}", error.code()));
                    refused = 0;
                    let ms = 100 + self.dice.below(300);
                    std::thread::sleep(Duration::from_millis(ms));
                }
                "node.turn_out_of_order" => which += 1,
                "node.not_served" if words.contains("begun") => which += 1,
                "node.not_served" if ["deadline", "closed", "end was"].iter().any(|why| words.contains(why)) => {
                    // What was made before is given out still: another of them may have it.
                    (which, over) = (which + 1, over + 1);
                    if over >= requests.len() {
                        return Went::Over;
                    }
                }
                "node.deposit_exhausted" => return Went::Exhausted,
                code => {
                    self.fault(format!("refused with {code}: {words}"));
                    return Went::Over;
                }
            }
            refused += 1;
            if refused > 8 * requests.len() || Instant::now() > until {
                self.fault(format!("stuck in turn {} of session {}: {words}", request.turn, request.session));
                return Went::Over;
            }
        }
    }

    /// Takes a reply in: it is owed from now on.
    fn take_in(&mut self, request: &ChatRequest, reply: &ChatReply) -> Went {
        let open = self.open.as_mut().unwrap();
        if let Err(error) = open.talk.accept(&self.shared.desk.known.domain, request, reply, Some(&Words)) {
            self.fault(format!("a reply does not hold: {error}"));
            return Went::Over;
        }
        self.count("replies");
        let life = self.shared.watched.iter().map(|watched| watched.life.load(Ordering::SeqCst)).sum();
        if !self.lives.contains(&life) {
            self.lives.push(life);
        }
        Went::Served
    }

    /// Pays what is owed, if anything is.
    pub fn pay(&mut self) {
        let Some(open) = &mut self.open else { return };
        if !open.talk.owes() {
            return;
        }
        let voucher = market::promise(&open.talk, &self.shared.desk.known, &self.signer);
        let (session, cumulative) = (open.talk.session, voucher.voucher.cumulative);
        self.shared.book.signed(session, cumulative);
        open.talk.paid = Some(voucher);
        if self.deliver(session) {
            self.shared.book.paid(session, cumulative);
        }
    }

    /// Brings the last voucher until it is taken.
    fn deliver(&self, session: SessionId) -> bool {
        let Some(voucher) = self.open.as_ref().and_then(|open| open.talk.paid) else { return false };
        let paid = || block_on(self.node().pay(&voucher));
        self.until_it_passes(&format!("a voucher of session {session}"), "paid again", paid).is_some()
    }

    /// Does something until the node is there and has time.
    fn until_it_passes<T>(&self, what: &str, again: &str, ask: impl Fn() -> Result<T, NodeError>) -> Option<T> {
        let until = Instant::now() + PATIENCE;
        loop {
            let error = match ask() {
                Ok(done) => return Some(done),
                Err(error) => error,
            };
            let passes = matches!(error.code(), "node.busy" | "node.transport");
            if !passes || Instant::now() > until {
                self.fault(format!("{what} is refused: {error}"));
                return None;
            }
            self.count(format!("{again} after {}", error.code()));
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Adds to the deposit.
    pub fn top_up(&mut self) {
        let Some(open) = &mut self.open else { return };
        let (session, amount) = (open.talk.session, 2_000 + u128::from(self.dice.below(2_000)));
        let label = format!("top up {session} {}", open.talk.deposit);
        let added = Transaction::TopUp { session, amount: Amount::from_base_units(amount) };
        match self.shared.desk.send(&*self.signer, &label, added) {
            Ok(_) => {
                open.talk.deposit = Amount::from_base_units(open.talk.deposit.base_units() + amount);
                self.shared.book.topped_up(session, amount);
                self.shared.book.count("deposits topped up");
            }
            // Its deadline came first.
            Err(reason) if reason.contains("over") => {}
            Err(reason) => self.fault(format!("no more deposit: {reason}")),
        }
    }

    /// Pays, asks for the session's end or not, and ends it together with the node.
    pub fn end(&mut self) {
        self.pay();
        let Some(open) = &self.open else { return };
        let session = open.talk.session;
        if now_s() <= open.deadline_s || self.dice.one_in(2) {
            let close = Transaction::CloseSession { session };
            if let Err(reason) = self.shared.desk.send(&*self.signer, &format!("close {session}"), close) {
                self.fault(format!("its end cannot be asked for: {reason}"));
            }
        }
        if let Some(paid) = open.talk.paid {
            let (domain, claim) = (&self.shared.desk.known.domain, ReleaseClaim { session });
            let signature = block_on(lazai_core::sign::sign(&*self.signer, domain, &claim)).unwrap();
            let request = ReleaseRequest { session, signature };
            let asked = || block_on(self.node().release(&request));
            let release = self.until_it_passes(&format!("the release of session {session}"), "released", asked);
            let Some(release) = release else { return };
            let together = Transaction::CloseTogether { session, release: release.signature };
            if let Err(reason) = self.shared.desk.send(&*self.signer, &format!("close {session} together"), together) {
                self.fault(format!("session {session} cannot be ended together: {reason}"));
            }
            let state = self.shared.desk.session(session);
            if !state.closed || state.redeemed != paid.voucher.cumulative {
                self.fault(format!(
                    "session {session} is {state:?} after its end, {} is paid",
                    paid.voucher.cumulative
                ));
            }
            self.count("sessions ended together");
        }
        self.open = None;
    }
}
