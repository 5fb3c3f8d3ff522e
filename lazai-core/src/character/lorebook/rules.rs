//! The meaning of an entry of any maker; notes on fields that are not heeded, or entries that can never be active.

use super::keys::{Expressions, Keys, Unheeded};
use super::{LoreEntry, Position, sillytavern};
use crate::message::Role;
use crate::report::{Action, Report, excerpt};

/// When an entry is active and where it goes.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Rules {
    pub keys: Keys,
    pub logic: Logic,
    pub constant: bool,
    /// True if secondary keys count.
    pub selective: bool,
    /// True if keys are compared by case.
    pub exact: bool,
    /// True if a key of one word must be a word of the text.
    pub whole_words: bool,
    /// The number of messages searched, if the entry gives one.
    pub scan_depth: Option<usize>,
    /// Per cent.
    pub probability: Option<f64>,
    /// The number of messages from the end, and the role of its text.
    pub depth: Option<(usize, Role)>,
    pub place: Where,
    /// True if its text brings nothing else up.
    pub silent: bool,
    /// True if no other entry's text brings it up.
    pub not_recalled: bool,
    /// The first round of recalling in which it may be active; 0 is the conversation itself.
    pub level: usize,
    /// The number of messages that there must be.
    pub delay: usize,
    /// True if the budget does not bind it.
    pub beyond_budget: bool,
}

/// The logic of secondary keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Logic {
    AndAny,
    NotAll,
    NotAny,
    AndAll,
}

/// The place of an entry in the system prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Where {
    BeforeChar,
    AfterChar,
    BeforeExamples,
    AfterExamples,
}

impl LoreEntry {
    pub(in super::super) fn rules(&self) -> Rules {
        if sillytavern::is_marked(&self.extensions, &self.unknown) {
            return sillytavern::rules(self);
        }
        // V3: with expressions, `constant` and secondary keys do not count.
        let expressions = self.use_regex;
        Rules {
            keys: if expressions { Keys::Expressions } else { Keys::Plain },
            logic: Logic::AndAny,
            constant: self.constant == Some(true) && !expressions,
            selective: self.selective == Some(true) && !expressions,
            exact: self.case_sensitive == Some(true),
            whole_words: false,
            scan_depth: None,
            probability: self.extensions.get("risu_activationPercent").and_then(serde_json::Value::as_f64),
            depth: None,
            place: if self.position == Some(Position::BeforeChar) { Where::BeforeChar } else { Where::AfterChar },
            silent: false,
            not_recalled: false,
            level: 0,
            delay: 0,
            beyond_budget: false,
        }
    }

    /// Notes what is not heeded of an entry, and why it can never be active.
    pub(super) fn note(&self, place: &str, expressions: &mut Expressions, report: &mut Report) {
        let rules = self.rules();
        if sillytavern::is_marked(&self.extensions, &self.unknown) {
            let names = sillytavern::not_heeded(self);
            if !names.is_empty() {
                report.note(Action::Repaired, place, format!("not heeded: {}", names.join(", ")));
            }
        }
        // What the entry is never asked costs nothing.
        let secondary = if rules.selective { &self.secondary_keys[..] } else { &[] };
        let keys = self.keys.iter().chain(secondary).filter(|key| rules.keys.is_expression(key) && !key.contains("{{"));
        let mut unheeded = keys.filter(|_| self.enabled).filter_map(|key| {
            let trimmed = if key.trim_start().starts_with('/') { key.trim() } else { key };
            Some((key, expressions.of(trimmed, rules.exact).err()?))
        });
        if let Some((key, why)) = unheeded.next() {
            let why = match why {
                Unheeded::Unread => "is no expression that can be read here",
                Unheeded::Beyond => "is beyond what the expressions of a book may take together",
            };
            let others = unheeded.count();
            let others = if others > 0 { format!(", and {others} more are not") } else { String::new() };
            let reason = format!("not heeded: {:?} {why}{others}", excerpt(key, 60));
            report.note(Action::Repaired, format!("{place}.keys"), reason);
        }
        if let Some(reason) = self.enabled.then(|| self.never(&rules)).flatten() {
            report.note(Action::Repaired, place, format!("never active: {reason}"));
        }
    }

    fn never(&self, rules: &Rules) -> Option<&'static str> {
        let (decorators, text) = super::super::decorator::split(&self.content);
        let acts = decorators.without_system_prompt || decorators.without_post_history;
        if text.trim().is_empty() && !acts {
            return Some("it has no text");
        }
        if decorators.forced == Some(true) {
            return None;
        }
        let keys = self.keys.iter().chain(&decorators.additional_keys);
        if !rules.constant && keys.into_iter().all(|key| key.trim().is_empty()) {
            return Some("it has no keys and is not constant");
        }
        rules.probability.is_some_and(|p| p <= 0.0).then_some("its probability is 0")
    }
}
