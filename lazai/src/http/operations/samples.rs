//! What a node said in the last hour, in spans of half a minute: enough for a picture, in memory alone.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::metrics::Measured;

/// The length of a span, in seconds.
pub(super) const SPAN_S: u64 = 30;
/// Spans of an hour.
pub(super) const SPANS: usize = 120;

/// What was done in one span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Span {
    /// Replies that ended.
    pub replies: u64,
    /// Tokens of the conversations before them.
    pub prompt_tokens: u64,
    /// Tokens of replies, spread over the time in which each was made.
    pub completion_tokens: u64,
}

/// The spans of the last hour.
#[derive(Debug)]
pub(in crate::http) struct Samples {
    began: Instant,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    /// The number of the newest span, counted from the beginning.
    newest: u64,
    /// Each at its number's remainder.
    spans: [Span; SPANS],
}

impl Default for Samples {
    fn default() -> Self {
        Self { began: Instant::now(), kept: Mutex::new(Kept { newest: 0, spans: [Span::default(); SPANS] }) }
    }
}

impl Samples {
    /// The time since it began.
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    pub fn replied(&self, reply: &Measured) {
        self.at(self.age()).replied(self.age(), reply);
    }

    /// All spans, the oldest first; the last one is not over yet.
    pub(super) fn spans(&self) -> Vec<Span> {
        let kept = self.at(self.age());
        (0..SPANS as u64).map(|back| kept.spans[slot(kept.newest + 1 + back)]).collect()
    }

    fn at(&self, now: Duration) -> std::sync::MutexGuard<'_, Kept> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.go_to(number(now));
        kept
    }
}

impl Kept {
    fn go_to(&mut self, newest: u64) {
        for passed in (self.newest + 1..=newest).rev().take(SPANS) {
            self.spans[slot(passed)] = Span::default();
        }
        self.newest = self.newest.max(newest);
    }

    fn replied(&mut self, now: Duration, reply: &Measured) {
        let last = number(now);
        let newest = &mut self.spans[slot(last)];
        newest.replies += 1;
        newest.prompt_tokens += reply.prompt_tokens;
        let oldest = self.newest.saturating_sub(SPANS as u64 - 1);
        let begun = now.saturating_sub(reply.whole);
        let (begun_ms, whole_ms) = (begun.as_millis(), (now - begun).as_millis().max(1));
        let mut left = reply.completion_tokens;
        for span in number(begun)..last {
            let [from_ms, end_ms] = [span, span + 1].map(|span| u128::from(span * SPAN_S) * 1_000);
            let part = u128::from(reply.completion_tokens) * (end_ms - from_ms.max(begun_ms)) / whole_ms;
            let tokens = u64::try_from(part).unwrap_or(u64::MAX).min(left);
            left -= tokens;
            if span >= oldest {
                self.spans[slot(span)].completion_tokens += tokens;
            }
        }
        self.spans[slot(last)].completion_tokens += left;
    }
}

fn number(now: Duration) -> u64 {
    now.as_secs() / SPAN_S
}

fn slot(number: u64) -> usize {
    (number % SPANS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(whole_s: u64, completion_tokens: u64) -> Measured {
        Measured { first: None, whole: Duration::from_secs(whole_s), prompt_tokens: 7, completion_tokens }
    }

    #[test]
    fn tokens_are_spread_over_the_time_of_their_reply_and_forgotten_after_an_hour() {
        let mut kept = Kept { newest: 0, spans: [Span::default(); SPANS] };
        let at = |kept: &mut Kept, now_s, reply: Measured| {
            let now = Duration::from_secs(now_s);
            kept.go_to(number(now));
            kept.replied(now, &reply);
        };
        at(&mut kept, 100, reply(0, 5));
        assert_eq!(kept.spans[3], Span { replies: 1, prompt_tokens: 7, completion_tokens: 5 });
        // From 45 to 105: a quarter in the second span, half in the third, a quarter in the fourth.
        at(&mut kept, 105, reply(60, 100));
        assert_eq!([1, 2, 3].map(|span| kept.spans[span].completion_tokens), [25, 50, 30]);
        // Of one that took longer than an hour, the last hour is kept: three tokens in each whole span, one in the last.
        at(&mut kept, 4_000, reply(4_000, 400));
        assert_eq!(kept.spans.iter().map(|span| span.completion_tokens).sum::<u64>(), 119 * 3 + 1);
        assert_eq!(kept.spans.iter().map(|span| span.replies).sum::<u64>(), 1);
        kept.go_to(number(Duration::from_secs(9_999)));
        assert!(kept.spans.iter().all(|span| *span == Span::default()));
    }
}
