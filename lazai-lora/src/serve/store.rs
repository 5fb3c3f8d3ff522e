//! Pages that were computed before: the beginning of a conversation is not computed again.
//!
//! A page is found by what it was computed from: the adapter, all tokens up to its end, and whose it is. What was computed for one
//! conversation is found by that conversation alone, or timing would tell one person what another said. What all conversations with
//! a character begin with, its published card, is everybody's: timing tells no more than that somebody talked with it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use lazai_core::Digest;
use lazai_core::digest::sha256;

use super::pages::{PAGE, Page};

/// A page's name: a digest of all that it was computed from.
pub(super) type Key = Digest;

/// Whose pages are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    pub(super) adapter: Option<Digest>,
    /// The conversation; what is not shared of one without a name is not kept.
    pub(super) conversation: Option<Digest>,
    /// Tokens at the beginning that are everybody's.
    pub(super) shared: usize,
}

/// Names the full pages of a conversation that may be kept, the first ones first.
pub(super) fn keys(owner: Owner, tokens: &[u32]) -> Vec<Key> {
    let mut all = Vec::with_capacity(tokens.len() / PAGE);
    let adapter = owner.adapter.map_or([0; 32], |digest| *digest.as_bytes());
    let mut last = sha256(&[adapter, [0; 32]].concat());
    let shared = owner.shared / PAGE;
    for (place, page) in tokens.chunks_exact(PAGE).enumerate() {
        if place == shared {
            let Some(conversation) = owner.conversation else { break };
            last = sha256(&[*last.as_bytes(), *conversation.as_bytes()].concat());
        }
        let mut bytes = last.as_bytes().to_vec();
        page.iter().for_each(|token| bytes.extend(token.to_le_bytes()));
        last = sha256(&bytes);
        all.push(last);
    }
    all
}

struct Kept {
    page: Arc<Page>,
    used: u64,
    depth: usize,
}

/// Pages that are kept, the least recently used forgotten first, and of a conversation the last ones first.
#[derive(Default)]
pub(super) struct Store {
    pages: HashMap<Key, Kept>,
    order: BTreeMap<(u64, Reverse<usize>, Key), ()>,
    clock: u64,
}

impl Store {
    /// The pages that are kept of a conversation's beginning.
    pub(super) fn find(&mut self, keys: &[Key]) -> Vec<Arc<Page>> {
        self.clock += 1;
        let mut found = Vec::new();
        for (depth, key) in keys.iter().enumerate() {
            let Some(kept) = self.pages.get(key) else { break };
            found.push(kept.page.clone());
            self.touch(*key, depth, None);
        }
        found
    }

    /// Keeps full pages.
    pub(super) fn keep(&mut self, pages: impl Iterator<Item = (Key, Arc<Page>)>) {
        self.clock += 1;
        for (depth, (key, page)) in pages.enumerate() {
            self.touch(key, depth, Some(page));
        }
    }

    fn touch(&mut self, key: Key, depth: usize, page: Option<Arc<Page>>) {
        let old = self.pages.remove(&key);
        if let Some(old) = &old {
            self.order.remove(&(old.used, Reverse(old.depth), key));
        }
        if let Some(page) = old.map(|old| old.page).or(page) {
            self.order.insert((self.clock, Reverse(depth), key), ());
            self.pages.insert(key, Kept { page, used: self.clock, depth });
        }
    }

    /// Forgets pages until at most so many are kept that no reply uses; gives those that nobody has any more.
    pub(super) fn shrink(&mut self, most: usize) -> Vec<(Key, Arc<Page>)> {
        let alone = |kept: &Kept| Arc::strong_count(&kept.page) == 1;
        let mut count = self.pages.values().filter(|kept| alone(kept)).count();
        let mut forgotten = Vec::new();
        while count > most {
            let Some(((.., key), ())) = self.order.pop_first() else { break };
            if let Some(kept) = self.pages.remove(&key).filter(alone) {
                count -= 1;
                forgotten.push((key, kept.page));
            }
        }
        forgotten
    }
}
