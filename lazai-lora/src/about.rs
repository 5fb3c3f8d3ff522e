//! Facts about a trainer or a generator.

use lazai_core::Digest;

/// The base model and device of a trainer or a generator, as it states them itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct About {
    /// Name of the base model.
    pub base_name: String,
    /// Digest of the base model.
    pub base_digest: Digest,
    /// Digest of its tokenizer.
    pub tokenizer_digest: Digest,
    /// Kind of device: `cpu`, `cuda`, `metal` or a word of its own.
    pub device: String,
    /// Kind of machine: on the same kind, the same job gives the same bits. Empty if that is not promised.
    pub machine: String,
}

impl About {
    /// A description that promises no kind of machine.
    #[must_use]
    pub fn new(base_name: String, base_digest: Digest, tokenizer_digest: Digest, device: String) -> Self {
        Self { base_name, base_digest, tokenizer_digest, device, machine: String::new() }
    }
}
