//! What a payer must not forget.

use lazai_core::{Address, Amount, Digest, MoneyError};
use serde::{Deserialize, Serialize};

use super::SignedPayment;
use crate::wire::x402::Price;

/// What a payer signed: how much of each asset, and the payments whose answers did not come. It holds signed payments, which are to be
/// kept as private as money.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayerBook {
    spent: Vec<Spent>,
    open: Vec<Open>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spent {
    chain_id: u64,
    asset: Address,
    amount: Amount,
}

/// A payment that may still be taken, and the request that it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    request: Digest,
    payment: SignedPayment,
}

impl PayerBook {
    pub(super) fn spent(&self, chain_id: u64, asset: Address) -> Amount {
        let of_asset = |spent: &&Spent| (spent.chain_id, spent.asset) == (chain_id, asset);
        self.spent.iter().find(of_asset).map_or(Amount::ZERO, |spent| spent.amount)
    }

    fn of(&mut self, price: &Price) -> &mut Spent {
        let place = self.spent.iter().position(|s| (s.chain_id, s.asset) == (price.chain_id, price.asset));
        let place = place.unwrap_or_else(|| {
            self.spent.push(Spent { chain_id: price.chain_id, asset: price.asset, amount: Amount::ZERO });
            self.spent.len() - 1
        });
        &mut self.spent[place]
    }

    pub(super) fn spend(&mut self, price: &Price) -> Result<(), MoneyError> {
        let spent = self.of(price);
        spent.amount = spent.amount.checked_add(price.amount)?;
        Ok(())
    }

    /// Takes a price back that nothing was signed for.
    pub(super) fn give_back(&mut self, price: &Price) {
        let spent = self.of(price);
        spent.amount = spent.amount.checked_sub(price.amount).unwrap_or(Amount::ZERO);
    }

    pub(super) fn open(&self, request: Digest, now_s: u64) -> Option<SignedPayment> {
        let may_be_taken = |open: &&Open| open.request == request && open.payment.valid_before_s > now_s;
        self.open.iter().find(may_be_taken).map(|open| open.payment.clone())
    }

    pub(super) fn note(&mut self, request: Digest, payment: SignedPayment) {
        self.open.push(Open { request, payment });
    }

    pub(super) fn close(&mut self, nonce: Digest) {
        self.open.retain(|open| open.payment.nonce != nonce);
    }

    /// Forgets payments that nobody can take any more. What they came to stays counted: they may have been taken.
    pub(super) fn forget_before(&mut self, now_s: u64) {
        self.open.retain(|open| open.payment.valid_before_s > now_s);
    }

    pub(super) fn is_full(&self, most: usize) -> bool {
        self.open.len() >= most
    }
}
