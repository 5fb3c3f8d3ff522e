//! Which credit goes with which request, and what became of it.

use lazai_core::digest::DomainHasher;
use lazai_core::{Address, ClassId, Digest, VersionNumber};

use super::{Contents, Held, Purse, PurseError};
use crate::credits::{Credit, SignedCreditTerms};

/// Most requests that one credit is sent with.
const MOST_REQUESTS: usize = 8;

/// A credit that is sent with a request.
pub(in crate::credits) struct Taken {
    pub credit: Credit,
    /// Its terms.
    pub terms: SignedCreditTerms,
    /// Keyed digest of the request.
    request: Digest,
    /// False if it was sent with this request before.
    pub is_first: bool,
}

impl Purse {
    /// The credit for a request: one that the same request was sent with before, else one that its node never saw, else a free one, else one
    /// that another request was sent with and may not have paid: the node says whether it did. On disk, it is for this request when this returns.
    pub(in crate::credits) fn take(
        &self,
        of: (Address, ClassId, VersionNumber),
        told: &[SignedCreditTerms],
        request: Digest,
        now_s: u64,
    ) -> Result<Taken, PurseError> {
        let told: Vec<Digest> = told.iter().map(SignedCreditTerms::digest).collect();
        self.change(|contents| {
            let key = contents.key;
            let request = DomainHasher::new("lazai.purse.request.v1").part(key.as_bytes()).part(request.as_bytes());
            let request = request.finish();
            let good = contents.terms.iter().filter(|terms| terms.is_of(of) && now_s <= terms.terms.valid_until_s);
            let good: Vec<_> = good.map(|terms| (terms.digest(), terms.clone())).collect();
            let rank = |(at, held): (usize, &Held)| {
                let (digest, terms) = good.iter().find(|(digest, _)| *digest == held.credit.terms)?;
                let rank = match held.requests.len() {
                    _ if held.requests.contains(&request) => 0,
                    0 if !held.seen => 1,
                    0 => 2,
                    sent if sent < MOST_REQUESTS && !held.spent => 3,
                    _ => return None,
                };
                // What ends first is spent first.
                told.contains(digest).then(|| (rank, terms.terms.valid_until_s, at, terms.clone()))
            };
            let ranked = contents.credits.iter().enumerate().filter_map(rank);
            let Some((rank, _, at, terms)) = ranked.min_by_key(|(rank, until_s, at, _)| (*rank, *until_s, *at)) else {
                let is_untold = |held: &&Held| {
                    let (terms, mut good) = (held.credit.terms, good.iter());
                    !held.spent && !told.contains(&terms) && good.any(|(digest, _)| *digest == terms)
                };
                let credits = contents.credits.iter().filter(is_untold).count();
                let (node, class, version) = of;
                return Err(match credits {
                    0 => PurseError::Empty { node, class, version },
                    credits => PurseError::NotTold { credits },
                });
            };
            let is_first = rank != 0;
            if is_first {
                contents.credits[at].requests.push(request);
                contents.credits[at].seen = true;
            }
            Ok(Taken { credit: contents.credits[at].credit.clone(), terms, request, is_first })
        })
    }

    /// Removes a credit whose request got its reply.
    pub(in crate::credits) fn spent(&self, number: Digest) -> Result<(), PurseError> {
        self.change(|contents| {
            contents.credits.retain(|held| held.credit.number != number);
            Ok(())
        })
    }

    /// Notes that a credit did not pay for a request, because it is spent for another. Returns true if it was sent with others: one of these
    /// it paid for, and whoever asks that again still gets the reply. A credit that was sent with no other is removed.
    pub(in crate::credits) fn spent_for_another(&self, taken: &Taken) -> Result<bool, PurseError> {
        self.change(|contents| {
            let Some(held) = contents.held(taken.credit.number) else { return Ok(true) };
            held.requests.retain(|request| *request != taken.request);
            held.spent = true;
            let others = !held.requests.is_empty();
            contents.credits.retain(|held| !held.spent || !held.requests.is_empty());
            Ok(others)
        })
    }

    /// Notes that a request was refused before its credit was spent for it.
    pub(in crate::credits) fn give_back(&self, taken: &Taken) -> Result<(), PurseError> {
        self.change(|contents| {
            if let Some(held) = contents.held(taken.credit.number) {
                held.requests.retain(|request| *request != taken.request);
            }
            Ok(())
        })
    }
}

impl Contents {
    fn held(&mut self, number: Digest) -> Option<&mut Held> {
        self.credits.iter_mut().find(|held| held.credit.number == number)
    }
}
