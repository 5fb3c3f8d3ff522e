//! Submissions, and validators' verdicts on them: logs of `DatasetRegistry` and `ValidatorQuorum`.

use super::*;

impl Reading<'_> {
    pub(super) fn quorum(&mut self, event: &Q, after: &[(u64, Seen)]) -> Read<usize> {
        match event {
            Q::MemberSet(e) => {
                self.enact(Measure::SetValidator { validator: from_evm(e.member), weight: e.weight })?;
            }
            Q::Staked(e) => {
                let (member, amount) = (from_evm(e.member), Amount::from_base_units(e.amount));
                self.bring(member, Asset::NATIVE, amount)?;
                self.apply(member, Transaction::Stake { amount })?;
            }
            Q::UnstakeRequested(e) => {
                let (account, amount) = (from_evm(e.member), Amount::from_base_units(e.amount));
                let logged = Event::UnstakeRequested { account, amount, available_at_s: e.availableAt };
                self.apply_logged(account, Transaction::Unstake { amount }, &logged)?;
            }
            Q::Unstaked(e) => {
                let (account, amount) = (from_evm(e.member), Amount::from_base_units(e.amount));
                self.apply_logged(account, Transaction::WithdrawStake, &Event::Unstaked { account, amount })?;
                self.expect_credit(account, amount);
            }
            Q::Attested(_) => return self.attested(event, after),
            Q::SubmissionAccepted(e) => {
                let (submission, exex) = (submission(e.submission), from_evm(e.exex));
                return self.must_be_expected(&Event::SubmissionAccepted { submission, exex });
            }
            Q::SubmissionRejected(e) => {
                let submission = submission(e.submission);
                // A submission that its ExEx refused can still lose its acceptance on chain; here it is refused already.
                let refused = self.state.market.submission(submission).map(|s| &s.status);
                if !matches!(refused, Some(SubmissionStatus::Refused { .. })) {
                    return self.must_be_expected(&Event::SubmissionRejected { submission });
                }
            }
            Q::Challenged(e) => {
                let (submission, validator) = (submission(e.submission), from_evm(e.validator));
                let challenger = from_evm(e.challenger);
                let bond = self.bond(submission);
                self.bring(challenger, Asset::NATIVE, bond)?;
                let logged = Event::Challenged { submission, validator, challenger, deadline_s: e.deadline };
                self.apply_logged(challenger, Transaction::Challenge { submission, validator }, &logged)?;
            }
            Q::ChallengeVoted(e) => {
                let (submission, validator, upheld) = (submission(e.submission), from_evm(e.validator), e.upheld);
                let voter = from_evm(e.voter);
                let logged = Event::ChallengeVoted { submission, validator, voter, upheld };
                self.apply_logged(voter, Transaction::VoteOnChallenge { submission, validator, upheld }, &logged)?;
                self.put_bond_in_place(submission, validator);
            }
            Q::ChallengeDecided(e) => {
                let (submission, validator, upheld) = (submission(e.submission), from_evm(e.validator), e.upheld);
                let logged = Event::ChallengeDecided { submission, validator, upheld };
                if !self.was_expected(&logged) {
                    let lapse = Transaction::LapseChallenge { submission, validator };
                    self.apply_logged(self.sender(), lapse, &logged)?;
                    self.put_bond_in_place(submission, validator);
                }
            }
            Q::Slashed(e) => {
                let (validator, reporter) = (from_evm(e.member), from_evm(e.reporter));
                let (amount, reward) = (Amount::from_base_units(e.amount), Amount::from_base_units(e.reward));
                let logged = Event::Slashed { validator, amount, reporter, reward };
                if !self.was_expected(&logged) {
                    self.equivocated(submission(e.submission), &logged)?;
                }
            }
        }
        Ok(0)
    }

    /// Verdicts on one submission that were brought together are one action.
    fn attested(&mut self, first: &Q, after: &[(u64, Seen)]) -> Read<usize> {
        let mut verdicts = Vec::new();
        let together = std::iter::once(first).chain(after.iter().map_while(|(_, seen)| match seen {
            Seen::Quorum(event) => Some(event),
            _ => None,
        }));
        let (mut of, mut content) = (None, None);
        for event in together {
            let Q::Attested(e) = event else { break };
            if *of.get_or_insert(e.submission) != e.submission {
                break;
            }
            let id = submission(e.submission);
            let Some(state) = self.state.market.submission(id) else {
                return diverged(format!("a verdict on {id}, which was not submitted"));
            };
            let content = *content.get_or_insert_with(|| state.submission.content());
            let attestation = Attestation { submission: id, content, accepted: e.accepted };
            let validator = from_evm(e.validator);
            verdicts.push(Verdict { validator, attestation, signature: signature(&e.signature) });
        }
        let used = verdicts.len() - 1;
        let events = self.apply(self.sender(), Transaction::Attest(verdicts))?;
        for event in events.into_iter().filter(|e| !matches!(e, Event::Attested { .. })) {
            self.expect(event);
        }
        Ok(used)
    }

    /// A validator was punished for two verdicts; they are in the call, where it was called directly.
    fn equivocated(&mut self, id: SubmissionId, logged: &Event) -> Read<()> {
        let Event::Slashed { validator, amount, reporter, reward } = *logged else {
            return diverged("a slash that is none");
        };
        let events = self.state.market_mut().observe_equivocation(id, validator, reporter)?;
        let shown = self.called::<ValidatorQuorum::slashEquivocationCall>(self.contracts.quorum);
        let (one, other) = match shown {
            Some(call) if submission(call.a.attestation.submission) == id => (verdict_of(&call.a), verdict_of(&call.b)),
            _ => {
                let attestation = Attestation { submission: id, content: Digest::ZERO, accepted: true };
                let unknown = Verdict { validator, attestation, signature: Signature::NOT_LOGGED };
                (unknown, unknown)
            }
        };
        self.note(reporter, Action::Transaction(Transaction::SlashEquivocation { one, other }), events.clone());
        self.same(events, logged)?;
        self.expect_slashed(amount, reporter, reward);
        Ok(())
    }

    fn bond(&self, id: SubmissionId) -> Amount {
        let market = &self.state.market;
        let params = market.submission(id).and_then(|state| market.params_of(state.params));
        params.map_or(Amount::ZERO, |p| p.challenge_bond)
    }

    fn challenge(&self, id: SubmissionId, validator: Address) -> (Address, Amount) {
        let challenge = self.state.market.submission(id).and_then(|s| s.challenges.get(&validator));
        challenge.map_or((Address::ZERO, Amount::ZERO), |c| (c.challenger, c.bond))
    }

    /// If a challenge was decided, its bond is paid before the slash: back, or to the pool.
    fn put_bond_in_place(&mut self, id: SubmissionId, validator: Address) {
        let open = self.state.market.submission(id).and_then(|s| s.challenges.get(&validator)).is_some_and(|c| c.open);
        if open {
            return;
        }
        let (challenger, bond) = self.challenge(id, validator);
        let slash = self.expected.iter().position(|e| matches!(e, Expected::Event(Event::Slashed { .. })));
        let account = if slash.is_some() { challenger } else { self.state.market.pool() };
        self.expected.insert(slash.unwrap_or(self.expected.len()), Expected::Credit(account, bond));
    }

    pub(super) fn registry(&mut self, event: &R) -> Read<usize> {
        match event {
            R::Submitted(e) => {
                let mut public = Vec::new();
                for part in &e.content {
                    let code = (self.code)(*part).map_err(ReadError::Ledger)?;
                    // The first byte is STOP.
                    public.extend_from_slice(code.get(1..).unwrap_or_default());
                }
                if PublicPart::digest(&public) != digest(e.publicPart) {
                    return Err(ReadError::Untrue("a public part is told otherwise than it was submitted".into()));
                }
                let logged = Event::Submitted {
                    submission: submission(e.submission),
                    submitter: from_evm(e.submitter),
                    exex: from_evm(e.exex),
                    deadline_s: e.deadline,
                };
                let submitted = submitted(&e.dataset, &public)?;
                self.apply_logged(from_evm(e.submitter), Transaction::Submit(submitted), &logged)?;
            }
            R::SubmissionRefused(e) => {
                let (submission, reason) = (submission(e.submission), e.reason.clone());
                let exex = self.state.market.submission(submission).map_or(Address::ZERO, |s| s.submission.exex);
                let logged = Event::SubmissionRefused { submission, reason: reason.clone() };
                self.apply_logged(exex, Transaction::Refuse { submission, reason }, &logged)?;
            }
        }
        Ok(0)
    }
}

