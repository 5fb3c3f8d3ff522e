//! The end of serving: no reply is begun any more, and those in progress end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Front;
use crate::wire::openai::ApiError;

/// The time that a client is told to stay away: a restart takes about as long.
const AWAY_S: u64 = 30;
/// The pause between looks at replies in progress.
const LOOK: Duration = Duration::from_millis(20);
/// The time that consumers get, after the last reply, to promise its payment.
const PAY: Duration = Duration::from_secs(1);

/// Whether a node takes new requests for replies.
#[derive(Debug, Default)]
pub(super) struct Draining(AtomicBool);

impl Draining {
    /// # Errors
    /// Status 503 once it drains.
    pub fn check(&self) -> Result<(), ApiError> {
        if self.0.load(Ordering::Acquire) {
            let error = ApiError::new(503, "node.draining", "the node is stopping: it begins no more replies");
            return Err(ApiError { retry_after_s: Some(AWAY_S), ..error });
        }
        Ok(())
    }
}

impl Front {
    /// From now on, refuses requests for replies (status 503, `node.draining`), and is not ready for its operator. Vouchers,
    /// releases and reports are still taken, and replies in progress go on.
    pub fn begin_draining(&self) {
        self.0.draining.0.store(true, Ordering::Release);
    }

    /// Tells whether it refuses requests for replies because it is stopping.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.draining.check().is_err()
    }

    /// Begins draining, and waits until no reply is in progress, at most for some time; then gives consumers a second to promise
    /// what the last replies cost. Returns the number of requests that are still in progress. Blocks the thread.
    pub fn drain(&self, most: Duration) -> usize {
        self.begin_draining();
        let (began, mut had_replies) = (Instant::now(), false);
        while self.under_way() > 0 && began.elapsed() < most {
            had_replies = true;
            std::thread::sleep(LOOK);
        }
        let left = self.under_way();
        if had_replies && left == 0 {
            std::thread::sleep(PAY.min(most.saturating_sub(began.elapsed())));
        }
        left
    }
}
