//! Bonds of nodes, and disputes about their replies: logs of `Disputes`.

use super::super::disputes::{credits, outcome_of, receipt_of};
use super::*;

impl Reading<'_> {
    pub(super) fn disputes(&mut self, event: &D) -> Read<usize> {
        match event {
            D::BondPosted(e) => {
                let (node, amount) = (from_evm(e.node), Amount::from_base_units(e.amount));
                self.bring(node, Asset::NATIVE, amount)?;
                self.apply(node, Transaction::PostBond { amount })?;
            }
            D::BondLeaving(e) => {
                let (node, amount) = (from_evm(e.node), Amount::from_base_units(e.amount));
                let logged = Event::BondLeaving { node, amount, available_at_s: e.availableAt };
                self.apply_logged(node, Transaction::LeaveBond { amount }, &logged)?;
            }
            D::BondTaken(e) => {
                let (node, amount) = (from_evm(e.node), Amount::from_base_units(e.amount));
                self.apply_logged(node, Transaction::TakeBond, &Event::BondTaken { node, amount })?;
                self.expect_credit(node, amount);
            }
            D::DisputeOpened(e) => {
                let (challenger, stake) = (from_evm(e.challenger), Amount::from_base_units(e.stake));
                self.bring(challenger, Asset::NATIVE, stake)?;
                let receipt = receipt_of(&e.receipt);
                let logged = Event::DisputeOpened {
                    dispute: digest(e.dispute),
                    session: receipt.session,
                    node: from_evm(e.node),
                    challenger,
                    stake,
                    deadline_s: e.deadline,
                };
                let signature = signature(&e.signature);
                self.apply_logged(challenger, Transaction::OpenDispute { receipt, signature, stake }, &logged)?;
            }
            D::TrainingDisputed(e) => {
                let (challenger, stake) = (from_evm(e.challenger), Amount::from_base_units(e.stake));
                self.bring(challenger, Asset::NATIVE, stake)?;
                let (submission, state) = (submission(e.submission), e.state);
                let logged = Event::TrainingDisputed {
                    dispute: digest(e.dispute),
                    exex: from_evm(e.exex),
                    challenger,
                    submission,
                    state,
                    stake,
                    deadline_s: e.deadline,
                };
                let doubt = Transaction::DisputeTraining { submission, state, stake };
                self.apply_logged(challenger, doubt, &logged)?;
            }
            D::DisputeVoted(e) => {
                let (dispute, validator, same) = (digest(e.dispute), from_evm(e.validator), e.same);
                let logged = Event::DisputeVoted { dispute, validator, same };
                self.apply_logged(validator, Transaction::VoteOnDispute { dispute, same }, &logged)?;
            }
            D::DisputeDecided(e) => {
                let (dispute, reward) = (digest(e.dispute), Amount::from_base_units(e.reward));
                let Some(outcome) = outcome_of(e.outcome) else {
                    return diverged(format!("dispute {dispute} ended as {}", e.outcome));
                };
                let logged = Event::DisputeDecided { dispute, outcome, reward };
                if !self.was_expected(&logged) {
                    self.apply_logged(self.sender(), Transaction::LapseDispute { dispute }, &logged)?;
                }
                for (account, amount) in credits(&self.state.market, dispute, outcome, reward) {
                    self.expect_credit(account, amount);
                }
            }
        }
        Ok(0)
    }
}
