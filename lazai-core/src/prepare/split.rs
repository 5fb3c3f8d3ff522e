//! Holding a part out for measuring, without words in common with the rest.

use std::collections::{BinaryHeap, HashMap, HashSet};

use super::sketch::{grouped, word_hashes};
use super::spool::{Entry, Spool};
use super::{Bits, PrepareError, Settings};
use crate::digest::DomainHasher;
use crate::message::{Dialogue, Role};
use crate::parallel;

/// Words in a row that must not be shared.
const GRAM: usize = 8;
/// Candidates per dialogue that is wanted: many share words with the rest.
const CANDIDATES: usize = 4;
/// Groups of words of all candidates together: bounds the memory.
const MAX_GRAMS: usize = 1 << 20;
/// Dialogues that are compared together.
const BATCH: usize = 2_048;

/// The numbers of the dialogues that are held out.
///
/// Candidates are those whose digests come first under the seed, whatever the order of the input. Candidates that share
/// eight words in a row with one another stand or fall together; those that share them with any other dialogue fall.
pub(super) fn choose(
    spool: &Spool,
    dropped: &Bits,
    kept: u64,
    settings: &Settings,
    progress: &mut dyn FnMut(u64) -> Result<(), PrepareError>,
) -> Result<HashSet<u64>, PrepareError> {
    let share = u128::from(kept) * u128::from(settings.held_out.get()) / 10_000;
    let wanted = usize::try_from(share).unwrap_or(usize::MAX).min(settings.max_held_out);
    let mut candidates = Candidates::new(first_under_seed(spool, dropped, settings.seed, wanted * CANDIDATES)?);
    if candidates.numbers.is_empty() {
        return Ok(HashSet::new());
    }
    for (number, entry) in (0u64..).zip(spool.entries()?) {
        if candidates.numbers.contains_key(&number) {
            candidates.add(number, &Entry::decode(&entry?)?.dialogue);
        }
    }
    // Every other dialogue touches the candidates that share its words.
    let mut batch = Vec::with_capacity(BATCH);
    let mut entries = (0u64..).zip(spool.entries()?).peekable();
    while let Some((number, entry)) = entries.next() {
        if !dropped.get(number) && !candidates.numbers.contains_key(&number) {
            batch.push(entry?);
        }
        if batch.len() == BATCH || entries.peek().is_none() {
            let owners = &candidates.owners;
            let touched = parallel::map(settings.threads, std::mem::take(&mut batch), |bytes| {
                let dialogue = Entry::decode(&bytes)?.dialogue;
                Ok::<_, PrepareError>(
                    grams(&dialogue).filter_map(|gram| owners.get(&gram).copied()).collect::<Vec<_>>(),
                )
            });
            for touched in touched {
                touched?.into_iter().for_each(|candidate| candidates.touch(candidate));
            }
            progress(number + 1)?;
        }
    }
    Ok(candidates.untouched(wanted))
}

/// The dialogues whose digests come first under the seed.
fn first_under_seed(spool: &Spool, dropped: &Bits, seed: u64, count: usize) -> Result<Vec<u64>, PrepareError> {
    let mut first = BinaryHeap::with_capacity(count.min(1 << 16) + 1);
    for (number, digest) in (0u64..).zip(spool.digests()?) {
        let digest = digest?;
        if !dropped.get(number) && count > 0 {
            let hasher = DomainHasher::new("lazai.prepare.split.v1").part(&seed.to_le_bytes());
            first.push((*hasher.part(&digest).finish().as_bytes(), number));
            if first.len() > count {
                first.pop();
            }
        }
    }
    Ok(first.into_sorted_vec().into_iter().map(|(_, number)| number).collect())
}

/// Groups of eight words of user and character.
fn grams(dialogue: &Dialogue) -> impl Iterator<Item = u64> + '_ {
    dialogue.messages.iter().filter(|m| m.role != Role::System).flat_map(|message| {
        let words: Vec<u64> = word_hashes(&message.content).collect();
        words.windows(GRAM).map(grouped).collect::<Vec<_>>()
    })
}

struct Candidates {
    /// In order of choice.
    order: Vec<u64>,
    numbers: HashMap<u64, usize>,
    owners: HashMap<u64, usize>,
    /// Candidates that stand or fall together: each points towards the first of its group.
    group: Vec<usize>,
    touched: Vec<bool>,
}

impl Candidates {
    fn new(order: Vec<u64>) -> Self {
        let numbers = order.iter().enumerate().map(|(i, &number)| (number, i)).collect();
        let group = (0..order.len()).collect();
        Self { touched: vec![false; order.len()], order, numbers, owners: HashMap::new(), group }
    }

    fn root(&mut self, mut candidate: usize) -> usize {
        while self.group[candidate] != candidate {
            self.group[candidate] = self.group[self.group[candidate]];
            candidate = self.group[candidate];
        }
        candidate
    }

    fn add(&mut self, number: u64, dialogue: &Dialogue) {
        let candidate = self.numbers[&number];
        let grams: Vec<u64> = grams(dialogue).collect();
        if self.owners.len() + grams.len() > MAX_GRAMS {
            // Too long to be compared: it is trained on, and so are those that share its words.
            self.touched[candidate] = true;
        }
        for gram in grams {
            if let Some(&owner) = self.owners.get(&gram) {
                let (a, b) = (self.root(owner), self.root(candidate));
                self.group[a.max(b)] = a.min(b);
            } else if self.owners.len() < MAX_GRAMS {
                self.owners.insert(gram, candidate);
            }
        }
    }

    fn touch(&mut self, candidate: usize) {
        let root = self.root(candidate);
        self.touched[root] = true;
    }

    /// Whole groups that nobody touched, in the order of choice, up to a number of dialogues.
    fn untouched(mut self, wanted: usize) -> HashSet<u64> {
        let mut groups: Vec<Vec<usize>> = vec![Vec::new(); self.order.len()];
        for candidate in 0..self.order.len() {
            let root = self.root(candidate);
            groups[root].push(candidate);
        }
        let mut chosen = HashSet::new();
        for group in groups {
            let free = !group.is_empty() && group.iter().all(|&c| !self.touched[c]);
            if free && chosen.len() + group.len() <= wanted {
                chosen.extend(group.into_iter().map(|c| self.order[c]));
            }
        }
        chosen
    }
}
