//! Activation of lorebook entries by a conversation.

use std::ops::Range;

use super::decorator::{self, Decorators};
use super::lorebook::{Expression, Expressions, Logic, Rules};
use super::macros::Filler;
use super::{LoreEntry, Lorebook, Macros, Scene};
use crate::digest::DomainHasher;
use crate::message::Role;

/// The number of messages searched, if the book gives none.
const SCAN_DEPTH: usize = 4;
/// The number of rounds in which recalled text is searched again: a chain of entries that call one another must end.
const MAX_ROUNDS: usize = 16;

/// An entry that is part of the prompt.
#[derive(Debug)]
pub(super) struct Active<'a> {
    pub index: usize,
    pub entry: &'a LoreEntry,
    pub decorators: Decorators,
    pub rules: Rules,
    pub text: String,
}

impl Active<'_> {
    /// The number of messages from the end at which it stands, if it goes into the conversation.
    pub(super) fn depth(&self) -> Option<usize> {
        let own = self.decorators.position.is_none() && self.decorators.reverse_depth.is_none();
        self.decorators.depth.or_else(|| self.rules.depth.filter(|_| own).map(|(depth, _)| depth))
    }

    /// The role of its text there.
    pub(super) fn role(&self) -> Role {
        self.decorators.role.or_else(|| self.rules.depth.map(|(_, role)| role)).unwrap_or(Role::System)
    }
}

/// The active entries in insertion order, and the indices of those that the budget left out.
pub(super) fn active<'a>(
    book: &'a Lorebook,
    macros: Macros<'_>,
    filler: &mut Filler<'_>,
    scene: &Scene<'_>,
) -> (Vec<Active<'a>>, Vec<usize>) {
    let entries = book.entries.iter().enumerate().filter(|(_, e)| e.enabled);
    let mut expressions = Expressions::default();
    // Of keys and recalled texts, each of which has variables of its own.
    let mut work = 0;
    let candidates: Vec<Candidate<'_>> =
        entries.map(|(i, e)| Candidate::new(i, e, macros, &mut expressions, &mut work)).collect();
    let mut states = vec![State::Waiting; candidates.len()];
    let mut text = Searched::new(scene);
    // The round of recalling; 0 is the conversation itself.
    let mut level = 0;
    for _ in 0..MAX_ROUNDS {
        let mut changed = false;
        let mut added = String::new();
        for (candidate, state) in candidates.iter().zip(&mut states) {
            if *state != State::Waiting || !candidate.matches(book, scene, &text, level) {
                continue;
            }
            *state = if candidate.lucky(scene) { State::Active } else { State::Unlucky };
            if *state == State::Active {
                changed = true;
                if !candidate.rules.silent {
                    added.push('\n');
                    added.push_str(&Filler::apart(macros.with_hidden_keys(), candidate.text, &mut work));
                }
            }
        }
        text.recall(&added);
        if book.recursive_scanning != Some(true) {
            break;
        }
        // Some wait for a later round, which comes when an earlier one brings up nothing more.
        let waiting = candidates.iter().zip(&states).filter(|(_, state)| **state == State::Waiting);
        let next = waiting.map(|(candidate, _)| candidate.rules.level).filter(|&l| l > level).min();
        match (changed, next) {
            (true, _) if level == 0 => level = 1,
            (true, _) => {}
            (false, Some(next)) => level = next,
            (false, None) => break,
        }
    }
    let chosen = candidates.into_iter().zip(states).filter(|(_, state)| *state == State::Active);
    let mut active: Vec<Active<'a>> = chosen
        .map(|(c, _)| {
            let text = filler.fill(c.text);
            Active { index: c.index, entry: c.entry, text, decorators: c.decorators, rules: c.rules }
        })
        .collect();
    let left_out = keep_budget(&mut active, book, scene);
    active.sort_by_key(|a| (a.entry.insertion_order, a.index));
    (active, left_out)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Active,
    /// Its probability decided against it, once for the prompt.
    Unlucky,
}

