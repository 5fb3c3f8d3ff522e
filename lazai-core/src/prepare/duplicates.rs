//! Dialogues that repeat an earlier one.

use super::sketch::{HASHES, Sketch};
use super::sorter::Sorter;
use super::spool::IndexReader;
use super::{Bits, PrepareError, Settings};
use crate::report::MAX_NOTES;

/// The number of earlier dialogues of one band that each is compared with.
const COMPARED: usize = 4;

/// Collects sketches; finds those that are alike.
#[derive(Debug)]
pub(super) struct Duplicates {
    bands: Sorter,
    /// Hashes that must agree.
    agreeing: usize,
}

/// The duplicates found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub dropped: Bits,
    pub exact: u64,
    pub near: u64,
    /// The first ones, in the order of the input.
    pub noted: Vec<Duplicate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Duplicate {
    pub number: u64,
    pub of: u64,
    pub exact: bool,
}

impl Duplicates {
    pub(super) fn new(settings: &Settings) -> Self {
        let agreeing = (HASHES * usize::from(settings.near_duplicate.get())).div_ceil(10_000);
        Self { bands: Sorter::new(settings.folder.clone()), agreeing }
    }

    pub(super) fn add(&mut self, number: u64, sketch: &Sketch) -> Result<(), PrepareError> {
        for band in sketch.bands() {
            self.bands.add((band, number))?;
        }
        Ok(())
    }

    /// A dialogue is dropped if an earlier one shares a band with it, and enough of its signature.
    pub(super) fn find(self, index: &mut IndexReader) -> Result<Found, PrepareError> {
        let mut found = Found::default();
        let mut band = None;
        // The first dialogues of the band, with their sketches once needed.
        let mut earlier: Vec<(u64, Option<Sketch>)> = Vec::with_capacity(COMPARED);
        // The notes that come first in the input; the largest number on top.
        let mut noted = std::collections::BinaryHeap::new();
        for pair in self.bands.sorted()? {
            let (key, number) = pair?;
            if band != Some(key) {
                band = Some(key);
                earlier.clear();
            }
            if !found.dropped.get(number) && !earlier.is_empty() {
                let sketch = index.sketch(number)?;
                for (of, kept) in &mut earlier {
                    let kept = match kept {
                        Some(kept) => kept,
                        None => kept.insert(index.sketch(*of)?),
                    };
                    if kept.agreeing(&sketch) >= self.agreeing {
                        let exact = kept.digest == sketch.digest;
                        *(if exact { &mut found.exact } else { &mut found.near }) += 1;
                        found.dropped.set(number);
                        noted.push(Duplicate { number, of: *of, exact });
                        if noted.len() > MAX_NOTES {
                            noted.pop();
                        }
                        break;
                    }
                }
            }
            if earlier.len() < COMPARED && !found.dropped.get(number) {
                earlier.push((number, None));
            }
        }
        found.noted = noted.into_sorted_vec();
        Ok(found)
    }
}
