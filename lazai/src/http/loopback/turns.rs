//! Who uses which session: replies of one session are made one after another, those of several sessions at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lazai_core::message::{Message, Role};
use lazai_core::{Amount, MoneyError, SessionId};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::page::Open;
use crate::memory::without_note;
use crate::wire::openai::ApiError;

/// What is in use, of all models.
#[derive(Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    /// Told whenever something is no longer in use.
    freed: Notify,
}

#[derive(Default)]
struct State {
    /// A place for each reply at a time, by model.
    places: BTreeMap<String, Arc<Semaphore>>,
    sessions: BTreeSet<SessionId>,
    plans: BTreeSet<u64>,
    /// The most that replies under way may cost, by model.
    under_way: BTreeMap<String, Vec<Amount>>,
    /// When each session was used last.
    last: BTreeMap<SessionId, u64>,
    uses: u64,
}

/// The right to one reply of a model, and to the session and the plan in it. What it holds is free once it is dropped.
pub(super) struct Turn {
    turns: Arc<Turns>,
    model: String,
    session: Option<SessionId>,
    plan: Option<u64>,
    step: Option<Amount>,
    _place: OwnedSemaphorePermit,
}

impl Turns {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the right to a reply of a model, of which so many are made at a time. First come, first served.
    pub async fn begin(self: &Arc<Self>, model: &str, at_a_time: u32) -> Result<Turn, ApiError> {
        let place = {
            let mut state = self.state();
            // Names are the clients': those that nobody uses are forgotten.
            state.places.retain(|_, place| Arc::strong_count(place) > 1);
            let place = state.places.entry(model.to_owned());
            place.or_insert_with(|| Arc::new(Semaphore::new(at_a_time.max(1) as usize))).clone()
        };
        let place = place.acquire_owned().await;
        let _place = place.map_err(|error| ApiError::new(503, "loopback.stopped", error))?;
        let (turns, model) = (self.clone(), model.to_owned());
        Ok(Turn { turns, model, session: None, plan: None, step: None, _place })
    }

    /// Told when something is freed after this call.
    pub fn freed(&self) -> tokio::sync::futures::Notified<'_> {
        self.freed.notified()
    }

    pub fn uses(&self, session: SessionId) -> bool {
        self.state().sessions.contains(&session)
    }

    pub fn carries_out(&self, nonce: u64) -> bool {
        self.state().plans.contains(&nonce)
    }

    /// The number of replies under way.
    pub fn count(&self) -> usize {
        self.state().under_way.values().map(Vec::len).sum()
    }

    /// The number of a model's replies under way.
    pub fn count_of(&self, model: &str) -> usize {
        self.state().under_way.get(model).map_or(0, Vec::len)
    }

    /// The most that replies under way may cost: all of them, and those of a model.
    pub fn under_way(&self, model: &str) -> Result<(Amount, Amount), MoneyError> {
        let state = self.state();
        let all = state.under_way.values().flatten().copied().try_fold(Amount::ZERO, Amount::checked_add)?;
        let mut own = state.under_way.get(model).into_iter().flatten().copied();
        Ok((all, own.try_fold(Amount::ZERO, Amount::checked_add)?))
    }

    /// Of the sessions that nobody uses, the one that the conversation was in; without one, the one that was used least of late.
    pub fn best<'o>(&self, open: impl Iterator<Item = &'o Open>, messages: &[Message]) -> Option<&'o Open> {
        let state = self.state();
        let idle = open.filter(|open| !state.sessions.contains(&open.session()));
        idle.min_by_key(|open| {
            let common = said_in_common(&open.conversation.messages, messages);
            (std::cmp::Reverse(common), state.last.get(&open.session()).copied())
        })
    }
}

/// The number of messages with which both begin, without those of the system: these are alike in all conversations of an app. What was
/// recalled for one of them is no part of it.
fn said_in_common(one: &[Message], other: &[Message]) -> usize {
    let is_same = |one: &Message, other: &Message| {
        one.role == other.role && without_note(&one.content) == without_note(&other.content)
    };
    let common = one.iter().zip(other).take_while(|(one, other)| is_same(one, other));
    common.filter(|(message, _)| message.role != Role::System).count()
}

impl Turn {
    /// Uses a session, for a reply that may cost `step`.
    pub fn use_session(&mut self, session: SessionId, step: Amount) {
        let mut state = self.turns.state();
        state.sessions.insert(session);
        state.uses += 1;
        let uses = state.uses;
        state.last.insert(session, uses);
        self.session = Some(session);
        drop(state);
        self.reserve(step);
    }

    /// Holds `step` back for the reply.
    pub fn reserve(&mut self, step: Amount) {
        if self.step.is_none() {
            self.step = Some(step);
            self.turns.state().under_way.entry(self.model.clone()).or_default().push(step);
        }
    }

    /// Holds back more, if that is more than is held.
    pub fn raise(&mut self, step: Amount) {
        let Some(held) = self.step.filter(|held| *held < step) else { return };
        let mut state = self.turns.state();
        if let Some(steps) = state.under_way.get_mut(&self.model)
            && let Some(place) = steps.iter().position(|other| *other == held)
        {
            steps[place] = step;
        }
        self.step = Some(step);
    }

    /// Carries a plan out.
    pub fn use_plan(&mut self, nonce: u64) {
        self.turns.state().plans.insert(nonce);
        self.plan = Some(nonce);
    }

    /// Frees what is held, but for the place.
    pub fn free(&mut self) {
        let mut state = self.turns.state();
        if let Some(session) = self.session.take() {
            state.sessions.remove(&session);
        }
        if let Some(nonce) = self.plan.take() {
            state.plans.remove(&nonce);
        }
        if let Some(step) = self.step.take()
            && let Some(steps) = state.under_way.get_mut(&self.model)
        {
            if let Some(place) = steps.iter().position(|held| *held == step) {
                steps.swap_remove(place);
            }
            if steps.is_empty() {
                state.under_way.remove(&self.model);
            }
        }
        drop(state);
        self.turns.freed.notify_waiters();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.free();
    }
}
