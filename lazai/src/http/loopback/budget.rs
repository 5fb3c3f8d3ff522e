//! The limits of what a proxy spends, and what it says when one is reached.

use lazai_core::{Amount, Asset, MoneyError};
use lazai_settle::session::Offer;
use serde_json::{Value, json};

use super::book::Book;
use crate::wire::openai::ApiError;

/// Seconds of a day: the budget's days begin at midnight, UTC.
const DAY_S: u64 = 86_400;

/// The spending limits of a proxy, in base units of one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The asset; offers in other assets are not taken.
    pub asset: Asset,
    /// The most that is spent or reserved in all, over every start of the proxy on its folder. The unused rest of an ended
    /// session counts until it is back.
    pub total: Amount,
    /// The most that is spent in a day, from midnight to midnight (UTC, by the ledger's time); `None`: no such limit.
    pub day: Option<Amount>,
    /// The most that is spent for one character's replies, over every start; `None`: no such limit.
    pub character: Option<Amount>,
    /// The deposit of one session; the unused rest comes back when the session ends.
    pub deposit: Amount,
    /// The most that one reply may cost; offers above it are not taken.
    pub max_step: Amount,
    /// The longest session that is opened, in seconds: offers of longer ones are not taken.
    pub max_session_s: u64,
    /// The most sessions of one character at a time, at least 1: as many of its replies are made at a time. Each reserves a deposit.
    pub sessions: u32,
}

/// Nothing is spent; four sessions of a character at a time, each of a day at most.
impl Default for Budget {
    fn default() -> Self {
        let nothing = Amount::ZERO;
        Self {
            asset: Asset::NATIVE,
            total: nothing,
            day: None,
            character: None,
            deposit: nothing,
            max_step: nothing,
            max_session_s: DAY_S,
            sessions: 4,
        }
    }
}

/// The number of a day, from 1970 on.
pub(super) fn day_of(now_s: u64) -> u64 {
    now_s / DAY_S
}

/// The time at which a day begins.
pub(super) fn day_begins(day: u64) -> u64 {
    day.saturating_mul(DAY_S)
}

/// A reply that does not fit into a limit.
pub(super) enum Short {
    /// Not before replies under way have their price: they are held to cost the most that they may.
    UnderWay,
    /// Not before the limit is raised, or another day begins.
    Spent(ApiError),
}

impl Budget {
    /// Checks that an offer is in the budget's asset, and within its price and time limits.
    pub(super) fn takes(&self, offer: &Offer) -> Result<(), ApiError> {
        let refused = |code: &str, message: String| Err(ApiError::new(402, code, message));
        if offer.asset != self.asset {
            let (wanted, has) = (offer.asset, self.asset);
            return refused("loopback.asset", format!("the node wants {wanted}, the budget is of {has}"));
        }
        let (step, most) = (offer.step()?, self.max_step);
        if step > most {
            return refused("loopback.price", format!("a reply may cost {step}, at most {most} is paid for one"));
        }
        let (session_s, max_s) = (offer.session_s, self.max_session_s);
        if session_s > max_s {
            return refused("loopback.session", format!("a session lasts {session_s} s, at most {max_s} s are taken"));
        }
        Ok(())
    }

    /// The rest of the total, of which deposits are reserved.
    pub(super) fn left(&self, book: &Book) -> Result<Amount, ApiError> {
        let bound = book.bound()?;
        self.total.checked_sub(bound).map_err(|_| {
            let message = format!("{bound} is spent or reserved, of a budget of {}", self.total);
            ApiError::new(402, "loopback.budget", message)
        })
    }

    /// Checks that another reply of a character, which may cost `step`, is within the budget, and within the limits of the day and of the character, while
    /// others are under way: for all characters, and for this one.
    pub(super) fn fits(
        &self,
        book: &Book,
        model: &str,
        step: Amount,
        under_way: (Amount, Amount),
        now_s: u64,
    ) -> Result<(), Short> {
        let day =
            Limit { code: "loopback.budget.day", name: "the day's budget", free_at_s: Some(book.day_ends(now_s)) };
        let (all, own) = under_way;
        let wrong = |error: MoneyError| Short::Spent(error.into());
        // A session that was opened under a larger budget may have a deposit for more than is left of this one.
        let whole = Limit { code: "loopback.budget", name: "the budget", free_at_s: None };
        whole.holds(self.total, book.spent().map_err(wrong)?, all, step, now_s)?;
        if let Some(most) = self.day {
            day.holds(most, book.spent_on(now_s).map_err(wrong)?, all, step, now_s)?;
        }
        let character = Limit { code: "loopback.budget.character", name: "the character's budget", free_at_s: None };
        if let Some(most) = self.character {
            character.holds(most, book.spent_with(model).map_err(wrong)?, own, step, now_s)?;
        }
        Ok(())
    }

    /// What `/v1/lazai/budget` tells.
    pub(super) fn told(&self, book: &Book, under_way: usize, now_s: u64) -> Result<Value, MoneyError> {
        let Self { asset, total, day, character, deposit, max_step, max_session_s, sessions } = *self;
        let rest = |most: Amount, spent: Amount| most.checked_sub(spent).unwrap_or(Amount::ZERO);
        let spent = book.spent_on(now_s)?;
        let day = day.map(
            |most| json!({"most": most, "spent": spent, "left": rest(most, spent), "free_at_s": book.day_ends(now_s)}),
        );
        let mut characters = serde_json::Map::new();
        for (model, spent) in book.characters()? {
            let left = character.map(|most| rest(most, spent));
            characters.insert(model, json!({"spent": spent, "left": left}));
        }
        let open: Vec<_> = book.sessions().collect();
        Ok(json!({
            "asset": asset, "total": total, "deposit": deposit, "max_step": max_step, "max_session_s": max_session_s,
            "spent": book.spent()?, "bound": book.bound()?, "sessions": open, "max_sessions": sessions,
            "under_way": under_way, "day": day, "character": character, "characters": characters,
        }))
    }
}

/// A limit of what is spent.
struct Limit {
    code: &'static str,
    name: &'static str,
    /// The time from which it is free again; none if it stays as it is.
    free_at_s: Option<u64>,
}

impl Limit {
    fn holds(&self, most: Amount, spent: Amount, under_way: Amount, step: Amount, now_s: u64) -> Result<(), Short> {
        let wrong = |error: MoneyError| Short::Spent(error.into());
        let left = most.checked_sub(spent).unwrap_or(Amount::ZERO);
        if left < step {
            return Err(Short::Spent(self.refused(most, left, step, now_s)));
        }
        if left < under_way.checked_add(step).map_err(wrong)? {
            return Err(Short::UnderWay);
        }
        Ok(())
    }

    fn refused(&self, most: Amount, left: Amount, step: Amount, now_s: u64) -> ApiError {
        let Self { code, name, free_at_s } = *self;
        let again = match free_at_s {
            Some(at_s) => format!("it is free again in {} s", at_s.saturating_sub(now_s)),
            None => "it is free again when it is raised".into(),
        };
        let message = format!("a reply may cost {step}; {left} of {most} is left of {name}, {again}");
        let details = json!({"left": left, "most": most, "needed": step, "free_at_s": free_at_s});
        ApiError { details: Some(Box::new(details)), ..ApiError::new(402, code, message) }
    }
}
