//! The words of a reply, to be disclosed: a receipt holds salted digests only.

use lazai_core::Digest;
use lazai_core::message::Message;
use lazai_settle::session::Receipt;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::consumer::Conversation;
use crate::node::{ReplySettings, reply_digest, request_digest};

/// A conversation up to its last reply, as it was sent, and the salt that ties it to its receipt. It discloses all of the
/// conversation; evidence without it does not let anybody test guesses against the receipts.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// The conversation before the reply.
    pub messages: Vec<Message>,
    /// The requested reply settings.
    #[serde(default, skip_serializing_if = "ReplySettings::is_default")]
    pub settings: ReplySettings,
    /// The reply.
    pub text: String,
    /// Its token ids.
    pub tokens: Vec<u32>,
    /// The salt of both digests.
    pub salt: Digest,
}

/// Why words do not match a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WordsError {
    /// There is no receipt to compare with.
    #[error("words without a receipt")]
    NoReceipt,
    /// The reply differs from the receipt's.
    #[error("the reply has digest {found}, the receipt says {expected}")]
    Reply {
        /// The receipt's digest.
        expected: Digest,
        /// The digest of these words.
        found: Digest,
    },
    /// The request differs from the receipt's.
    #[error("the request has digest {found}, the receipt says {expected}")]
    Request {
        /// The receipt's digest.
        expected: Digest,
        /// The digest of these words.
        found: Digest,
    },
}

impl Words {
    /// The words of a conversation's last turn; `None` if there is no turn, or the reply's tokens are not kept.
    #[must_use]
    pub fn of(conversation: &Conversation) -> Option<Self> {
        let received = conversation.receipts.last()?;
        let (reply, asked) = conversation.messages.split_last()?;
        (!received.tokens.is_empty()).then(|| Self {
            messages: asked.to_vec(),
            settings: received.settings.clone(),
            text: reply.content.clone(),
            tokens: received.tokens.clone(),
            salt: received.salt,
        })
    }

    /// Checks that the words match a receipt.
    ///
    /// # Errors
    /// [`WordsError`].
    pub fn check(&self, receipt: &Receipt) -> Result<(), WordsError> {
        let (expected, found) = (receipt.request_digest, request_digest(self.salt, &self.messages, &self.settings));
        if expected != found {
            return Err(WordsError::Request { expected, found });
        }
        let (expected, found) = (receipt.reply_digest, reply_digest(self.salt, &self.tokens, &self.text));
        if expected == found { Ok(()) } else { Err(WordsError::Reply { expected, found }) }
    }
}

/// Words are not logged.
impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Words {{ messages: {}, tokens: {} }}", self.messages.len(), self.tokens.len())
    }
}
