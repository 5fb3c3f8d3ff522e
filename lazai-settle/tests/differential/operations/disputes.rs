//! Bonds of nodes, and disputes about their replies.

use lazai_settle::dispute::{Outcome, TrainingDoubt};
use lazai_settle::ledger::evm::disputes;
use lazai_settle::session::Receipt;

use super::*;

/// A bond is posted, leaves, or is taken.
pub fn bond(w: &mut World) -> Told {
    let node = [NODES[0], NODES[1], EXEX][w.below(3) as usize];
    let (who, units) = (w.mostly(node), u128::from(w.below(4_000)));
    let (contract, account, amount) = (w.chain.disputes, w.address(who), Amount::from_base_units(units));
    match w.below(8) {
        0 => {
            let on_chain = w.chain.send(account, contract, 0, &Disputes::leaveBondCall { amount: units }).is_ok();
            told("leave with a bond", act(w, who, &Transaction::LeaveBond { amount }).is_some(), on_chain)
        }
        1 => {
            if w.market.bond_of(account).leaving != Amount::ZERO && w.one_in(2) {
                // Once its time is over.
                w.now_s = w.now_s.max(w.market.bond_of(account).available_at_s.min(w.now_s + 60 * 86_400) + w.below(2));
                let now_s = w.now_s;
                w.chain.at(now_s);
            }
            let on_chain = w.chain.send(account, contract, 0, &Disputes::takeBondCall {}).is_ok();
            told("take a bond", act(w, who, &Transaction::TakeBond).is_some(), on_chain)
        }
        _ => {
            let on_chain = w.chain.send(account, contract, units, &Disputes::postBondCall {}).is_ok();
            let done = paid(w, who, Asset::NATIVE, amount, &Transaction::PostBond { amount });
            told("post a bond", done.is_some(), on_chain)
        }
    }
}

/// A dispute is opened, voted on, or lapses: mostly one that is open.
pub fn dispute(w: &mut World) -> Told {
    let open: Vec<Digest> = w.quarrels.iter().rev().take(6).copied().collect();
    let is_open = |w: &World, id: &Digest| w.market.dispute(*id).is_some_and(|d| d.outcome.is_none());
    let all = w.one_in(10);
    let open: Vec<Digest> = open.into_iter().filter(|id| all || is_open(w, id)).collect();
    let at = w.below(open.len() as u64) as usize;
    match (open.get(at).copied(), w.below(8)) {
        (Some(id), 0..=4) => vote_on(w, id),
        (Some(id), 5) => lapse(w, id),
        _ if w.below(3) == 0 => doubt_training(w),
        _ => doubt(w),
    }
}

fn vote_on(w: &mut World, id: Digest) -> Told {
    // Most agree on it, or nothing would be decided.
    let (who, mostly) = (w.below(VALIDATORS as u64 + 1) as usize, id.as_bytes()[0].is_multiple_of(2));
    let same = mostly != w.one_in(5);
    let contract = w.chain.disputes;
    let call = Disputes::voteCall { id: b(id), same };
    let on_chain = w.chain.send(w.address(who), contract, 0, &call).is_ok();
    let done = act(w, who, &Transaction::VoteOnDispute { dispute: id, same });
    let kind = match w.market.dispute(id).and_then(|dispute| dispute.outcome).filter(|_| done.is_some()) {
        Some(Outcome::Same) => "decide for a reply or a training",
        Some(Outcome::Other) => "decide against one",
        Some(Outcome::Undecided) => "give a dispute up",
        None => "vote on a dispute",
    };
    told(kind, done.is_some(), on_chain)
}

fn lapse(w: &mut World, id: Digest) -> Told {
    let deadline_s = w.market.dispute(id).map_or(0, |d| d.deadline_s);
    w.now_s = if w.below(3) == 0 { w.now_s.max(deadline_s + w.below(2)) } else { w.now_s };
    let (now_s, contract) = (w.now_s, w.chain.disputes);
    w.chain.at(now_s);
    let on_chain = w.chain.send(w.address(13), contract, 0, &Disputes::lapseCall { id: b(id) }).is_ok();
    told("lapse a dispute", act(w, 13, &Transaction::LapseDispute { dispute: id }).is_some(), on_chain)
}

