//! A chunk of a dataset as the trace of a STARK: rows of Poseidon, from one state to the next.
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

mod constraints;
mod layout;
mod rules;
#[cfg(any(feature = "p3", feature = "plonky2"))]
mod trace;

pub(crate) use constraints::Constraints;
#[cfg(feature = "plonky2")]
pub(crate) use layout::public;
pub(crate) use layout::{Columns, LIMBS, RATE, STACK, Shape, state};
#[cfg(feature = "plonky2")]
pub(crate) use rules::rules;
pub(crate) use rules::whole_rules;
#[cfg(any(feature = "p3", feature = "plonky2"))]
pub(crate) use trace::{Bounds, Cell, State, Trace};
