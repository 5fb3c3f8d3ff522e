//! The link of an attested enclave: which replies were asked for under a key that a quote is of.

use lazai_core::{Address, Domain};

use super::evidence::Evidence;
use super::{Link, Trust};
use crate::enclave::{EnclavePolicy, HeldQuote};
use crate::memory::date;
use crate::seal::SignedSealTerms;

/// The link's name.
pub(super) const LINK: &str = "enclave";
const NOT_SAID: &str = "that these replies' requests were sealed to that key: it is the word of whose evidence it is; what the program does with \
                        what it reads; and what the vendor has taken back since";

/// The link, if there is anything to say: evidence with a quote for its last reply, or a reader who asks for one. `node` is the session's.
pub(super) fn link(evidence: &Evidence, policy: Option<&EnclavePolicy>, node: Result<Address, String>) -> Option<Link> {
    let last = evidence.receipts.last().map(|signed| signed.receipt.turn);
    let of_last = evidence.quotes.iter().find(|held| last.is_some_and(|last| held.turns.contains(&last)));
    if of_last.is_none() && policy.is_none() {
        return None;
    }
    let walked = node.and_then(|node| walk(evidence, of_last, policy, node));
    let (trust, says) = walked.unwrap_or_else(|reason| (Trust::Broken, reason));
    Some(Link { name: LINK.into(), trust, says, not_said: NOT_SAID.into() })
}

fn walk(
    evidence: &Evidence,
    of_last: Option<&HeldQuote>,
    policy: Option<&EnclavePolicy>,
    node: Address,
) -> Result<(Trust, String), String> {
    let Some(of_last) = of_last else {
        return Err("no quote is held for the last reply: nothing shows an enclave".into());
    };
    let Some(policy) = policy else {
        let (hardware, turns) = (of_last.quote.hardware(), turns(of_last));
        let says = format!("a quote of {hardware} is there for {turns}; without a policy of yours, nobody checked it");
        return Ok((Trust::Claimed, says));
    };
    let mut found = Vec::new();
    for held in &evidence.quotes {
        let told = check(held, policy, &evidence.genesis.domain, node);
        found.push(told.map_err(|error| format!("the quote of {}: {error}", turns(held)))?);
    }
    Ok((Trust::Attested, found.join("; ")))
}

/// Checks a quote as of the time when the consumer did, which has to be within the key's.
fn check(held: &HeldQuote, policy: &EnclavePolicy, domain: &Domain, node: Address) -> Result<String, String> {
    let at_s = held.checked_at_s;
    let SignedSealTerms { terms, .. } = &held.seal;
    held.seal.check(domain, node, at_s).map_err(|e| e.to_string())?;
    // A node's key is told for a day and an hour: a time before that is none at which it was checked.
    if terms.valid_until_s.saturating_sub(at_s) > MOST_S {
        return Err(format!("it was checked on {}, before the key was told", date(at_s)));
    }
    let attested = policy.check(&held.quote, terms, domain, at_s).map_err(|e| e.to_string())?;
    Ok(format!("{} {}: attested enclave, {attested}", date(at_s), turns(held)))
}

/// The time for which nodes tell a key, in seconds: a day, and an hour for what is under way.
const MOST_S: u64 = 86_400 + 3_600;

/// The turns of a quote, as a reader is told them.
fn turns(held: &HeldQuote) -> String {
    match &held.turns[..] {
        [one] => format!("reply {one}"),
        [first, .., last] => format!("{} replies from {first} to {last}", held.turns.len()),
        [] => "no reply".into(),
    }
}
