//! Memories in files.

use std::path::Path;
use std::sync::Arc;

use lazai::lora::{Compute, Encoder};
use lazai::memory;

use super::session::Session;
use crate::memory::{Memory, MemoryRecall, key_of, remembering};
use crate::{FilePath, LazaiError, Signer, TokenCounter};

/// The memory in a file, which its first entry makes; the signer's key opens it. Processes may share the file. A wallet is asked for two
/// signatures, which are sent to nobody.
///
/// # Errors
/// `file`, `memory.other_key`, `memory.not_memory`, `memory.damaged`, `memory.too_large`, `signer.…`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub async fn open_memory(path: FilePath, signer: Arc<dyn Signer>) -> Result<Arc<Memory>, LazaiError> {
    Ok(Arc::new(Memory(memory::Memory::open(path, key_of(signer).await?)?)))
}

/// A sentence encoder out of a folder.
///
/// # Errors
/// `model`.
pub(super) fn encoder(folder: &str) -> Result<Arc<dyn memory::Meaning>, LazaiError> {
    let opened = Encoder::open(Path::new(folder), &Compute::cpu());
    Ok(Arc::new(opened.map_err(|error| LazaiError::new("model", error))?))
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Memory {
    /// Finds what is recalled by its meaning, too, from now on, with a sentence encoder on this device: a folder as `sentence-transformers`
    /// writes it, of BERT's kind, such as `all-MiniLM-L6-v2`. The vectors of what is remembered are made when something is recalled, and
    /// kept in a file beside the memory's, sealed to the same key.
    ///
    /// # Errors
    /// `model`.
    pub fn find_by_meaning(&self, encoder_folder: FilePath) -> Result<(), LazaiError> {
        self.0.find_by_meaning(encoder(&encoder_folder)?);
        Ok(())
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Session {
    /// Recalls what was said before into each message from now on, within so many tokens, and remembers each turn. `counter` is that of
    /// the base model. With `summaries`, the character sums up when a conversation begins what was said since its last summary: a
    /// reply that is paid as any other. Not while something is said.
    pub fn remember_with(
        &self,
        memory: Arc<Memory>,
        max_tokens: u32,
        summaries: bool,
        counter: Option<Arc<TokenCounter>>,
    ) {
        self.remember(remembering(&memory, max_tokens, summaries, counter));
    }

    /// What was recalled for the last message; none without a memory.
    pub fn recalled(&self) -> Option<MemoryRecall> {
        self.now().recalled().map(Into::into)
    }
}
