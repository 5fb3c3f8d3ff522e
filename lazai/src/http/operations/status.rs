//! What a node's operator sees at a glance: the state, what was said in the last hour, what is remembered, and the money.

use std::collections::BTreeMap;

use lazai_core::{Amount, Asset};
use lazai_lora::EngineCounts;
use serde::Serialize;

use super::Sums;
use super::samples::{SPAN_S, Span};
use crate::http::Front;
use crate::provider::{Earner, Earnings};
use crate::wire::talk::model_id;

/// All of it, as `/status.json` tells it. Sums are decimal texts of base units: a JavaScript number would lose their digits.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    /// `serving` or `draining`.
    pub state: &'static str,
    pub version: &'static str,
    pub node: String,
    pub ledger: String,
    pub device: String,
    pub up_s: u64,
    pub requests: Requests,
    pub sessions: Sessions,
    pub last_hour: Hour,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    pub money: Vec<Money>,
    pub characters: Vec<Served>,
}

#[derive(Debug, Serialize)]
pub(super) struct Requests {
    pub under_way: usize,
    pub most: usize,
    /// Since it was started, by what became of them.
    pub outcomes: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Sessions {
    pub all: u64,
    pub open: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Hour {
    pub span_s: u64,
    /// The oldest first; the last one is not over yet.
    pub spans: Vec<Span>,
}

/// Tokens of conversations since the start, by where what was computed of them came from.
#[derive(Debug, Serialize)]
pub(super) struct Engine {
    pub steps: u64,
    pub read_tokens: u64,
    pub known_tokens: u64,
    pub disk_tokens: u64,
    pub reply_tokens: u64,
    pub guessed_tokens: u64,
    pub right_guesses: u64,
}

/// Sums in one asset.
#[derive(Debug, Serialize)]
pub(super) struct Money {
    pub asset: String,
    #[serde(flatten)]
    pub sums: Amounts,
}

/// What a version is and earned, in one asset.
#[derive(Debug, Serialize)]
pub(super) struct Served {
    pub model: String,
    /// The character's name, as the ledger has it.
    pub name: Option<String>,
    pub class: u64,
    pub version: u32,
    pub asset: String,
    /// True if sessions are offered now.
    pub offered: bool,
    pub sessions: u64,
    pub open_sessions: u64,
    #[serde(flatten)]
    pub sums: Amounts,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Amounts {
    pub owed: Amount,
    pub signed: Amount,
    pub redeemed: Amount,
    pub at_risk: Amount,
}

impl From<&Earnings> for Amounts {
    fn from(earnings: &Earnings) -> Self {
        let Earnings { owed, signed, redeemed, at_risk, .. } = *earnings;
        Self { owed, signed, redeemed, at_risk }
    }
}

impl Status {
    /// What a front tells of itself, with sums of its book.
    pub fn of(front: &Front, sums: &Sums) -> Self {
        let (provider, samples) = (front.provider(), front.samples());
        let market = provider.ledger().market();
        let mut sessions = Sessions::default();
        for earnings in sums.by_asset.values() {
            sessions.all += earnings.sessions;
            sessions.open += earnings.open_sessions;
        }
        let offered: Vec<_> = front.terms().map(|terms| (terms.class, terms.version, terms.asset)).collect();
        // What is offered and earned nothing yet is told, too.
        let none = Earnings::default();
        let mut all: BTreeMap<Earner, &Earnings> =
            offered.iter().map(|&(class, version, asset)| (Earner { class, version, asset }, &none)).collect();
        all.extend(sums.by_version.iter().map(|(earner, earnings)| (*earner, earnings)));
        let served = |(Earner { class, version, asset }, earnings): (Earner, &Earnings)| Served {
            model: model_id(class, version),
            name: market.class(class).and_then(|c| c.version(version)).map(|v| v.metadata.character.clone()),
            class: class.0,
            version: version.0,
            asset: name(asset),
            offered: offered.contains(&(class, version, asset)),
            sessions: earnings.sessions,
            open_sessions: earnings.open_sessions,
            sums: earnings.into(),
        };
        Self {
            state: if front.is_draining() { "draining" } else { "serving" },
            version: env!("CARGO_PKG_VERSION"),
            node: provider.address().to_string(),
            ledger: market.ledger().to_string(),
            device: provider.about().device.clone(),
            up_s: samples.age().as_secs(),
            requests: Requests {
                under_way: front.under_way(),
                most: front.most_under_way(),
                outcomes: front.metrics().outcomes(),
            },
            sessions,
            last_hour: Hour { span_s: SPAN_S, spans: samples.spans() },
            engine: provider.counts().map(Engine::from),
            money: sums.by_asset.iter().map(|(asset, e)| Money { asset: name(*asset), sums: e.into() }).collect(),
            characters: all.into_iter().map(served).collect(),
        }
    }
}

impl From<EngineCounts> for Engine {
    fn from(counts: EngineCounts) -> Self {
        Self {
            steps: counts.steps,
            read_tokens: counts.read_tokens,
            known_tokens: counts.known_tokens,
            disk_tokens: counts.disk_tokens,
            reply_tokens: counts.reply_tokens,
            guessed_tokens: counts.guessed_tokens,
            right_guesses: counts.right_guesses,
        }
    }
}

fn name(asset: Asset) -> String {
    asset.0.to_string()
}