/// The training of a submission is doubted at some state: of one that is minted, or not; by who had a part in it, or not.
fn doubt_training(w: &mut World) -> Told {
    let at = w.below(w.submissions.len() as u64) as usize;
    let submission = if w.one_in(15) { SubmissionId::ZERO } else { w.submissions[at] };
    let (submitter, shares) = w.market.submission(submission).map_or((Address::ZERO, Vec::new()), |state| {
        let contributors = state.submission.shares.iter().map(|share| share.contributor);
        (state.submitter, contributors.collect())
    });
    let of = w.below(shares.len() as u64 + 1) as usize;
    let doubter = w.person(shares.get(of).copied().unwrap_or(submitter)).unwrap_or(0);
    let (who, state) = (w.mostly(doubter), w.below(3) as u32);
    let free = w.market.bond_of(w.address(EXEX)).free().unwrap().base_units();
    let units = if w.one_in(10) { free + 1 } else { u128::from(w.below(900)).min(free) };
    let (contract, account, stake) = (w.chain.disputes, w.address(who), Amount::from_base_units(units));
    let call = Disputes::openTrainingCall { submission: id32(submission.as_bytes()), state };
    let answer = w.chain.send(account, contract, units, &call);
    let id = TrainingDoubt { submission, state, challenger: account }.hash_struct();
    if let Ok(found) = &answer {
        assert_eq!(found, &b(id), "the dispute's name");
    }
    let transaction = Transaction::DisputeTraining { submission, state, stake };
    let done = paid(w, who, Asset::NATIVE, stake, &transaction).is_some();
    w.quarrels.push(id);
    told("doubt a training", done, answer.is_ok())
}

/// A receipt of a session is doubted: seldom by a stranger, of another node, once more, or with nothing.
fn doubt(w: &mut World) -> Told {
    let known = w.doubted.last().cloned().filter(|r| w.sessions.contains_key(&r.session) && w.one_in(8));
    let Some(session) = known.as_ref().map(|r| r.session).or_else(|| some_session(w)) else {
        return told("doubt nothing", true, true);
    };
    let (payer, consumer, nonce) =
        (w.sessions[&session].payer, w.sessions[&session].consumer, w.sessions[&session].nonce);
    let offer = w.sessions[&session].offer.clone();
    let node = w.person(offer.node).unwrap_or(0);
    let receipt = known.unwrap_or_else(|| Receipt {
        session: if w.one_in(15) { SessionId::ZERO } else { session },
        turn: w.below(1_000) as u32,
        request_digest: sha256(b"request"),
        reply_digest: sha256(&w.below(u64::MAX).to_le_bytes()),
        prompt_tokens: w.below(u64::MAX),
        completion_tokens: w.below(100),
        tokenizer_digest: sha256(b"tokenizer"),
        temperature_milli: u32::MAX,
        top_p_milli: 1_000,
        seed: w.below(u64::MAX),
        base_digest: sha256(b"base"),
        adapter_digest: sha256(b"adapter"),
        cumulative: Amount::from_base_units(w.amount()),
    });
    let signer = w.mostly(node);
    let signature = w.signed(signer, &receipt);
    let doubter = if w.below(2) == 0 { payer } else { consumer };
    let who = w.mostly(doubter);
    let free = w.market.bond_of(offer.node).free().unwrap().base_units();
    let units = match w.below(8) {
        0 => u128::from(w.below(200)),
        1 => free,
        2 => free + 1,
        _ => (100 + u128::from(w.below(900))).min(free),
    };
    let named = Disputes::Named {
        payer: to_evm(w.address(payer)),
        nonce,
        consumer: to_evm(w.address(consumer)),
        offer: disputes::offer(&abi::offer(&offer)),
    };
    let call = Disputes::openCall { session: named, receipt: disputes::receipt(&receipt), signature: bytes(signature) };
    let contract = w.chain.disputes;
    let answer = w.chain.send(w.address(who), contract, units, &call);
    if let Ok(found) = &answer {
        assert_eq!(found, &b(receipt.hash_struct()), "the dispute's name");
    }
    let stake = Amount::from_base_units(units);
    let transaction = Transaction::OpenDispute { receipt: receipt.clone(), signature, stake };
    let done = paid(w, who, Asset::NATIVE, stake, &transaction).is_some();
    w.quarrels.push(receipt.hash_struct());
    w.doubted.push(receipt);
    told("doubt a reply", done, answer.is_ok())
}
