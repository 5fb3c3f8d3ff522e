//! The published cards of the characters that a node serves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use lazai_core::character::{CardError, CardPrompt};
use lazai_core::message::{Message, Role};
use lazai_core::{ClassId, VersionNumber};
use lazai_settle::Market;

use super::Provider;
use super::page::lock;
use crate::conversation::{card, published};
use crate::node::NodeError;

/// A version's card; `None` for a version without one.
type Card = Option<Arc<CardPrompt>>;

/// Cards that were read: a version's public part does not change.
#[derive(Debug, Default)]
pub(super) struct Cards(Mutex<BTreeMap<(ClassId, VersionNumber), Card>>);

impl Cards {
    /// The card that stands in a version's prompts.
    pub(super) fn of(&self, market: &Market, class: ClassId, version: VersionNumber) -> Result<Card, CardError> {
        if let Some(card) = lock(&self.0).get(&(class, version)) {
            return Ok(card.clone());
        }
        let Some(public_part) = published(market, class, version) else { return Ok(None) };
        let card = card(Some(public_part))?.map(Arc::new);
        lock(&self.0).insert((class, version), card.clone());
        Ok(card)
    }
}

impl Provider {
    /// Tokens of the card that stands before every conversation with a version, beside one word of a consumer; `None` for a version
    /// without a card. A prompt ceiling below it lets no request through.
    ///
    /// # Errors
    /// [`NodeError::Generation`] for a card that cannot be read.
    pub fn card_tokens(&self, class: ClassId, version: VersionNumber) -> Result<Option<u64>, NodeError> {
        let card = self.cards.of(&self.ledger().market(), class, version);
        let card = card.map_err(|error| NodeError::Generation { reason: format!("the character's card: {error}") })?;
        let Some(card) = card else { return Ok(None) };
        let messages = card.messages(&[Message::new(Role::User, "Hi")]);
        let tokens = self.generator.prompt_tokens(&messages);
        tokens.map(Some).map_err(|error| NodeError::Generation { reason: error.to_string() })
    }
}