/// Decodes a submission. An invalid sealed key is read as zeros: its ExEx will refuse it.
fn submitted(d: &DatasetRegistry::Submission, public: &[u8]) -> Read<Submission> {
    let none = SealedKey { encapsulated: Digest::ZERO, ciphertext: [0; 48] };
    let keep = BasisPoints::new(d.keepBps).ok();
    let Some(lineage) = keep.and_then(|keep| Lineage::from_numbers(d.class, d.afterVersion, keep).ok()) else {
        let (class, after, keep) = (d.class, d.afterVersion, d.keepBps);
        return diverged(format!("class {class} with {keep} basis points for version {after}"));
    };
    let share = |s: &DatasetRegistry::Share| ContributorShare {
        contributor: from_evm(s.contributor),
        tokens: s.tokens,
        root: digest(s.root),
        consent: signature(&s.signature),
    };
    Ok(Submission {
        nonce: d.nonce,
        statement: digest(d.statement),
        root: digest(d.root),
        proof: digest(d.proof),
        ciphertext: digest(d.ciphertext),
        sealed_key: SealedKey::from_bytes(&d.sealedKey).unwrap_or(none),
        exex: from_evm(d.exex),
        lineage,
        // Bytes that are not UTF-8 are not a public part: validators will refuse it.
        public_part: String::from_utf8_lossy(public).into_owned(),
        shares: d.shares.iter().map(share).collect(),
    })
}
