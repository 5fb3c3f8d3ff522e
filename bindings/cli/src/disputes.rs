//! `bond` and `dispute`.

use lazai_facade::native::disputes::{self, DisputeState, NodeBond};
use lazai_facade::native::market::Market;
use lazai_facade::{LazaiError, LocalKey};
use pollster::block_on;
use serde_json::json;

use crate::acting::{acting, named, reading};
use crate::args::{self, BondAction, DisputeAction};
use crate::{Done, Output, read};

/// The roles of a local market, if no other is named.
const NODE: &str = "node";
const CONSUMER: &str = "consumer";
const CREATOR: &str = "creator";
const VALIDATOR: &str = "validator-1";

pub(crate) fn bond(verb: &args::Bond, out: &mut Output<'_>) -> Done {
    let (market, node) = match &verb.action {
        BondAction::Post { amount, label, acting: of } => {
            let (market, key) = acting(of, NODE)?;
            block_on(market.post_bond(key.clone(), named_so(label.as_deref())?, amount.clone()))?;
            (market, key.address())
        }
        BondAction::Leave { amount, label, acting: of } => {
            let (market, key) = acting(of, NODE)?;
            block_on(market.leave_bond(key.clone(), named_so(label.as_deref())?, amount.clone()))?;
            (market, key.address())
        }
        BondAction::Take { label, acting: of } => {
            let (market, key) = acting(of, NODE)?;
            block_on(market.take_bond(key.clone(), named_so(label.as_deref())?))?;
            (market, key.address())
        }
        BondAction::Show { reading: of } => {
            let (market, account) = reading(of, NODE)?;
            (market, named(account)?)
        }
    };
    block_on(market.refresh())?;
    out.tell(&market.bond(node)?, for_people)?;
    Ok(true)
}

/// The caller's name for an action, or a new one.
fn named_so(label: Option<&str>) -> Result<String, LazaiError> {
    label.map_or_else(|| Ok(LocalKey::random()?.address()), |label| Ok(label.to_owned()))
}

fn for_people(bond: &NodeBond) -> String {
    let NodeBond { node, bonded, leaving, locked, available_at_s } = bond;
    let mut text = format!("{node} has a bond of {bonded} base units, and {locked} in disputes");
    if leaving != "0" {
        text += &match crate::when(*available_at_s) {
            when if when == "now" => format!("; {leaving} can be taken"),
            when => format!("; {leaving} can be taken {when}"),
        };
    }
    text
}

pub(crate) fn dispute(verb: &args::Dispute, out: &mut Output<'_>) -> Done {
    match &verb.action {
        DisputeAction::Open { evidence, stake, acting: of } => {
            let (market, key) = acting(of, CONSUMER)?;
            let opened = block_on(market.open_dispute(key, read(evidence)?, stake.clone()))?;
            show(&market, opened, out)?;
        }
        DisputeAction::Training { submission, state, stake, acting: of } => {
            let (market, key) = acting(of, CREATOR)?;
            let opened = block_on(market.dispute_training(key, submission.clone(), *state, stake.clone()))?;
            show(&market, opened, out)?;
        }
        DisputeAction::Vote { dispute, word, acting: of } => {
            let (market, key) = acting(of, VALIDATOR)?;
            let same = matches!(word, args::Word::Same);
            block_on(market.vote_on_dispute(key, dispute.clone(), same))?;
            show(&market, dispute.clone(), out)?;
        }
        DisputeAction::Lapse { dispute, acting: of } => {
            let (market, key) = acting(of, CONSUMER)?;
            block_on(market.lapse_dispute(key, dispute.clone()))?;
            show(&market, dispute.clone(), out)?;
        }
        DisputeAction::Show { dispute, reading: of } => {
            let (market, _) = reading(of, CONSUMER)?;
            if let Some(dispute) = dispute {
                show(&market, dispute.clone(), out)?;
                return Ok(true);
            }
            block_on(market.refresh())?;
            let all = market.disputes();
            if all.is_empty() {
                out.tell(&json!({"disputes": 0}), |_| "no disputes".into())?;
            }
            for dispute in &all {
                out.tell(dispute, told)?;
            }
        }
    }
    Ok(true)
}

fn show(market: &Market, dispute: String, out: &mut Output<'_>) -> Result<(), LazaiError> {
    block_on(market.refresh())?;
    out.tell(&market.dispute(dispute)?, told)
}

/// A dispute, for people.
fn told(found: &disputes::Dispute) -> String {
    let disputes::Dispute { dispute, node, challenger, stake, same, other, total, .. } = found;
    let state = match found.state {
        DisputeState::Open => match crate::when(found.deadline_s) {
            when if when == "now" => "its time is over".to_owned(),
            when => format!("the vote ends {when}"),
        },
        DisputeState::Same => "repeated: the challenger paid".into(),
        DisputeState::Other => format!("not what was claimed: {node} paid"),
        DisputeState::Undecided => "not decided: nobody paid".into(),
    };
    let subject = match (&found.session, found.turn, &found.submission, found.training_state) {
        (Some(session), Some(turn), ..) => format!("reply {turn} of session {session}"),
        (.., Some(submission), Some(state)) => format!("state {state} of the training of {submission}"),
        _ => "another subject".to_owned(),
    };
    format!(
        "{dispute}: {state}\n  {subject}, signed by {node}, doubted by {challenger} for {stake} base units\n  \
         the same: {same} of {total}; another: {other} of {total}"
    )
}