/// Leaves out entries of low priority until the rest fits.
fn keep_budget(active: &mut Vec<Active<'_>>, book: &Lorebook, scene: &Scene<'_>) -> Vec<usize> {
    let Some(budget) = book.token_budget.and_then(|b| usize::try_from(b).ok()).or(scene.lore_budget) else {
        return Vec::new();
    };
    // Highest priority first; at equal priority, the one inserted earlier.
    active.sort_by_key(|a| {
        let priority = std::cmp::Reverse(a.entry.priority.unwrap_or(0));
        (!a.rules.beyond_budget, a.decorators.ignore_on_max_context, priority, a.entry.insertion_order, a.index)
    });
    let (mut used, mut left_out) = (0usize, Vec::new());
    active.retain(|a| {
        let with = used.saturating_add((scene.count_tokens)(&a.text));
        let fits = with <= budget || a.rules.beyond_budget;
        if fits {
            used = with;
        } else {
            left_out.push(a.index);
        }
        fits
    });
    left_out
}

struct Candidate<'a> {
    index: usize,
    entry: &'a LoreEntry,
    decorators: Decorators,
    rules: Rules,
    text: &'a str,
    keys: Vec<Key>,
    secondary: Vec<Key>,
}

/// A key with its macros filled in.
enum Key {
    Expression(Expression),
    Words(String),
    Word(String),
    Nothing,
}

impl Key {
    fn new(key: &str, rules: &Rules, macros: Macros<'_>, expressions: &mut Expressions, work: &mut usize) -> Self {
        if rules.keys.is_expression(key) {
            // Braces are repetitions there, too: macros alone are filled in.
            let filled = if key.contains("{{") { Filler::apart(macros, key, work) } else { key.to_owned() };
            let trimmed = if filled.trim_start().starts_with('/') { filled.trim() } else { &filled };
            return expressions.of(trimmed, rules.exact).map_or(Self::Nothing, Self::Expression);
        }
        let key = Filler::apart(macros, key, work);
        let key = key.trim();
        let folded = if rules.exact { key.to_owned() } else { key.to_lowercase() };
        match key {
            "" => Self::Nothing,
            key if rules.whole_words && !key.contains(char::is_whitespace) => Self::Word(folded),
            _ => Self::Words(folded),
        }
    }
}

impl<'a> Candidate<'a> {
    fn new(
        index: usize,
        entry: &'a LoreEntry,
        macros: Macros<'_>,
        expressions: &mut Expressions,
        work: &mut usize,
    ) -> Self {
        let (decorators, text) = decorator::split(&entry.content);
        let rules = entry.rules();
        let mut read =
            |keys: &[String]| keys.iter().map(|key| Key::new(key, &rules, macros, expressions, work)).collect();
        let (keys, secondary) =
            (read(&entry.keys), if rules.selective { read(&entry.secondary_keys) } else { Vec::new() });
        Self { index, entry, decorators, rules, text, keys, secondary }
    }

    /// Decides by the entry's probability in this scene: another prompt of the conversation is another throw.
    fn lucky(&self, scene: &Scene<'_>) -> bool {
        let Some(probability) = self.rules.probability.filter(|&p| p < 100.0) else { return true };
        let hasher = DomainHasher::new("lazai.lore.v1").part(&scene.seed.to_le_bytes());
        let hasher = hasher.part(&(scene.history.len() as u64).to_le_bytes()).part(&(self.index as u64).to_le_bytes());
        let digest = hasher.part(self.entry.content.as_bytes()).finish();
        let number = u64::from_le_bytes(*digest.as_bytes().first_chunk().unwrap_or(&[0; 8]));
        ((number % 10_000) as f64) < probability * 100.0
    }

