//! Servers that do not answer are left for a while: two seconds, four, and so on up to a minute.

use std::time::{Duration, Instant};

/// The first pause, doubled with each failure in a row, and the longest.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How a server answered of late.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Failures in a row.
    failures: u32,
    left_until: Option<Instant>,
}

impl Health {
    /// Tells whether the server is left for a while.
    pub fn is_left(&self, now: Instant) -> bool {
        self.left_until.is_some_and(|until| now < until)
    }

    pub fn failed(&mut self) {
        let pause = PAUSE.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.left_until = Some(Instant::now() + pause);
    }

    pub fn works(&mut self) {
        *self = Self::default();
    }
}
