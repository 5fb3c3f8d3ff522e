//! Threads that walk through one computation together, and wait for one another between its parts.

use std::cell::UnsafeCell;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::{ModelError, Result};

/// Threads of the engine's own: nobody else's work is among theirs, for they wait without sleeping.
pub(super) struct Team {
    pool: rayon::ThreadPool,
}

impl Team {
    pub(super) fn new(threads: usize) -> Result<Self> {
        let named = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("lazai-serve-{i}"));
        let pool = named.build().map_err(|e| ModelError::from(candle_core::Error::Msg(e.to_string())))?;
        Ok(Self { pool })
    }

    pub(super) fn size(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Has every thread run the body.
    pub(super) fn run(&self, body: impl Fn(&Member<'_>) + Sync) {
        let count = self.size();
        let barrier = Barrier::default();
        self.pool.broadcast(|thread| {
            let member = Member { index: thread.index(), count, barrier: &barrier };
            let _broken = BreakOnPanic(&barrier);
            body(&member);
        });
    }
}

/// One of the threads.
pub(super) struct Member<'a> {
    index: usize,
    count: usize,
    barrier: &'a Barrier,
}

impl Member<'_> {
    /// Waits until all are here: what they wrote before can be read.
    pub(super) fn wait(&self) {
        self.barrier.wait(self.count);
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// This thread's share of some items, one after another.
    pub(super) fn share(&self, items: usize) -> Range<usize> {
        items * self.index / self.count..items * (self.index + 1) / self.count
    }

    /// Tells whether an item is this thread's, where items are dealt one by one.
    pub(super) fn has(&self, item: usize) -> bool {
        item % self.count == self.index
    }
}

#[derive(Default)]
struct Barrier {
    arrived: AtomicUsize,
    round: AtomicUsize,
    broken: AtomicBool,
}

impl Barrier {
    fn wait(&self, count: usize) {
        let round = self.round.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == count {
            self.arrived.store(0, Ordering::Relaxed);
            self.round.store(round + 1, Ordering::Release);
            return;
        }
        let mut turns = 0_u32;
        while self.round.load(Ordering::Acquire) == round {
            assert!(!self.broken.load(Ordering::Relaxed), "another thread of the team panicked");
            turns += 1;
            // Parts last microseconds; where a core is shared with others, whoever waits makes room.
            if turns < 4_000 { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
    }
}

struct BreakOnPanic<'a>(&'a Barrier);

impl Drop for BreakOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Relaxed);
        }
    }
}

/// Values that several threads write, each in places of its own.
pub(super) struct Shared<T>(Box<[UnsafeCell<T>]>);

// SAFETY: access is by `part` and `part_mut`, whose callers keep threads apart.
#[allow(unsafe_code, reason = "threads write different places")]
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T: Copy + Default> Shared<T> {
    pub(super) fn new(len: usize) -> Self {
        // As one allocation of zeros, which the system makes for nothing.
        Self::of(vec![T::default(); len])
    }

    pub(super) fn of(values: Vec<T>) -> Self {
        let values = values.into_boxed_slice();
        // SAFETY: a cell is laid out as its value.
        #[allow(unsafe_code, reason = "a slice of values as one of cells")]
        Self(unsafe { Box::from_raw(Box::into_raw(values) as *mut [UnsafeCell<T>]) })
    }

    /// # Safety
    /// No other thread writes there before the next wait.
    #[allow(unsafe_code, reason = "threads write different places")]
    pub(super) unsafe fn part(&self, start: usize, len: usize) -> &[T] {
        let cells = &self.0[start..start + len];
        // SAFETY: a cell is laid out as its value; nobody writes, as the caller says.
        unsafe { std::slice::from_raw_parts(cells.as_ptr().cast(), len) }
    }

    /// # Safety
    /// No other thread reads or writes there before the next wait, and this one holds no other part of the place.
    #[allow(unsafe_code, clippy::mut_from_ref, reason = "threads write different places")]
    pub(super) unsafe fn part_mut(&self, start: usize, len: usize) -> &mut [T] {
        let cells = &self.0[start..start + len];
        // SAFETY: a cell may be written through a shared reference; nobody else does, as the caller says.
        unsafe { std::slice::from_raw_parts_mut(UnsafeCell::raw_get(cells.as_ptr()), len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each thread adds what the others wrote in the round before.
    #[test]
    #[allow(unsafe_code, clippy::unwrap_used)]
    fn rounds_are_seen_by_all() {
        let team = Team::new(3).unwrap();
        let cells = Shared::<u64>::new(3);
        team.run(|member| {
            for _ in 0..2_000 {
                // SAFETY: a wait stands between reading all and writing one's own.
                let sum: u64 = unsafe { cells.part(0, 3) }.iter().sum();
                member.wait();
                unsafe { cells.part_mut(member.index, 1)[0] = sum % 1_000_003 + member.index as u64 };
                member.wait();
            }
        });
        let mut expected = [0_u64; 3];
        for _ in 0..2_000 {
            let sum: u64 = expected.iter().sum();
            expected = [0, 1, 2].map(|i| sum % 1_000_003 + i);
        }
        assert_eq!(unsafe { cells.part(0, 3) }, expected);
    }

    #[test]
    #[should_panic]
    #[allow(clippy::unwrap_used)]
    fn a_panic_frees_those_that_wait() {
        let team = Team::new(2).unwrap();
        team.run(|member| {
            assert!(member.index != 0, "one fails");
            member.wait();
        });
    }
}
