//! Counting tokens, so that receipts are recounted.

#[cfg(feature = "native")]
use std::path::Path;
use std::sync::Arc;

use lazai::core::tokenizer::Counter;

use crate::chat::Message;
#[cfg(feature = "native")]
use crate::{FilePath, native::data::read_file};
use crate::{LazaiError, record};

record! {
    /// Token counts of a conversation and some texts.
    pub struct TokenCount {
        /// Tokens of the conversation before a reply.
        pub prompt_tokens: u64,
        /// Token ids of each text.
        pub ids: Vec<Vec<u32>>,
    }
}

/// Counts tokens as a node does: the tokenizer and the chat template of a model, without its weights.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
#[derive(Debug)]
pub struct TokenCounter(pub(crate) Arc<Counter>);

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl TokenCounter {
    /// A counter from the beginning of a GGUF file, or all of it: its header is enough, some megabytes.
    ///
    /// # Errors
    /// `tokenizer.incomplete` if more of the file is needed, `tokenizer.…`.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn from_gguf(bytes: Vec<u8>) -> Result<Arc<Self>, LazaiError> {
        Ok(Arc::new(Self(Arc::new(Counter::from_gguf(&bytes)?))))
    }

    /// A counter from `tokenizer.json` and `tokenizer_config.json`, and `chat_template.jinja` if there is one.
    ///
    /// # Errors
    /// `tokenizer.…`.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn from_json(tokenizer: Vec<u8>, config: Vec<u8>, template: Option<String>) -> Result<Arc<Self>, LazaiError> {
        Ok(Arc::new(Self(Arc::new(Counter::from_json(&tokenizer, &config, template.as_deref())?))))
    }

    /// Digest of the tokenizer, as receipts name it.
    pub fn digest(&self) -> String {
        self.0.digest().to_string()
    }

    /// Counts a conversation as it is before a reply, and returns the token ids of some texts.
    ///
    /// # Errors
    /// `tokenizer.malformed` if the template refuses the conversation.
    pub fn count(&self, messages: Vec<Message>, texts: Vec<String>) -> Result<TokenCount, LazaiError> {
        let messages: Vec<_> = messages.into_iter().map(Into::into).collect();
        let ids = texts.iter().map(|text| self.0.encode(text)).collect();
        Ok(TokenCount { prompt_tokens: self.0.prompt_tokens(&messages)?, ids })
    }
}

#[cfg(feature = "native")]
#[cfg_attr(feature = "uniffi", uniffi::export)]
impl TokenCounter {
    /// A counter for the model in a GGUF file, of which only the header is read, or in a folder as Hugging Face has them.
    ///
    /// # Errors
    /// `file`, `tokenizer.…`.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn open(path: FilePath) -> Result<Arc<Self>, LazaiError> {
        let folder = Path::new(&path);
        if folder.is_dir() {
            let read = |name: &str| read_file(&folder.join(name).display().to_string());
            let template =
                folder.join("chat_template.jinja").is_file().then(|| read("chat_template.jinja")).transpose()?;
            let template = template.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            return Self::from_json(read("tokenizer.json")?, read("tokenizer_config.json")?, template);
        }
        let file = std::fs::File::open(folder).map_err(|e| LazaiError::new("file", format!("{path}: {e}")))?;
        Ok(Arc::new(Self(Arc::new(Counter::read_gguf(std::io::BufReader::new(file))?))))
    }
}
