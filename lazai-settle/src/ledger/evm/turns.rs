//! Turns: one task at a time for each key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::lock;

/// A lock per key.
pub(super) struct Turns<K>(Mutex<BTreeMap<K, Arc<async_lock::Mutex<()>>>>);

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord> Turns<K> {
    pub async fn take(&self, whose: K) -> async_lock::MutexGuardArc<()> {
        let turn = {
            let mut turns = lock(&self.0);
            // Drops locks that nobody waits for.
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(whose).or_default())
        };
        turn.lock_arc().await
    }
}
