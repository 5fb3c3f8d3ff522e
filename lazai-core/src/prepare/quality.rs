//! Counts, lengths and a score.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::message::{Dialogue, Role};
use crate::money::BasisPoints;

/// Names of contributors that are counted one by one.
const MAX_NAMES: usize = 1_000;

/// The quality of the data, by rules that anyone can apply again: a deterministic take on LazAI's data quality score.
///
/// | part | weight | is |
/// |---|---|---|
/// | `duplication` | 2 | dialogues that say something new, of all usable ones |
/// | `validity` | 3 | records that hold a usable dialogue, of all records |
/// | `context` | 5 | replies that answer a message of the user, of all replies |
///
/// The weights are those of LazAI's evaluator (deduplication 0.2, assessment 0.3, context alignment 0.5). The score says
/// nothing about whether the text is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Quality {
    /// Dialogues that say something new, of all usable ones.
    pub duplication: BasisPoints,
    /// Records that hold a usable dialogue, of all records.
    pub validity: BasisPoints,
    /// Replies that answer a message of the user, of all replies.
    pub context: BasisPoints,
    /// The weighted mean, rounded down.
    pub score: BasisPoints,
}

/// Counts of things by size: bucket `i` holds sizes from `2^i` to `2^(i+1) - 1`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Histogram(pub Vec<u64>);

impl Histogram {
    pub(super) fn add(&mut self, size: u64) {
        let bucket = size.max(1).ilog2() as usize;
        if bucket >= self.0.len() {
            self.0.resize(bucket + 1, 0);
        }
        self.0[bucket] += 1;
    }
}

/// Statistics of a set of dialogues. Lengths are of all usable dialogues, before duplicates are removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// Records in the input.
    pub records: u64,
    /// Usable dialogues in the input.
    pub usable: u64,
    /// Usable dialogues that repeat an earlier one exactly.
    pub exact_duplicates: u64,
    /// Usable dialogues that repeat an earlier one nearly.
    pub near_duplicates: u64,
    /// Dialogues that are left.
    pub kept: u64,
    /// Dialogues of these that are held out.
    pub held_out: u64,
    /// Messages of all usable dialogues.
    pub messages: u64,
    /// Messages of the character.
    pub replies: u64,
    /// Replies that answer a message of the user.
    pub replies_in_context: u64,
    /// Bytes of the texts, in UTF-8.
    pub bytes: u64,
    /// Messages per dialogue.
    pub messages_per_dialogue: Histogram,
    /// Bytes per reply.
    pub bytes_per_reply: Histogram,
    /// Dialogues per contributor; after a thousand names, the rest is under `…`.
    pub contributors: BTreeMap<String, u64>,
}

impl Statistics {
    pub(super) fn add(&mut self, dialogue: &Dialogue) {
        self.usable += 1;
        self.messages += dialogue.messages.len() as u64;
        self.messages_per_dialogue.add(dialogue.messages.len() as u64);
        let mut before = None;
        for message in &dialogue.messages {
            self.bytes += message.content.len() as u64;
            if message.role == Role::Assistant {
                self.replies += 1;
                self.bytes_per_reply.add(message.content.len() as u64);
                self.replies_in_context += u64::from(before == Some(Role::User));
            }
            before = Some(message.role);
        }
        let full = self.contributors.len() >= MAX_NAMES && !self.contributors.contains_key(&dialogue.contributor);
        let name = if full { "…" } else { &dialogue.contributor };
        match self.contributors.get_mut(name) {
            Some(count) => *count += 1,
            None => drop(self.contributors.insert(name.to_owned(), 1)),
        }
    }

    /// The score.
    #[must_use]
    pub fn quality(&self) -> Quality {
        let new = self.usable - self.exact_duplicates - self.near_duplicates;
        let parts = [
            (2, share(new, self.usable)),
            (3, share(self.usable.min(self.records), self.records)),
            (5, share(self.replies_in_context, self.replies)),
        ];
        let score = parts.iter().map(|(weight, part)| weight * part).sum::<u64>() / 10;
        let bps =
            |part: u64| u16::try_from(part).ok().and_then(|p| BasisPoints::new(p).ok()).unwrap_or(BasisPoints::WHOLE);
        Quality { duplication: bps(parts[0].1), validity: bps(parts[1].1), context: bps(parts[2].1), score: bps(score) }
    }

    /// The counts as a table in Markdown.
    #[must_use]
    pub fn table(&self) -> String {
        let quality = self.quality();
        let rows = [
            ("records in the input", self.records),
            ("usable dialogues", self.usable),
            ("exact duplicates", self.exact_duplicates),
            ("near duplicates", self.near_duplicates),
            ("dialogues left", self.kept),
            ("of these held out", self.held_out),
            ("messages", self.messages),
            ("replies", self.replies),
            ("replies to the user", self.replies_in_context),
            ("bytes of text", self.bytes),
            ("contributors", self.contributors.len() as u64),
            ("duplication (bps)", quality.duplication.get().into()),
            ("validity (bps)", quality.validity.get().into()),
            ("context (bps)", quality.context.get().into()),
            ("score (bps)", quality.score.get().into()),
        ];
        let mut table = String::from("| | |\n|---|---:|\n");
        for (name, value) in rows {
            table.push_str(&format!("| {name} | {value} |\n"));
        }
        table
    }
}

fn share(part: u64, whole: u64) -> u64 {
    let share = u128::from(part) * 10_000 / u128::from(whole.max(1));
    u64::try_from(share).unwrap_or(0)
}
