//! Token buckets, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The time in which an empty bucket fills up.
const WINDOW: Duration = Duration::from_secs(60);
/// Most keys that are told apart.
const MOST_KEYS: usize = 65_536;
/// The pause between looks for buckets that can be forgotten.
const TIDY: Duration = Duration::from_secs(1);

/// A bucket for each key. Of each, only the time is kept at which it is full again (GCRA, ITU-T I.371): a full one needs no memory.
#[derive(Debug)]
pub(super) struct Buckets<K>(Mutex<Kept<K>>);

#[derive(Debug)]
struct Kept<K> {
    full_at: HashMap<K, Duration>,
    /// The one bucket of all keys for which there is no room.
    others: Duration,
    tidied: Duration,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self(Mutex::new(Kept { full_at: HashMap::new(), others: Duration::ZERO, tidied: Duration::ZERO }))
    }
}

impl<K: Eq + Hash> Buckets<K> {
    /// Takes one of `most` (0: of any number); if none is left, returns the time until there is one. Times are since any moment.
    pub fn take(&self, key: K, most: u32, now: Duration) -> Result<(), Duration> {
        if most == 0 {
            return Ok(());
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { full_at, others, tidied } = &mut *kept;
        if full_at.len() >= MOST_KEYS && now >= *tidied + TIDY {
            full_at.retain(|_, full_at| *full_at > now);
            *tidied = now;
        }
        let has_room = full_at.len() < MOST_KEYS || full_at.contains_key(&key);
        let bucket = if has_room { full_at.entry(key).or_default() } else { others };
        let full = (*bucket).max(now) + WINDOW / most;
        if let Some(wait) = full.checked_sub(now + WINDOW).filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        *bucket = full;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn a_bucket_empties_and_fills_up_evenly() {
        let buckets = Buckets::default();
        for _ in 0..6 {
            buckets.take("one", 6, 100 * S).unwrap();
        }
        assert_eq!(buckets.take("one", 6, 100 * S), Err(10 * S));
        assert_eq!(buckets.take("one", 6, 104 * S), Err(6 * S), "a refusal costs nothing");
        buckets.take("one", 6, 110 * S).unwrap();
        assert_eq!(buckets.take("one", 6, 110 * S), Err(10 * S));
        buckets.take("another", 6, 110 * S).unwrap();
        // After a minute of silence it is full, and no fuller.
        let taken = (0..9).filter(|_| buckets.take("one", 6, 500 * S).is_ok()).count();
        assert_eq!(taken, 6);
        assert!((0..9_999).all(|_| buckets.take("free", 0, S).is_ok()));
    }

    #[test]
    fn memory_is_bounded_and_full_buckets_are_forgotten() {
        let buckets = Buckets::default();
        for key in 0..MOST_KEYS {
            buckets.take(key, 1, S).unwrap();
        }
        // All others together have one bucket, and those who are known keep theirs.
        buckets.take(MOST_KEYS, 1, 3 * S).unwrap();
        assert!(buckets.take(MOST_KEYS + 1, 1, 3 * S).is_err() && buckets.take(0, 1, 3 * S).is_err());
        assert_eq!(buckets.0.lock().unwrap().full_at.len(), MOST_KEYS);
        buckets.take(MOST_KEYS + 1, 1, 62 * S).unwrap();
        assert_eq!(buckets.0.lock().unwrap().full_at.len(), 1);
    }
}
