//! The file `book.json` of a proxy, and those of its sessions.

use std::collections::BTreeMap;

use lazai_core::{Amount, MoneyError, SessionId};
use serde::{Deserialize, Serialize};

use crate::consumer::Conversation;
use crate::node::SignedOffer;
use crate::wire::talk::model_id;

/// Seconds before its deadline at which a session is left: a reply takes time.
const MARGIN_S: u64 = 30;
/// The longest pause for a node that refuses, in seconds.
pub(super) const MAX_PAUSE_S: u64 = 3_600;

/// A sum of one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DaySum {
    /// The day, from 1970 on.
    pub day: u64,
    pub spent: Amount,
}

impl DaySum {
    pub fn is_nothing(&self) -> bool {
        self.spent.is_zero()
    }

    /// The sum of this day.
    pub fn on(self, day: u64) -> Amount {
        if self.day == day { self.spent } else { Amount::ZERO }
    }

    /// Adds to it. A day before its own, of a clock that was set back, counts as its own.
    pub fn add(&mut self, day: u64, amount: Amount) -> Result<(), MoneyError> {
        if amount.is_zero() {
            return Ok(());
        }
        if day > self.day {
            *self = Self { day, spent: Amount::ZERO };
        }
        self.spent = self.spent.checked_add(amount)?;
        Ok(())
    }
}

/// A session that is open.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Open {
    pub deposit: Amount,
    pub deadline_s: u64,
    pub conversation: Conversation,
    /// What was spent in it on the day of its last reply.
    #[serde(default, skip_serializing_if = "DaySum::is_nothing")]
    pub today: DaySum,
}

impl Open {
    pub fn session(&self) -> SessionId {
        self.conversation.session
    }

    /// The name of its model.
    pub fn model(&self) -> String {
        model_of(&self.conversation.offer)
    }

    /// Tells whether it has time and money for another reply.
    pub fn can_go_on(&self, now_s: u64) -> bool {
        let offer = &self.conversation.offer.offer;
        let left = self.deposit.checked_sub(self.conversation.owed());
        // At most half of a short session is left unused.
        let margin_s = MARGIN_S.min(offer.session_s / 2);
        let pays = left.is_ok_and(|left| offer.step().is_ok_and(|step| left >= step));
        pays && now_s.saturating_add(margin_s) < self.deadline_s
    }
}

/// A session that is about to be opened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    pub nonce: u64,
    pub deposit: Amount,
    pub offer: SignedOffer,
}

/// The name of an offer's model.
pub(super) fn model_of(offer: &SignedOffer) -> String {
    model_id(offer.offer.class, offer.offer.version)
}

/// A session that is over: its unused deposit is reserved until it is taken back. Older books hold more fields.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Over {
    pub unused: Amount,
}

/// A node that ends one session after another.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refusals {
    /// The number since its last reply.
    pub in_a_row: u32,
    pub until_s: u64,
}

/// A list. Older books have one for each model, by its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Kept<T>")]
pub(super) struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Kept<T> {
    Listed(Vec<T>),
    ByModel(BTreeMap<String, T>),
}

impl<T> From<Kept<T>> for List<T> {
    fn from(kept: Kept<T>) -> Self {
        match kept {
            Kept::Listed(list) => Self(list),
            Kept::ByModel(map) => Self(map.into_values().collect()),
        }
    }
}

/// The file `book.json`; conversations are files of their own beside it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// Spent in sessions that are over.
    pub spent: Amount,
    /// Of that, by model.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub characters: BTreeMap<String, Amount>,
    /// Of that, on the last day.
    #[serde(default, skip_serializing_if = "DaySum::is_nothing")]
    pub today: DaySum,
    pub plans: List<Plan>,
    pub open: List<SessionId>,
    pub over: BTreeMap<SessionId, Over>,
    /// By model and node.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refusals: BTreeMap<String, Refusals>,
}
