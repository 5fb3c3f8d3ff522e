//! What a node's front counts, in Prometheus' words.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use lazai_core::Asset;
use lazai_lora::EngineCounts;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::provider::Earnings;

/// A label with its value.
type Labels = Vec<(&'static str, String)>;

/// Seconds to the first piece of a reply: from a hundredth to a minute.
const FIRST_S: [f64; 12] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// Seconds for each token after it.
const TOKEN_S: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

/// What may become of a request.
const OUTCOMES: [&str; 7] = ["served", "unpaid", "refused", "limited", "busy", "failed", "left"];
/// What requests are counted of, to limit them.
const LIMITED: [&str; 3] = ["address", "session", "consumer"];

/// Counts of a front. Nothing in them names a person, a session or a word.
#[derive(Debug)]
pub(in crate::http) struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    limited: Family<Labels, Counter>,
    tokens: Family<Labels, Counter>,
    first_s: Histogram,
    token_s: Histogram,
    spoken: Counter<u64, AtomicU64>,
    waiting: Gauge,
    draining: Gauge,
    book: Gauge,
    engine: Family<Labels, Counter<u64, AtomicU64>>,
    money: Family<Labels, Gauge<f64, AtomicU64>>,
    sessions: Family<Labels, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("lazai");
        let (requests, tokens, engine, money) =
            (Family::default(), Family::default(), Family::default(), Family::default());
        let (limited, sessions) = (Family::default(), Family::default());
        let (draining, book) = (Gauge::default(), Gauge::default());
        let (first_s, token_s) = (Histogram::new(FIRST_S), Histogram::new(TOKEN_S));
        let (waiting, spoken) = (Gauge::default(), Counter::default());
        registry.register("requests", "Requests for replies, by what became of them", Family::clone(&requests));
        registry.register("limited", "Requests beyond a limit, by what is limited", Family::clone(&limited));
        registry.register("tokens", "Tokens that were read and said, and are owed for", Family::clone(&tokens));
        registry.register("spoken_characters", "Characters that were spoken, and are owed for", spoken.clone());
        registry.register(
            "first_piece_seconds",
            "Time from a request to the first piece of its reply",
            first_s.clone(),
        );
        registry.register("token_seconds", "Time for each token after the first piece", token_s.clone());
        registry.register("requests_under_way", "Requests that are answered or wait", waiting.clone());
        registry.register("draining", "1 while the node is stopping, and begins no more replies", draining.clone());
        let about = "1 while the book answers; sums of money are those that were read last";
        registry.register("book_answers", about, book.clone());
        registry.register("engine", "What the engine did: passes, and tokens by kind", Family::clone(&engine));
        let about = "What the node's book and the ledger say of money, in base units; floats are exact to 15 digits";
        registry.register("money_base_units", about, Family::clone(&money));
        registry.register("sessions", "Sessions in the book", Family::clone(&sessions));
        let metrics = Self {
            registry,
            requests,
            limited,
            draining,
            book,
            tokens,
            spoken,
            first_s,
            token_s,
            waiting,
            engine,
            money,
            sessions,
        };
        // What did not happen yet is none, rather than nothing.
        OUTCOMES.iter().for_each(|outcome| metrics.outcome(outcome, 0));
        LIMITED.iter().for_each(|whose| metrics.limit(whose, 0));
        ["prompt", "completion"].iter().for_each(|kind| metrics.count(kind, 0));
        metrics
    }
}

/// A reply, as it is measured.
pub(in crate::http) struct Measured {
    pub first: Option<Duration>,
    pub whole: Duration,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
}

impl Metrics {
    /// Counts a request by the status of its answer.
    pub(in crate::http) fn answered(&self, status: u16) {
        let outcome = match status {
            200..300 => "served",
            402 => "unpaid",
            429 => "limited",
            503 => "busy",
            500.. => "failed",
            _ => "refused",
        };
        self.outcome(outcome, 1);
    }

    /// Counts a request beyond a limit of an address, a session or a consumer.
    pub(in crate::http) fn limited(&self, whose: &str) {
        self.limit(whose, 1);
    }

    fn limit(&self, whose: &str, more: u64) {
        self.limited.get_or_create(&vec![("by", whose.to_owned())]).inc_by(more);
    }

    /// Counts a reply whose client left.
    pub(in crate::http) fn left(&self) {
        self.outcome("left", 1);
    }

    /// Requests for replies so far, by what became of them.
    pub(super) fn outcomes(&self) -> BTreeMap<&'static str, u64> {
        let count = |outcome: &str| self.requests.get_or_create(&vec![("outcome", outcome.to_owned())]).get();
        OUTCOMES.iter().map(|outcome| (*outcome, count(outcome))).collect()
    }

    fn outcome(&self, outcome: &str, more: u64) {
        self.requests.get_or_create(&vec![("outcome", outcome.to_owned())]).inc_by(more);
    }

    fn count(&self, kind: &str, tokens: u64) {
        self.tokens.get_or_create(&vec![("kind", kind.to_owned())]).inc_by(tokens);
    }

    pub(in crate::http) fn replied(&self, reply: &Measured) {
        self.count("prompt", reply.prompt_tokens);
        self.count("completion", reply.completion_tokens);
        let first = reply.first.unwrap_or(reply.whole);
        self.first_s.observe(first.as_secs_f64());
        if reply.completion_tokens > 1 {
            let rest = reply.whole.saturating_sub(first).as_secs_f64();
            self.token_s.observe(rest / (reply.completion_tokens - 1) as f64);
        }
    }

    /// Counts the characters of a text that was spoken.
    pub(in crate::http) fn spoken(&self, characters: u64) {
        self.spoken.inc_by(characters);
    }

    /// All counts as text, with what engine and book say at this moment; of a book that does not answer, what it said last.
    pub(super) fn text(
        &self,
        waiting: usize,
        is_draining: bool,
        engine: Option<EngineCounts>,
        money: Option<&BTreeMap<Asset, Earnings>>,
    ) -> Result<String, std::fmt::Error> {
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.draining.set(is_draining.into());
        self.book.set(money.is_some().into());
        if let Some(counts) = engine {
            for (kind, value) in [
                ("steps", counts.steps),
                ("read_tokens", counts.read_tokens),
                ("known_tokens", counts.known_tokens),
                ("disk_tokens", counts.disk_tokens),
                ("reply_tokens", counts.reply_tokens),
                ("guessed_tokens", counts.guessed_tokens),
                ("right_guesses", counts.right_guesses),
            ] {
                let counter = self.engine.get_or_create(&vec![("kind", kind.to_owned())]);
                counter.inner().store(value, std::sync::atomic::Ordering::Relaxed);
            }
        }
        for (asset, earnings) in money.into_iter().flatten() {
            let Earnings { sessions, open_sessions, owed, signed, redeemed, at_risk } = *earnings;
            for (kind, count) in [("all", sessions), ("open", open_sessions)] {
                let labels = vec![("asset", asset.0.to_string()), ("kind", kind.to_owned())];
                self.sessions.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
            }
            for (kind, amount) in [("owed", owed), ("signed", signed), ("redeemed", redeemed), ("at_risk", at_risk)] {
                let labels = vec![("asset", asset.0.to_string()), ("kind", kind.to_owned())];
                self.money.get_or_create(&labels).set(amount.base_units() as f64);
            }
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
