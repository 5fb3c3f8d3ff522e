//! Stop strings in a text that comes in pieces.

use lazai_core::reply::{before_stop, begun};

/// Holds back what may be the beginning of a stop string.
#[derive(Debug)]
pub(super) struct Stops {
    stops: Vec<String>,
    /// Text that was not passed on.
    held: String,
}

impl Stops {
    pub(super) fn new(stops: &[String]) -> Self {
        let stops = stops.iter().filter(|stop| !stop.is_empty()).cloned().collect();
        Self { stops, held: String::new() }
    }

    /// Takes a piece; gives the text that can be passed on, and whether a stop string came, of which nothing is passed on.
    pub(super) fn push(&mut self, piece: &str) -> (String, bool) {
        self.held.push_str(piece);
        let passed = before_stop(&self.held, &self.stops);
        if passed.len() < self.held.len() {
            let passed = passed.to_owned();
            self.held.clear();
            return (passed, true);
        }
        let keep = self.begun();
        let rest = self.held.split_off(self.held.len() - keep);
        (std::mem::replace(&mut self.held, rest), false)
    }

    /// The text that was held back, when no more comes.
    pub(super) fn rest(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    /// Bytes at the end that may be the beginning of a stop string.
    fn begun(&self) -> usize {
        self.stops.iter().map(|stop| begun(&self.held, stop)).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};

    use super::*;

    /// However a text is cut, what is passed on is what stands before the first stop string of what came.
    #[test]
    fn no_part_of_a_stop_string_is_passed_on() {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let mut below = |n: usize| rng.next_u32() as usize % n;
        let text = |most: usize, below: &mut dyn FnMut(usize) -> usize| -> String {
            (0..below(most)).map(|_| ['a', 'b', 'ä', '\u{1f3b5}'][below(4)]).collect()
        };
        for _ in 0..5_000 {
            let stops: Vec<String> = (0..below(4)).map(|_| text(5, &mut below)).collect();
            let mut held = Stops::new(&stops);
            let (mut came, mut passed, mut ended) = (String::new(), String::new(), false);
            while came.len() < 60 && !ended {
                let piece = text(6, &mut below);
                came += &piece;
                let (more, end) = held.push(&piece);
                passed += &more;
                ended = end;
                let whole = before_stop(&came, &stops);
                assert_eq!(ended, whole.len() < came.len(), "{came:?} {stops:?}");
                assert!(whole.starts_with(&passed), "{came:?} {stops:?}: {passed:?}");
                assert!(!ended || whole == passed, "{came:?} {stops:?}: {passed:?}");
            }
            passed += &held.rest();
            assert_eq!(passed, before_stop(&came, &stops), "{came:?} {stops:?}");
        }
    }
}
