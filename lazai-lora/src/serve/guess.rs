//! Guesses of what a reply goes on with: as the text went on before. A guess is computed beside the token before it, and taken if the
//! reply chooses it, so that it saves a step and changes no bit.

use std::collections::HashMap;

/// Tokens by which an earlier place is found.
const SAME: usize = 3;
/// Most tokens of a guess.
pub(super) const MOST: usize = 7;
/// Most places that are passed over after guesses that were wrong.
const LONGEST_PAUSE: u32 = 64;

/// What is known of one text.
#[derive(Debug)]
pub(super) struct Guesses {
    /// The place after each run of tokens, the last one if there are several.
    after: HashMap<[u32; SAME], usize>,
    /// Runs that end before this place are known.
    read: usize,
    /// Tokens of the next guess.
    length: usize,
    /// Places that are passed over before the next guess, and after it, if it is wrong.
    pause: u32,
    next_pause: u32,
}

impl Default for Guesses {
    fn default() -> Self {
        Self { after: HashMap::new(), read: SAME, length: 2, pause: 0, next_pause: 1 }
    }
}

impl Guesses {
    /// What may follow `text`, at most so many tokens; often nothing. The text only grows from call to call.
    pub(super) fn next(&mut self, text: &[u32], most: usize) -> Vec<u32> {
        // Among many replies nothing is guessed, and nothing is learnt for it.
        if most == 0 {
            return Vec::new();
        }
        // The run that the text ends with is looked for among those before it.
        for place in self.read..text.len() {
            if let Some(run) = text[..place].last_chunk() {
                self.after.insert(*run, place);
            }
        }
        self.read = self.read.max(text.len());
        let most = most.min(self.length);
        let found = text.last_chunk::<SAME>().and_then(|run| self.after.get(run));
        let Some(place) = found else { return Vec::new() };
        if self.pause > 0 {
            self.pause -= 1;
            return Vec::new();
        }
        text[*place..].iter().take(most).copied().collect()
    }

    /// Learns how many tokens of a guess were chosen. Longer guesses follow right ones, and pauses wrong ones.
    pub(super) fn learn(&mut self, guessed: usize, right: usize) {
        if right == guessed {
            (self.length, self.next_pause) = ((self.length * 2).min(MOST), 1);
        } else if right == 0 {
            (self.length, self.pause) = (2, self.next_pause);
            self.next_pause = (self.next_pause * 2).min(LONGEST_PAUSE);
        } else {
            self.length = (right + 1).min(MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_followed_before_is_guessed() {
        let mut guesses = Guesses::default();
        assert!(guesses.next(&[1, 2, 3, 4, 5], 9).is_empty());
        assert_eq!(guesses.next(&[1, 2, 3, 4, 5, 1, 2, 3], 9), [4, 5]);
        guesses.learn(2, 2);
        assert_eq!(guesses.next(&[1, 2, 3, 4, 5, 1, 2, 3], 9), [4, 5, 1, 2]);
        assert_eq!(guesses.next(&[1, 2, 3, 4, 5, 1, 2, 3], 1), [4], "never more than there is room for");
        // The latest place counts.
        assert_eq!(guesses.next(&[1, 2, 3, 4, 5, 1, 2, 3, 6, 1, 2, 3], 1), [6]);
    }

    #[test]
    fn wrong_guesses_become_rare() {
        let mut guesses = Guesses::default();
        let text: Vec<u32> = (0..1_000).map(|i| i % 5).collect();
        let mut made = 0;
        for end in 10..text.len() {
            let guessed = guesses.next(&text[..end], 9).len();
            made += usize::from(guessed > 0);
            if guessed > 0 {
                guesses.learn(guessed, 0);
            }
        }
        assert!((5..25).contains(&made), "{made} guesses");
    }
}
