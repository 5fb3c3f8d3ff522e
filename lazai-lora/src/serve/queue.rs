//! Replies that wait to begin.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lazai_core::Digest;

use super::pages::Page;
use super::sequence::{Held, Ready};
use crate::error::GenerateError;

/// Replies that wait to begin, the one whose patience ends first at the front. Of the same patience, who asked first is first.
#[derive(Default)]
pub(super) struct Queue(VecDeque<Ready>);

impl Queue {
    /// Takes one more.
    pub(super) fn push(&mut self, job: Ready) {
        let place = self.0.partition_point(|other| other.due <= job.due);
        self.0.insert(place, job);
    }

    /// The one at a place.
    pub(super) fn at(&mut self, place: usize) -> Option<&mut Ready> {
        self.0.get_mut(place)
    }

    /// Gives pages from the disk to who waits for them with this ticket.
    pub(super) fn give(&mut self, ticket: u64, pages: Vec<Arc<Page>>) {
        if let Some(held) = self.0.iter_mut().map(|job| &mut job.held).find(|held| held.ticket == Some(ticket)) {
            held.ticket = None;
            held.pages.extend(pages);
        }
    }

    /// Pages that are held by those who wait.
    pub(super) fn held(&self) -> usize {
        self.0.iter().map(|job| job.held.pages.len()).sum()
    }

    /// Takes from all but the one at a place what they hold; true if that was anything.
    pub(super) fn let_go(&mut self, but: usize) -> bool {
        let others = self.0.iter_mut().enumerate().filter(|(place, job)| *place != but && !job.held.pages.is_empty());
        others.map(|(_, job)| job.held = Held::default()).count() > 0
    }

    /// Takes out the one at a place.
    pub(super) fn take(&mut self, place: usize) -> Option<Ready> {
        self.0.remove(place)
    }

    /// Takes out those of an adapter.
    pub(super) fn of_adapter(&mut self, digest: Digest) -> Vec<Ready> {
        let (found, others) =
            std::mem::take(&mut self.0).into_iter().partition(|job| job.owner.adapter == Some(digest));
        self.0 = others;
        Vec::from(found)
    }

    /// Forgets those who left.
    pub(super) fn forget_left(&mut self) {
        self.0.retain(|job| !job.events.is_closed());
    }

    /// Refuses those who waited `most` or longer.
    pub(super) fn refuse_late(&mut self, now: Instant, most: Duration) {
        let waiting = self.0.len();
        self.0.retain(|job| {
            let is_late = now.saturating_duration_since(job.asked) >= most;
            if is_late {
                job.tell(Err(GenerateError::Busy { waiting }));
            }
            !is_late
        });
    }
}

impl Deref for Queue {
    type Target = VecDeque<Ready>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::base::Tokenizer;
    use crate::generate::{Event, Grammars, Sampler, Writing};
    use crate::serve::engine::Place;
    use crate::serve::store::Owner;

    fn job(tokenizer: &Tokenizer, asked: Instant, patience_s: u64) -> (Ready, async_channel::Receiver<Event>) {
        let writing = Writing::begin(tokenizer, &Grammars::default(), 8, vec![1], Sampler::default(), 0).unwrap();
        let (events, heard) = async_channel::unbounded();
        let (due, place) = (asked + Duration::from_secs(patience_s), Place::take(&Default::default(), 1).unwrap());
        let owner = Owner { adapter: None, conversation: None, shared: 0 };
        (Ready { writing, adapter: None, owner, held: Held::default(), events, asked, due, place }, heard)
    }

    #[test]
    fn patience_is_heeded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/models/llama3");
        let base = crate::BaseModel::open(&folder, &crate::Compute::cpu(), crate::WeightFormat::F32).unwrap();
        let mut queue = Queue::default();
        let begun = Instant::now();
        // Seconds after the beginning, and of patience.
        let asked = [(0, 10), (1, 9), (2, 1), (3, 30), (4, 1)];
        let mut heard = Vec::new();
        for (after, patience) in asked {
            let (job, ears) = job(base.tokenizer(), begun + Duration::from_secs(after), patience);
            queue.push(job);
            heard.push(ears);
        }
        let order = |queue: &Queue| -> Vec<u64> { queue.iter().map(|job| (job.asked - begun).as_secs()).collect() };
        assert_eq!(order(&queue), [2, 4, 0, 1, 3]);
        heard.remove(2);
        queue.forget_left();
        assert_eq!(order(&queue), [4, 0, 1, 3]);
        queue.refuse_late(begun + Duration::from_secs(11), Duration::from_secs(10));
        assert_eq!(order(&queue), [4, 3]);
        assert!(matches!(heard[0].try_recv(), Ok(Event::Done(Err(GenerateError::Busy { waiting: 4 })))));
        assert!(matches!(heard[1].try_recv(), Ok(Event::Done(Err(GenerateError::Busy { .. })))));
        assert!(heard[2].try_recv().is_err() && heard[3].try_recv().is_err());
    }
}
