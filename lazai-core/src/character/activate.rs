//! Which entries of a lorebook a conversation brings up.

use std::ops::Range;

use regex::{Regex, RegexBuilder};

use super::decorator::{self, Decorators};
use super::{LoreEntry, Lorebook, Macros, Scene};
use crate::dialogue::Role;

/// How many messages are searched where the book does not say.
const SCAN_DEPTH: usize = 4;
/// How often what was recalled is searched again: a chain of entries that call one another must end.
const MAX_ROUNDS: usize = 16;
/// Largest compiled expression: a card must not fill the memory.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// An entry that is part of the prompt.
#[derive(Debug)]
pub(super) struct Active<'a> {
    pub index: usize,
    pub entry: &'a LoreEntry,
    pub decorators: Decorators,
    pub text: String,
}

/// The active entries in insertion order, and the indices of those that the budget left out.
pub(super) fn active<'a>(book: &'a Lorebook, macros: Macros<'_>, scene: &Scene<'_>) -> (Vec<Active<'a>>, Vec<usize>) {
    let candidates: Vec<Candidate<'_>> =
        book.entries.iter().enumerate().filter(|(_, e)| e.enabled).map(|(i, e)| Candidate::new(i, e)).collect();
    let mut chosen = vec![false; candidates.len()];
    let mut text = Searched::new(scene);
    for _ in 0..MAX_ROUNDS {
        let mut changed = false;
        let mut added = String::new();
        for (candidate, chosen) in candidates.iter().zip(&mut chosen) {
            if !*chosen && candidate.matches(book, scene, &text) {
                (*chosen, changed) = (true, true);
                added.push('\n');
                added.push_str(&macros.with_hidden_keys().fill(candidate.text));
            }
        }
        text.recall(&added);
        if !changed || book.recursive_scanning != Some(true) {
            break;
        }
    }
    let chosen = candidates.into_iter().zip(chosen).filter_map(|(candidate, chosen)| chosen.then_some(candidate));
    let mut active: Vec<Active<'a>> = chosen
        .map(|c| Active { index: c.index, entry: c.entry, text: macros.fill(c.text), decorators: c.decorators })
        .collect();
    let left_out = keep_budget(&mut active, book, scene);
    active.sort_by_key(|a| (a.entry.insertion_order, a.index));
    (active, left_out)
}

/// Leaves out entries of low priority until the rest fits.
fn keep_budget(active: &mut Vec<Active<'_>>, book: &Lorebook, scene: &Scene<'_>) -> Vec<usize> {
    let Some(budget) = book.token_budget.and_then(|b| usize::try_from(b).ok()).or(scene.lore_budget) else {
        return Vec::new();
    };
    // Highest priority first; at equal priority, what is inserted earlier.
    active.sort_by_key(|a| {
        let priority = std::cmp::Reverse(a.entry.priority.unwrap_or(0));
        (a.decorators.ignore_on_max_context, priority, a.entry.insertion_order, a.index)
    });
    let (mut used, mut left_out) = (0usize, Vec::new());
    active.retain(|a| {
        let with = used.saturating_add((scene.count_tokens)(&a.text));
        let fits = with <= budget;
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
    text: &'a str,
    expressions: Vec<Regex>,
}

impl<'a> Candidate<'a> {
    fn new(index: usize, entry: &'a LoreEntry) -> Self {
        let (decorators, text) = decorator::split(&entry.content);
        let compile = |key: &String| regex(key, entry.case_sensitive == Some(true));
        let expressions = if entry.use_regex { entry.keys.iter().filter_map(compile).collect() } else { Vec::new() };
        Self { index, entry, decorators, text, expressions }
    }

    fn matches(&self, book: &Lorebook, scene: &Scene<'_>, text: &Searched<'_>) -> bool {
        let d = &self.decorators;
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
        let depth =
            d.scan_depth.or_else(|| book.scan_depth.and_then(|n| usize::try_from(n).ok())).unwrap_or(SCAN_DEPTH);
        let messages = scene.history.len();
        if d.dont_activate_after_match && messages > 0 && self.found(text, 0..messages - 1, false) {
            return false;
        }
        let from = if d.keep_activate_after_match { 0 } else { messages.saturating_sub(depth) };
        self.found(text, from..messages, true)
    }

    /// Whether the keys are in some messages, or, where asked, in what was recalled.
    fn found(&self, text: &Searched<'_>, messages: Range<usize>, recalled: bool) -> bool {
        let exact = self.entry.case_sensitive == Some(true);
        let has = |key: &String| match key.trim() {
            "" => false,
            key if exact => text.exact(messages.clone(), recalled).any(|t| t.contains(key)),
            key => {
                let key = key.to_lowercase();
                text.lower(messages.clone(), recalled).any(|t| t.contains(&key))
            }
        };
        if self.decorators.exclude_keys.iter().any(has) {
            return false;
        }
        if self.decorators.additional_keys.iter().any(has) {
            return true;
        }
        if self.entry.use_regex {
            return text.exact(messages, recalled).any(|t| self.expressions.iter().any(|e| e.is_match(t)));
        }
        if self.entry.constant == Some(true) {
            return true;
        }
        let second = self.entry.selective != Some(true)
            || self.entry.secondary_keys.is_empty()
            || self.entry.secondary_keys.iter().any(has);
        second && self.entry.keys.iter().any(has)
    }
}

/// What keys are looked for in: the messages, and what active entries say, each as it is and in lower case.
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

/// `pattern`, or `/pattern/flags` as JavaScript writes it. An invalid expression matches nothing.
fn regex(key: &str, exact: bool) -> Option<Regex> {
    let slashed = key.strip_prefix('/').and_then(|rest| rest.rsplit_once('/'));
    let (pattern, flags) =
        slashed.filter(|(_, flags)| flags.bytes().all(|b| b.is_ascii_lowercase())).unwrap_or((key, ""));
    let insensitive = if slashed.is_some() { flags.contains('i') } else { !exact };
    RegexBuilder::new(pattern)
        .case_insensitive(insensitive)
        .multi_line(flags.contains('m'))
        .dot_matches_new_line(flags.contains('s'))
        .size_limit(MAX_REGEX_BYTES)
        .dfa_size_limit(MAX_REGEX_BYTES)
        .build()
        .ok()
}
