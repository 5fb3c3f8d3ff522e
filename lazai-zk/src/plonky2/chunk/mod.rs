//! A chunk of a dataset as a STARK: 2^13 or 2^16 rows of Poseidon, from one state to the next.
//!
//! | row | absorbs | chain | gives |
//! |---|---|---|---|
//! | content | 32 tokens (24 above 2^16) | the record's: starts at length and packing | digest of the content |
//! | leaf | digest of the loss mask, salt, contributor and licence | the content's digest | a leaf, pushed |
//! | sort | the next of the sorted keys | over all keys | no two contents are equal |
//! | merge | two subtrees of equal size | none | their parent |
//! | bag | the two smallest subtrees | none | their parent, at the end of a contributor |
//! | close | root, records, tokens, number and licence of the contributor | over all contributors | at the end: the dataset's root |
//!
//! Tokens and 16-bit limbs are looked up in tables by logarithmic derivatives (U. Haböck, ePrint 2022/1530).

#[cfg(test)]
mod cells;
#[cfg(test)]
mod cheating;
mod layout;
mod rules;
mod stark;
#[cfg(test)]
mod tests;
mod trace;

pub(super) use layout::{Shape, public, state};
pub(super) use stark::{ChunkStark, stark_config};
#[cfg(test)]
pub(super) use stark::{lookup_terms, width};
pub(super) use trace::{Bounds, State, Trace};
