//! The state of the chain at the last reading, and the chain's delay.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lazai_core::Digest;

use super::decode::State;
use super::reader::Reader;

/// The state read last, so that callers do not wait for the node.
#[derive(Clone)]
pub(super) struct View {
    pub head: Arc<State>,
    pub confirmed: Arc<State>,
    pub confirmed_entries: usize,
    pub time_s: u64,
    pub height: u64,
    pub tip: Digest,
    /// When the last block was first seen.
    pub seen: Instant,
    pub keeping: Keeping,
}

impl View {
    pub fn of(reader: &Reader, depth: u64) -> Self {
        let (confirmed, confirmed_entries) = reader.at_depth(depth);
        Self {
            head: Arc::clone(reader.head()),
            confirmed: Arc::clone(confirmed),
            confirmed_entries,
            time_s: reader.time_s(),
            height: reader.tip().height,
            tip: reader.tip().hash,
            seen: Instant::now(),
            keeping: Keeping::from(reader.time_at_depth(depth)),
        }
    }

    /// Takes over the reader's present state; times of blocks seen before stay.
    pub fn update(&mut self, reader: &Reader, depth: u64) {
        let before = (self.tip, self.seen, self.keeping);
        *self = Self::of(reader, depth);
        self.keeping = before.2;
        self.keeping.seen(reader.time_at_depth(depth));
        if self.tip == before.0 {
            self.seen = before.1;
        }
    }
}

impl Reader {
    /// The state `depth` blocks below the tip, and the length of the log there.
    pub fn at_depth(&self, depth: u64) -> (&Arc<State>, usize) {
        let height = self.tip().height.saturating_sub(depth);
        let above = self.blocks.iter().position(|b| b.at.number > height);
        let entries = above.map_or(self.log.len(), |i| self.blocks[i].first);
        let last = above.map_or(self.blocks.back(), |i| i.checked_sub(1).map(|i| &self.blocks[i]));
        (last.map_or(&self.base.1, |b| &b.state), entries)
    }

    /// The time of the block `depth` blocks below the tip.
    pub fn time_at_depth(&self, depth: u64) -> u64 {
        let height = self.tip().height.saturating_sub(depth);
        let block = self.blocks.iter().rev().find(|block| block.at.number <= height);
        block.map_or(self.base.0, |block| block.at).time_s
    }
}

/// Compares the chain's clock with this process's, in seconds: a provider that delays every block could otherwise hide the
/// present behind blocks that are new.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keeping {
    since: Instant,
    /// The largest lead of a block's time over the time since `since`. Only deep blocks count: others may be undone, and
    /// their time with them.
    best: u64,
}

impl Keeping {
    pub fn from(time_s: u64) -> Self {
        Self { since: Instant::now(), best: time_s }
    }

    pub fn seen(&mut self, time_s: u64) {
        self.best = self.best.max(time_s.saturating_sub(self.since.elapsed().as_secs()));
    }

    /// The delay of the chain against its best timing so far.
    pub fn behind(&self, time_s: u64) -> Duration {
        let now = self.best.saturating_add(self.since.elapsed().as_secs());
        Duration::from_secs(now.saturating_sub(time_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_are_told_ever_later_are_not_seen() {
        let since = Instant::now().checked_sub(Duration::from_secs(1_000)).unwrap_or_else(Instant::now);
        let ran = since.elapsed().as_secs();
        let mut keeping = Keeping { since, best: 5_000 };
        assert_eq!(keeping.behind(5_000 + ran), Duration::ZERO);
        // As many blocks as before, each told later than the one before it.
        assert_eq!(keeping.behind(5_000 + ran / 2), Duration::from_secs(ran - ran / 2));
        // A chain whose clock leaps is not behind; it is measured by the new time from then on.
        keeping.seen(9_000 + ran);
        assert_eq!(keeping.behind(9_000 + ran), Duration::ZERO);
        assert_eq!(keeping.behind(8_990 + ran), Duration::from_secs(10));
    }
}