    fn matches(&self, book: &Lorebook, scene: &Scene<'_>, text: &Searched<'_>, level: usize) -> bool {
        let (d, rules) = (&self.decorators, &self.rules);
        if level < rules.level || (level > 0 && rules.not_recalled) || scene.history.len() < rules.delay {
            return false;
        }
        if let Some(forced) = d.forced {
            return forced;
        }
        let replies = scene.history.iter().filter(|m| m.role == Role::Assistant).count();
        if d.activate_only_after.is_some_and(|n| replies < n)
            || d.activate_only_every.is_some_and(|n| !replies.is_multiple_of(n))
            || d.is_greeting.is_some_and(|n| scene.greeting != Some(n))
        {
            return false;
        }
        let books = || book.scan_depth.and_then(|n| usize::try_from(n).ok());
        let depth = d.scan_depth.or(rules.scan_depth).or_else(books).unwrap_or(SCAN_DEPTH);
        let messages = scene.history.len();
        if d.dont_activate_after_match && messages > 0 && self.found(text, 0..messages - 1, false) {
            return false;
        }
        let from = if d.keep_activate_after_match { 0 } else { messages.saturating_sub(depth) };
        self.found(text, from..messages, !rules.not_recalled)
    }

    /// Tells whether the keys are in some messages or, if asked, in recalled text.
    fn found(&self, text: &Searched<'_>, messages: Range<usize>, recalled: bool) -> bool {
        let exact = self.rules.exact;
        let contains = |key: &str| match exact {
            true => text.exact(messages.clone(), recalled).any(|t| t.contains(key)),
            false => text.lower(messages.clone(), recalled).any(|t| t.contains(key)),
        };
        let named = |key: &String| match key.trim() {
            "" => false,
            key if exact => contains(key),
            key => contains(&key.to_lowercase()),
        };
        if self.decorators.exclude_keys.iter().any(named) {
            return false;
        }
        if self.decorators.additional_keys.iter().any(named) || self.rules.constant {
            return true;
        }
        let has = |key: &Key| match key {
            Key::Expression(expression) => text.exact(messages.clone(), recalled).any(|t| expression.is_match(t)),
            Key::Words(key) => contains(key),
            Key::Word(key) if exact => text.exact(messages.clone(), recalled).any(|t| has_word(t, key)),
            Key::Word(key) => text.lower(messages.clone(), recalled).any(|t| has_word(t, key)),
            Key::Nothing => false,
        };
        let second = || match self.rules.logic {
            Logic::AndAny => self.secondary.iter().any(has),
            Logic::NotAll => !self.secondary.iter().all(has),
            Logic::NotAny => !self.secondary.iter().any(has),
            Logic::AndAll => self.secondary.iter().all(has),
        };
        self.keys.iter().any(has) && (self.secondary.is_empty() || second())
    }
}

/// Tells whether a word stands in a text with no letter or digit beside it.
fn has_word(text: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word)
        .any(|(at, _)| !part(text[..at].chars().next_back()) && !part(text[at + word.len()..].chars().next()))
}

/// The text that is searched for keys: the messages, and the content of active entries, each as it is and in lower case.
struct Searched<'a> {
    messages: Vec<(&'a str, String)>,
    recalled: (String, String),
}

impl<'a> Searched<'a> {
    fn new(scene: &Scene<'a>) -> Self {
        let messages = scene.history.iter().map(|m| (m.content.as_str(), m.content.to_lowercase())).collect();
        Self { messages, recalled: Default::default() }
    }

    fn recall(&mut self, text: &str) {
        self.recalled.0.push_str(text);
        self.recalled.1.push_str(&text.to_lowercase());
    }

    fn exact(&self, messages: Range<usize>, recalled: bool) -> impl Iterator<Item = &str> {
        self.messages[messages].iter().map(|(text, _)| *text).chain(recalled.then_some(self.recalled.0.as_str()))
    }

    fn lower(&self, messages: Range<usize>, recalled: bool) -> impl Iterator<Item = &str> {
        self.messages[messages]
            .iter()
            .map(|(_, text)| text.as_str())
            .chain(recalled.then_some(self.recalled.1.as_str()))
    }
}
