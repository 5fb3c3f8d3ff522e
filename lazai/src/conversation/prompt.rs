//! The prompt that a model gets for a conversation: with the character's card before it, if the version's public part asks for it.

use std::borrow::Cow;

use lazai_core::character::{CardError, CardPrompt};
use lazai_core::message::Message;
use lazai_core::pov::PublicPart;
use lazai_core::{ClassId, VersionNumber};
use lazai_settle::Market;

use super::Conversation;

/// The public part that a version was submitted with, as the ledger has it.
#[must_use]
pub fn published(market: &Market, class: ClassId, version: VersionNumber) -> Option<&str> {
    let version = market.class(class)?.version(version)?;
    Some(&market.submission(version.metadata.submission)?.submission.public_part)
}

/// The card that stands in every prompt, by a public part.
pub(crate) fn card(public_part: Option<&str>) -> Result<Option<CardPrompt>, CardError> {
    let Some(bytes) = public_part else { return Ok(None) };
    let public = PublicPart::from_bytes(bytes.as_bytes())
        .map_err(|error| CardError::NotACharacter { reason: error.to_string() })?;
    CardPrompt::of(&public)
}

impl Conversation {
    /// Notes what the ledger says of the version: its model, and its card if that is part of the prompt.
    pub(crate) fn learn(&mut self, market: &Market) {
        let (class, version) = (self.offer.offer.class, self.offer.offer.version);
        let Some(model) = super::NamedModel::of(market, class, version) else { return };
        self.model = Some(model);
        self.public_part = published(market, class, version).filter(|part| asks_for_the_card(part)).map(str::to_owned);
    }

    /// The messages that the model gets for these: the conversation's own, behind the character's card if the version's public
    /// part asks for it.
    ///
    /// # Errors
    /// [`CardError`] if the card cannot be read.
    pub fn prompt<'m>(&self, messages: &'m [Message]) -> Result<Cow<'m, [Message]>, CardError> {
        Ok(match card(self.public_part.as_deref())? {
            Some(card) => Cow::Owned(card.messages(messages)),
            None => Cow::Borrowed(messages),
        })
    }
}

/// Tells whether nodes put the card before conversations. What cannot be read is kept, to be refused where it is used.
pub(crate) fn asks_for_the_card(public_part: &str) -> bool {
    PublicPart::from_bytes(public_part.as_bytes()).map_or(true, |public| public.prompt.is_some())
}
