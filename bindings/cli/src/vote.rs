//! `propose`, `proposals`, `vote` and `execute`.

use lazai_facade::LazaiError;
use lazai_facade::native::market::Proposal;
use pollster::block_on;
use serde_json::{Value, json};

use crate::acting::acting;
use crate::args;
use crate::{Done, Output};

/// The voter of a local market, if no other is named.
const VOTER: &str = "creator";

pub(crate) fn propose(verb: &args::Propose, out: &mut Output<'_>) -> Done {
    let (market, key) = acting(&verb.acting, VOTER)?;
    let args::Propose { creator, node, pool, label, .. } = verb;
    let proposed = market.propose_split(key.clone(), label.clone(), *creator, *node, *pool);
    let Some(proposal) = block_on(proposed)? else {
        return Err(LazaiError::new("ledger", "the ledger tells no number of the proposal"));
    };
    let told = json!({"proposal": proposal, "proposer": key.address(), "split": [creator, node, pool]});
    out.tell(&told, |_| format!("proposal {proposal}: a split of {creator}/{node}/{pool} bps"))?;
    Ok(true)
}

pub(crate) fn proposals(verb: &args::Proposals, out: &mut Output<'_>) -> Done {
    let (market, _) = acting(&verb.acting, VOTER)?;
    block_on(market.refresh())?;
    let all = market.proposals()?;
    if all.is_empty() && !out.json {
        out.piece("no proposals\n");
    }
    for proposal in all {
        out.tell(&proposal, told)?;
    }
    Ok(true)
}

/// A proposal, for people.
fn told(proposal: &Proposal) -> String {
    let Proposal { number, in_favour, against, voting_ends_s, executed, .. } = proposal;
    let measure: Value = serde_json::from_str(&proposal.measure).unwrap_or_default();
    let share = |of: &str| measure["body"]["split"][format!("{of}_bps")].as_u64();
    let what = match (share("creator"), share("node"), share("pool")) {
        (Some(creator), Some(node), Some(pool)) => format!("a split of {creator}/{node}/{pool} bps"),
        _ => proposal.measure.clone(),
    };
    let state = match (executed, crate::when(*voting_ends_s)) {
        (true, _) => "executed".to_owned(),
        (false, when) if when == "now" => "the vote is over".into(),
        (false, when) => format!("the vote ends {when}"),
    };
    format!("{number}: {what}; {in_favour} in favour, {against} against; {state}")
}

pub(crate) fn vote(verb: &args::Vote, out: &mut Output<'_>) -> Done {
    let (market, key) = acting(&verb.acting, VOTER)?;
    let in_favour = matches!(verb.choice, args::Choice::Yes);
    block_on(market.vote(key.clone(), verb.proposal, in_favour))?;
    let voted = json!({"proposal": verb.proposal, "inFavour": in_favour, "voter": key.address()});
    let choice = if in_favour { "yes" } else { "no" };
    out.tell(&voted, |_| format!("{} voted {choice} on proposal {}", key.address(), verb.proposal))?;
    Ok(true)
}

pub(crate) fn execute(verb: &args::Execute, out: &mut Output<'_>) -> Done {
    let (market, key) = acting(&verb.acting, VOTER)?;
    block_on(market.execute(key, verb.proposal))?;
    let told = json!({"executed": verb.proposal});
    out.tell(&told, |_| format!("proposal {} is in force for sessions opened from now on", verb.proposal))?;
    Ok(true)
}
