//! Embeddings by a base model, which was not trained for them.

use super::{Embedding, check_size, direction};
use crate::base::BaseModel;
use crate::error::{ModelError, Result};
use crate::model::{Cache, extend};

/// Embeds texts by a base model: the mean of the last hidden states over a text's tokens, as a vector of length 1 with
/// [`ModelConfig::hidden`](crate::base::ModelConfig::hidden) values. It reads `max_tokens` of a text, or as many as the model's
/// context has.
///
/// **These embeddings are clearly worse than an [`Encoder`](super::Encoder)'s.** A base model is trained to predict the next
/// token, not to bring texts of like meaning together: a token sees only what stands before it, and cosines of unrelated texts
/// are high. Their order says something, their values little. It also takes many times as long. This is for nodes that have a
/// base model in memory and no room for another.
///
/// The bits of an embedding do not depend on the texts beside it.
///
/// # Errors
/// [`ModelError::Malformed`] for a text without tokens or of more than [`MAX_TEXT_BYTES`](super::MAX_TEXT_BYTES);
/// [`ModelError::Compute`].
pub fn by_base(base: &BaseModel, texts: &[impl AsRef<str>], max_tokens: usize) -> Result<Vec<Embedding>> {
    let room = max_tokens.min(base.config().context);
    let one = |text: &str| {
        check_size(text)?;
        let mut tokens = base.tokenizer().encode(text)?;
        let truncated = tokens.len() > room;
        tokens.truncate(room);
        if tokens.is_empty() {
            return Err(ModelError::malformed("text", "no token to read"));
        }
        let hidden = extend(base, None, &tokens, &mut Cache::new(base))?;
        let vector = direction(&hidden.flatten_all()?.to_vec1::<f32>()?, base.config().hidden)?;
        Ok(Embedding { vector, tokens: tokens.len(), truncated })
    };
    texts.iter().map(|text| one(text.as_ref())).collect()
}
