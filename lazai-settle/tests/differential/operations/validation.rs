//! Submissions, verdicts, stakes, challenges.

use super::*;

pub fn submit(w: &mut World) -> Told {
    let creator = CREATORS[w.below(2) as usize];
    let (id, submission) = w.submission(creator);
    let shares = submission.shares.iter().map(|s| DatasetRegistry::Share {
        contributor: to_evm(s.contributor),
        tokens: s.tokens,
        root: b(s.root),
        licence: b(keccak256(b"CC0-1.0")),
        consent: b(keccak256(b"yes")),
        signature: bytes(s.consent),
    });
    let dataset = DatasetRegistry::Submission {
        nonce: submission.nonce,
        statement: b(submission.statement),
        root: b(submission.root),
        proof: b(submission.proof),
        ciphertext: b(submission.ciphertext),
        pointer: String::new(),
        sealedKey: submission.sealed_key.to_bytes().to_vec().into(),
        exex: to_evm(submission.exex),
        class: submission.lineage.class().map_or(0, |class| class.0),
        afterVersion: submission.lineage.after().map_or(0, |version| version.0),
        keepBps: submission.lineage.keep().get(),
        shares: shares.collect(),
    };
    let call = DatasetRegistry::submitCall { dataset, publicPart: submission.public_part.clone().into_bytes().into() };
    let registry = w.chain.registry;
    let answer = w.chain.send(w.address(creator), registry, 0, &call);
    if let Ok(found) = &answer {
        assert_eq!(found, &id32(id.as_bytes()), "the submission's id");
    }
    let done = act(w, creator, &Transaction::Submit(submission)).is_some();
    if done {
        w.submissions.push(id);
    }
    told("submit", done, answer.is_ok())
}

pub fn some_submission(w: &mut World) -> Option<SubmissionId> {
    let recent = w.submissions.len().min(3) as u64;
    let back = w.below(recent.max(1)) as usize + 1;
    w.submissions.len().checked_sub(back).map(|i| w.submissions[i])
}

pub fn attestation(w: &mut World, id: SubmissionId) -> Attestation {
    let content = w.market.submission(id).unwrap().submission.content();
    let accepted = !w.one_in(10);
    let content = if w.one_in(60) { sha256(b"other") } else { content };
    Attestation { submission: id, content, accepted }
}

pub fn verdict(w: &mut World, who: usize, id: SubmissionId) -> Verdict {
    let attestation = attestation(w, id);
    let signer = if w.one_in(60) { w.anyone() } else { who };
    Verdict { validator: w.address(who), attestation, signature: w.signed(signer, &attestation) }
}

pub fn attest(w: &mut World) -> Told {
    let Some(id) = some_submission(w) else { return told("attest nothing", true, true) };
    let mut verdicts = Vec::new();
    for validator in 0..VALIDATORS {
        if w.one_in(3) {
            continue;
        }
        let who = if w.one_in(60) { w.anyone() } else { validator };
        verdicts.push(verdict(w, who, id));
    }
    if verdicts.is_empty() {
        return told("attest nothing", true, true);
    }
    bring(w, id, verdicts)
}

pub fn bring(w: &mut World, id: SubmissionId, verdicts: Vec<Verdict>) -> Told {
    let on_chain = verdicts.iter().map(abi::verdict).collect();
    let call = ValidatorQuorum::attestCall { id: id32(id.as_bytes()), verdicts: on_chain };
    let (quorum, stranger) = (w.chain.quorum, w.address(13));
    let on_chain = w.chain.send(stranger, quorum, 0, &call).is_ok();
    told("attest", act(w, 13, &Transaction::Attest(verdicts)).is_some(), on_chain)
}

pub fn stake(w: &mut World) -> Told {
    let (who, units) = (w.below(VALIDATORS as u64 + 1) as usize, u128::from(w.below(5_000)));
    let (quorum, account, amount) = (w.chain.quorum, w.address(who), Amount::from_base_units(units));
    match w.below(4) {
        0 => {
            let call = ValidatorQuorum::requestUnstakeCall { amount: units };
            let on_chain = w.chain.send(account, quorum, 0, &call).is_ok();
            told("unstake", act(w, who, &Transaction::Unstake { amount }).is_some(), on_chain)
        }
        1 => {
            let on_chain = w.chain.send(account, quorum, 0, &ValidatorQuorum::withdrawStakeCall {}).is_ok();
            told("withdraw stake", act(w, who, &Transaction::WithdrawStake).is_some(), on_chain)
        }
        _ => stake_of(w, who, units),
    }
}

