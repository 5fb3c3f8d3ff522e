//! Payments whose success was told, or is about to be: one payment serves for one request of a server.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lazai_core::{Address, Digest};

use super::asked::{Asked, Refusal};

/// Most payments that are remembered: each until it could not be taken any more.
const MOST: usize = 200_000;

/// A payment: the asset, the payer, and the payer's number.
type Key = (Address, Address, Digest);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    UnderWay,
    Told { until_s: u64 },
}

#[derive(Debug, Default)]
pub struct Given(Mutex<BTreeMap<Key, State>>);

/// A payment that nobody else settles meanwhile. Dropped without being told, it is free again.
#[derive(Debug)]
pub struct Claim<'a> {
    given: &'a Given,
    key: Key,
    until_s: u64,
    is_told: bool,
}

impl Given {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn claim(&self, asked: &Asked, now_s: u64) -> Result<Claim<'_>, Refusal> {
        let a = &asked.transfer.authorization;
        let (key, until_s) = ((asked.price.asset, a.from, a.nonce), a.valid_before_s);
        let mut all = self.lock();
        match all.get(&key) {
            Some(State::UnderWay) => return Err(Refusal::new("duplicate_settlement")),
            Some(State::Told { .. }) => return Err(Refusal::new("invalid_exact_evm_nonce_already_used")),
            None => {}
        }
        if all.len() >= MOST {
            all.retain(|_, state| !matches!(state, State::Told { until_s } if *until_s < now_s));
            if all.len() >= MOST {
                return Err(Refusal { status: 503, ..Refusal::new("unexpected_settle_error") });
            }
        }
        all.insert(key, State::UnderWay);
        Ok(Claim { given: self, key, until_s, is_told: false })
    }
}

impl Claim<'_> {
    pub fn tell(mut self) {
        self.given.lock().insert(self.key, State::Told { until_s: self.until_s });
        self.is_told = true;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.is_told {
            self.given.lock().remove(&self.key);
        }
    }
}
