//! Text as phonemes.