pub fn stake_of(w: &mut World, who: usize, units: u128) -> Told {
    let (quorum, account, amount) = (w.chain.quorum, w.address(who), Amount::from_base_units(units));
    let on_chain = w.chain.send(account, quorum, units, &ValidatorQuorum::stakeCall {}).is_ok();
    told("stake", paid(w, who, Asset::NATIVE, amount, &Transaction::Stake { amount }).is_some(), on_chain)
}

pub fn slash(w: &mut World) -> Told {
    let Some(id) = some_submission(w) else { return told("slash nothing", true, true) };
    let who = w.below(VALIDATORS as u64 + 1) as usize;
    let (one, mut other) = (verdict(w, who, id), verdict(w, who, id));
    if !w.one_in(4) {
        other.attestation.accepted = !one.attestation.accepted;
        other.signature = w.signed(who, &other.attestation);
    }
    let call = ValidatorQuorum::slashEquivocationCall { a: abi::verdict(&one), b: abi::verdict(&other) };
    let (quorum, reporter) = (w.chain.quorum, w.anyone());
    let on_chain = w.chain.send(w.address(reporter), quorum, 0, &call).is_ok();
    told("slash", act(w, reporter, &Transaction::SlashEquivocation { one, other }).is_some(), on_chain)
}

pub fn challenge(w: &mut World) -> Told {
    let Some(submission) = some_submission(w) else { return told("challenge nothing", true, true) };
    let state = w.market.submission(submission).unwrap();
    let doubted = state.challenges.iter().find(|(_, c)| c.open).map(|(v, _)| *v);
    let deadline_s = doubted.map_or(0, |v| state.challenges[&v].deadline_s);
    let accepting = state.verdicts.iter().find(|(v, yes)| **yes && !state.overruled.contains(*v)).map(|(v, _)| *v);
    let somebody = if w.one_in(6) { None } else { accepting };
    let validator = doubted.or(somebody).unwrap_or(w.address(w.nonce as usize % VALIDATORS));
    let (id, address, quorum) = (id32(submission.as_bytes()), to_evm(validator), w.chain.quorum);
    let upheld = !w.one_in(3);
    match (doubted.is_some(), w.below(5)) {
        (true, 0..=2) => {
            let who = w.below(VALIDATORS as u64 + 1) as usize;
            let call = ValidatorQuorum::voteOnChallengeCall { id, validator: address, upheld };
            let on_chain = w.chain.send(w.address(who), quorum, 0, &call).is_ok();
            let done = act(w, who, &Transaction::VoteOnChallenge { submission, validator, upheld });
            told("vote on challenge", done.is_some(), on_chain)
        }
        (true, 3) => {
            let ends_s = deadline_s + w.below(2);
            w.now_s = if w.one_in(3) { w.now_s } else { w.now_s.max(ends_s) };
            let now_s = w.now_s;
            w.chain.at(now_s);
            let call = ValidatorQuorum::lapseChallengeCall { id, validator: address };
            let on_chain = w.chain.send(w.address(13), quorum, 0, &call).is_ok();
            let done = act(w, 13, &Transaction::LapseChallenge { submission, validator });
            told("lapse challenge", done.is_some(), on_chain)
        }
        _ => {
            let params = w.market.params_of(state_params(w, submission)).unwrap().clone();
            let (who, bond) = (w.anyone(), params.challenge_bond);
            let call = ValidatorQuorum::challengeCall { id, validator: address };
            let on_chain = w.chain.send(w.address(who), quorum, bond.base_units(), &call).is_ok();
            let done = paid(w, who, Asset::NATIVE, bond, &Transaction::Challenge { submission, validator });
            told("challenge", done.is_some(), on_chain)
        }
    }
}

pub fn state_params(w: &World, id: SubmissionId) -> ParamsVersion {
    w.market.submission(id).unwrap().params
}

/// How far a submission is, as both say it.
pub fn status(w: &World, id: SubmissionId) -> u8 {
    match w.market.submission(id).unwrap().status {
        SubmissionStatus::Pending => 1,
        SubmissionStatus::Rejected => 3,
        _ => 2,
    }
}
