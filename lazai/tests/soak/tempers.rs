//! What clients are like: most talk, some vanish, stall, send garbage, ask the same many times at once, pay late, or
//! spend more than they have.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use lazai::node::{ChatRequest, Node as _, RequestClaim, SignedVoucher};
use lazai::wire::talk;
use lazai_core::sign::signing_digest;
use lazai_core::{Amount, SessionId, Signature};
use pollster::block_on;

use super::client::{Client, Went};
use super::stand_in::{AT_LENGTH, SLOWLY};
use super::{garbage, line, market};

/// How often one question is asked at once.
const AT_ONCE: usize = 16;
/// How long who does not read lets the node wait: longer than its patience.
const UNREAD: Duration = Duration::from_secs(34);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Temper {
    Honest,
    Vanishing,
    Stalling,
    Garbling,
    AtOnce,
    Late,
    Spending,
}

impl Temper {
    pub fn of(number: usize) -> Self {
        match number % 10 {
            0 => Self::Vanishing,
            1 => Self::Stalling,
            2 => Self::Garbling,
            3 => Self::AtOnce,
            4 => Self::Late,
            5 => Self::Spending,
            _ => Self::Honest,
        }
    }
}

/// Lives until the soak stops; nothing is left open by who is honest.
pub fn live(mut client: Client, temper: Temper) -> Client {
    while !client.stopped() {
        if client.with_session() {
            match temper {
                _ if client.dice.one_in(40) => client.end(),
                Temper::Honest => client.talk(),
                _ if client.dice.one_in(2) => client.talk(),
                _ if client.dice.one_in(3) => client.wait_for_the_kill(),
                Temper::Vanishing => client.vanish(),
                Temper::Stalling => client.stall(),
                Temper::Garbling => garbage::send(&mut client),
                Temper::AtOnce => client.ask_at_once(),
                Temper::Late => client.pay_late(),
                Temper::Spending => client.spend(),
            }
        }
        let ms = 200 + client.dice.below(1_600);
        client.pause(ms);
    }
    client.end();
    client
}

impl Client {
    /// One turn: asked, heard, checked, paid.
    fn talk(&mut self) {
        let request = self.question("");
        self.settle(&[request]);
    }

    /// Has one of these questions answered, and pays; what to do where it is not is up to luck.
    fn settle(&mut self, requests: &[ChatRequest]) -> Went {
        let went = self.finish(requests);
        self.pay();
        match went {
            Went::Served => {}
            Went::Exhausted if self.dice.one_in(2) => self.top_up(),
            Went::Exhausted | Went::Over => self.end(),
        }
        went
    }

    /// Asks, hears a few words, and is gone; comes back with the same question, with another, or not at all.
    fn vanish(&mut self) {
        let request = self.question("");
        let most = 1 + self.dice.below(12) as usize;
        let said = line::ask(self.port(), &request).map(|mut line| line::listen(&mut line, most));
        if let Ok(said) = said {
            self.shared.book.heard(&request, &said.heard);
            self.count(if said.heard.is_empty() { "vanished before a word" } else { "vanished in mid-reply" });
        }
        match self.dice.below(3) {
            0 => {
                self.settle(&[request]);
            }
            1 => {
                // Something else, for what was heard already: it must not be had.
                let other = self.question("instead, ");
                self.settle(&[other, request]);
            }
            _ => self.leave(),
        }
    }

    /// Hears a slow reply; if the node dies of it, asks something else, for the words that were heard already.
    fn wait_for_the_kill(&mut self) {
        let request = self.question(SLOWLY);
        let said = line::ask(self.port(), &request).map(|mut line| line::listen(&mut line, usize::MAX));
        let mut requests = vec![request];
        if let Ok(said) = said {
            self.shared.book.heard(&requests[0], &said.heard);
            match said.reply {
                Ok(reply) => self.shared.book.replied(&requests[0], &reply),
                Err(_) if said.heard.is_empty() => {}
                Err(_) => {
                    self.count("broke off in mid-reply");
                    requests.insert(0, self.question("instead, "));
                }
            }
        }
        self.settle(&requests);
    }

    /// Leaves a session as it is: whatever is open in it stays so.
    fn leave(&mut self) {
        self.count("sessions left");
        self.open = None;
    }

    fn stall(&mut self) {
        match self.dice.below(3) {
            0 => self.head_by_bytes(),
            1 => self.body_by_bytes(),
            _ => self.read_nothing(),
        }
    }

    /// Sends bytes so slowly that it would take minutes, on several lines; says how many were hung up on.
    fn by_bytes(&mut self, at_once: &str, slowly: &str, what: &str) {
        let Ok(mut lines) = (0..4).map(|_| line::open(self.port())).collect::<Result<Vec<_>, _>>() else { return };
        for line in &mut lines {
            let _ = line.set_read_timeout(Some(Duration::from_millis(1)));
            let _ = line.write_all(at_once.as_bytes());
        }
        let begun = Instant::now();
        let mut bytes = slowly.bytes().cycle();
        let all = lines.len();
        while !lines.is_empty() && begun.elapsed() < 2 * UNREAD && !self.stopped() {
            self.pause(300);
            let byte = bytes.next().unwrap_or_default();
            // Whoever is answered or hung up on reads something, or the end.
            lines.retain_mut(|line| line.write_all(&[byte]).is_ok() && line.read(&mut [0; 512]).is_err_and(is_waiting));
        }
        for _ in lines.len()..all {
            self.count(what);
        }
    }

    fn head_by_bytes(&mut self) {
        self.by_bytes("POST /v1/chat/completions HTTP/1.1\r\nhost: ", "a", "hung up on: a head by bytes");
    }

