//! Memories in files.

use std::sync::Arc;

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
