//! What a consumer keeps of a reply, for whoever repeats it.

use std::path::{Path, PathBuf};

use lazai_core::Domain;
use lazai_core::file::write_privately;
use lazai_core::message::Message;
use lazai_core::quiet::json_error;
use serde::{Deserialize, Serialize};

use super::{RecheckError, SignedTrail, malformed, same};
use crate::conversation::ReceivedReply;
use crate::conversation::{Conversation, card};
use crate::node::{SignedOffer, reply_digest, request_digest};

/// The name of the format.
pub const EVIDENCE_FORMAT: &str = "lazai.reply-evidence.v1";
/// Largest evidence that is read: 16 MiB.
pub const MAX_EVIDENCE_BYTES: usize = 16 << 20;

/// One reply, all words before it, and what its node signed: enough to repeat it for who has base and adapter.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplyEvidence {
    /// [`EVIDENCE_FORMAT`].
    pub format: String,
    /// The domain of the ledger's signatures, as whoever made this says.
    pub domain: Domain,
    /// The offer of the session.
    pub offer: SignedOffer,
    /// The conversation before the reply.
    pub messages: Vec<Message>,
    /// The version's public part, if the node put the character's card before the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_part: Option<String>,
    /// The reply's text.
    pub text: String,
    /// Its tokens, receipt and trail.
    pub reply: ReceivedReply,
}

impl ReplyEvidence {
    /// Evidence of a conversation's last reply; `None` if there is none, or its tokens or its trail are not kept.
    #[must_use]
    pub fn of(conversation: &Conversation, domain: &Domain) -> Option<Self> {
        let reply = conversation.receipts.last().filter(|reply| reply.trail.is_some())?;
        let (said, messages) = conversation.messages.split_last()?;
        Some(Self {
            format: EVIDENCE_FORMAT.into(),
            domain: domain.clone(),
            offer: conversation.offer.clone(),
            messages: messages.to_vec(),
            public_part: conversation.public_part.clone(),
            text: said.content.clone(),
            reply: reply.clone(),
        })
    }

    /// Writes evidence of a conversation's last reply to `SESSION-TURN.json` in a folder, for its owner alone. Gives the file, or `None` if there is no evidence.
    ///
    /// # Errors
    /// [`RecheckError::File`], [`RecheckError::Malformed`].
    pub fn keep(conversation: &Conversation, domain: &Domain, folder: &Path) -> Result<Option<PathBuf>, RecheckError> {
        let Some(evidence) = Self::of(conversation, domain) else { return Ok(None) };
        let receipt = &evidence.reply.receipt.receipt;
        let path = folder.join(format!("{}-{}.json", receipt.session, receipt.turn));
        let bytes = evidence.to_bytes()?;
        write_privately(&path, &bytes).map_err(|source| RecheckError::File { path: path.clone(), source })?;
        Ok(Some(path))
    }

    /// Reads evidence, and checks it.
    ///
    /// # Errors
    /// [`RecheckError::Malformed`]; as [`check`](Self::check).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecheckError> {
        if bytes.len() > MAX_EVIDENCE_BYTES {
            return Err(malformed(format!("{} bytes, at most {MAX_EVIDENCE_BYTES} are read", bytes.len())));
        }
        let evidence: Self = serde_json::from_slice(bytes).map_err(|e| malformed(json_error(&e)))?;
        evidence.check()?;
        Ok(evidence)
    }

    /// Its JSON.
    ///
    /// # Errors
    /// [`RecheckError::Malformed`] if it is too large to be read again.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecheckError> {
        let bytes = serde_json::to_vec_pretty(self).map_err(malformed)?;
        if bytes.len() > MAX_EVIDENCE_BYTES {
            return Err(malformed(format!("{} bytes, at most {MAX_EVIDENCE_BYTES} are read", bytes.len())));
        }
        Ok(bytes)
    }

    /// The trail.
    ///
    /// # Errors
    /// [`RecheckError::NoTrail`].
    pub fn trail(&self) -> Result<&SignedTrail, RecheckError> {
        self.reply.trail.as_ref().ok_or(RecheckError::NoTrail)
    }

    /// The messages that the model got.
    ///
    /// # Errors
    /// [`RecheckError::Card`].
    pub fn prompt(&self) -> Result<Vec<Message>, RecheckError> {
        Ok(match card(self.public_part.as_deref())? {
            Some(card) => card.messages(&self.messages),
            None => self.messages.clone(),
        })
    }

    /// Checks all signatures and digests, without any model: offer, receipt and trail are of one node, the words are those of the
    /// receipt. Whether the domain is the ledger's is for the reader to know.
    ///
    /// # Errors
    /// [`RecheckError`].
    pub fn check(&self) -> Result<(), RecheckError> {
        let (offer, receipt) = (&self.offer.offer, &self.reply.receipt.receipt);
        let salt = self.reply.salt;
        same("format", EVIDENCE_FORMAT, self.format.as_str())?;
        let signed = |what| move |source| RecheckError::Signature { what, source };
        self.offer.signature.verify(&self.domain, offer, offer.node).map_err(signed("offer"))?;
        self.reply.receipt.signature.verify(&self.domain, receipt, offer.node).map_err(signed("receipt"))?;
        let asked = request_digest(salt, &self.messages, &self.reply.settings);
        same("request digest", receipt.request_digest, asked)?;
        same("reply digest", receipt.reply_digest, reply_digest(salt, &self.reply.tokens, &self.text))?;
        same("completion tokens", receipt.completion_tokens, self.reply.tokens.len() as u64)?;
        self.trail()?.check(&self.domain, offer.node, receipt, salt)
    }
}

/// Words are not logged.
impl std::fmt::Debug for ReplyEvidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let receipt = &self.reply.receipt.receipt;
        write!(f, "ReplyEvidence {{ session: {}, turn: {} }}", receipt.session, receipt.turn)
    }
}