    fn body_by_bytes(&mut self) {
        let request = self.question("");
        let (name, header, body) = talk::chat(&request);
        let head = line::head("POST", "/v1/chat/completions", &[(name, header)], body.len());
        self.by_bytes(&head, " ", "hung up on: a body by bytes");
    }

    /// Asks for more than a line holds, reads nothing for longer than the node waits, and then asks again.
    fn read_nothing(&mut self) {
        let request = self.question(AT_LENGTH);
        if let Ok(mut line) = line::ask(self.port(), &request) {
            self.pause(UNREAD.as_millis().try_into().unwrap_or(u64::MAX));
            let said = line::listen(&mut line, usize::MAX);
            self.shared.book.heard(&request, &said.heard);
            match &said.reply {
                Ok(reply) => {
                    self.shared.book.replied(&request, reply);
                    self.count("read late, and whole");
                }
                Err(_) => self.count("hung up on: read nothing"),
            }
        }
        self.settle(&[request]);
    }

    /// The same turn many times at once: with the same words, or with others each time.
    fn ask_at_once(&mut self) {
        let same = self.dice.one_in(2);
        let first = self.question("at once: ");
        let mut requests = vec![first];
        while requests.len() < if same { 1 } else { AT_ONCE } {
            let next = self.question("at once: ");
            requests.push(next);
        }
        let one = |request: ChatRequest| {
            let (book, port) = (self.shared.clone(), self.port());
            std::thread::spawn(move || {
                let Ok(mut line) = line::ask(port, &request) else { return false };
                let said = line::listen(&mut line, usize::MAX);
                book.book.heard(&request, &said.heard);
                match said.reply {
                    Ok(reply) => {
                        book.book.replied(&request, &reply);
                        true
                    }
                    Err(code) => {
                        let code = if code.starts_with("broke") { "broke" } else { code.as_str() };
                        book.book.count(format!("at once: {code}"));
                        false
                    }
                }
            })
        };
        let threads: Vec<_> = requests.iter().cycle().take(AT_ONCE).cloned().map(one).collect();
        let served = threads.into_iter().map(|t| t.join().unwrap_or(false)).filter(|served| *served).count();
        for _ in 0..served {
            self.count("at once: served");
        }
        self.settle(&requests);
    }

    /// Hears a reply and asks for the next before it is paid; pays late, or never.
    fn pay_late(&mut self) {
        let request = self.question("");
        let went = self.finish(&[request]);
        if went != Went::Served {
            return self.end();
        }
        let next = self.question("for nothing, ");
        match self.chat(&next) {
            Ok(_) => self.fault("a turn was served before the last one was paid"),
            Err(error) => match error.code() {
                "node.not_paid" => self.count("refused: not paid"),
                "node.busy" | "node.transport" | "node.not_served" => {}
                code => self.fault(format!("who has not paid is refused with {code}: {error}")),
            },
        }
        if self.dice.one_in(6) {
            return self.leave();
        }
        let ms = self.dice.below(8_000);
        self.pause(ms);
        self.pay();
    }

    /// Asks past the deposit, without a pause.
    fn spend(&mut self) {
        for _ in 0..30 {
            if self.stopped() || self.open.is_none() {
                return;
            }
            let request = self.question("");
            let went = self.settle(&[request]);
            if went == Went::Exhausted {
                return self.count("deposits exhausted");
            }
        }
    }

    /// Vouchers that are not what is owed, and requests that somebody else signed.
    pub fn forge(&mut self) {
        let Some(open) = &self.open else { return };
        let offer = open.talk.offer.offer.clone();
        let (session, owed) = (open.talk.session, open.talk.owed());
        let domain = self.shared.desk.known.domain.clone();
        let more = Amount::from_base_units(owed.base_units() + 1);
        let strange = SessionId::from_bytes([self.dice.below(256) as u8; 32]);
        let thief = market::signer(self.number + 100_000);
        for (what, session, sum, by) in [
            ("too much", session, more, &self.signer),
            ("another's", session, more, &thief),
            ("of no session", strange, more, &self.signer),
        ] {
            let voucher = offer.voucher(session, sum);
            let signature = by.sign_digest(signing_digest(&domain, &voucher));
            match block_on(self.node().pay(&SignedVoucher { voucher, signature })) {
                Ok(()) => self.fault(format!("a voucher is taken that is {what}")),
                Err(error) => self.count(format!("voucher {what}: {}", error.code())),
            }
        }
        let good = self.question("");
        let claim = |turn| RequestClaim { session: good.session, turn, request: good.digest() };
        let signed = |by: &lazai_core::LocalSigner, turn| by.sign_digest(signing_digest(&domain, &claim(turn)));
        for (what, turn, session, signature) in [
            ("another's", good.turn, good.session, signed(&thief, good.turn)),
            ("of turn 0", 0, good.session, signed(&self.signer, 0)),
            ("of the last turn", u32::MAX, good.session, signed(&self.signer, u32::MAX)),
            ("of the next but one", good.turn + 1, good.session, signed(&self.signer, good.turn + 1)),
            ("unsigned", good.turn, good.session, Signature::from_bytes([7; 65])),
            ("of no session", good.turn, strange, good.signature),
        ] {
            let request = ChatRequest { turn, session, signature, ..good.clone() };
            match block_on(self.node().chat(&request, &mut |_| {})) {
                Ok(_) => self.fault(format!("a request is served that is {what}")),
                Err(error) => self.count(format!("request {what}: {}", error.code())),
            }
        }
    }
}

fn is_waiting(error: std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}
