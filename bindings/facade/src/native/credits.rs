//! Credits: replies that are paid without telling by whom, out of a purse.

use std::sync::Arc;

use lazai::Client;
use lazai::core::message::Message;
use lazai::credits::Purse;
use serde::Serialize;

use super::market::Market;
use super::node::NodeClient;
use super::session::Session;
use crate::chat::ChatTurn;
use crate::{BaseUnits, LazaiError, LocalKey, ReplyListener, ReplySettings, TokenCounter};

/// Credits of one kind in a purse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Credits {
    /// The node that takes them.
    pub node: String,
    /// The character: `dat:CLASS:VERSION`.
    pub model: String,
    /// What one cost, in base units.
    pub price: BaseUnits,
    /// They are good up to this time, seconds since 1970.
    pub valid_until_s: u64,
    /// Credits that nothing was sent with.
    pub free: u64,
    /// Credits that a request was sent with whose answer did not come: the same words again use the same one.
    pub under_way: u64,
    /// Credits that were ordered, and did not come yet.
    pub ordered: u64,
}

/// What is in the purse of a file; nothing if there is no file.
///
/// # Errors
/// `file`, `credits.not_purse`.
pub fn credits_in(purse: &str) -> Result<Vec<Credits>, LazaiError> {
    let credits = |sum: lazai::credits::PurseSum| {
        let terms = sum.terms.terms;
        Credits {
            node: terms.node.to_string(),
            model: lazai::wire::talk::model_id(terms.class, terms.version),
            price: terms.price.to_string(),
            valid_until_s: terms.valid_until_s,
            free: sum.free as u64,
            under_way: sum.under_way as u64,
            ordered: sum.ordered as u64,
        }
    };
    Ok(Purse::new(purse).sums()?.into_iter().map(credits).collect())
}

impl Session {
    /// Buys credits for this session's character, into the purse of a file; an order that was begun in this session is finished instead. Returns the
    /// number of credits that were put in.
    ///
    /// # Errors
    /// `node.credit` if the node sells none, other `node.…`, `consumer.…`, `credits.…`, `file`, `signer.…`.
    pub async fn buy_credits(&self, purse: &str, count: u32) -> Result<u32, LazaiError> {
        let bought = self.now().buy_credits(&Purse::new(purse), count as usize).await?;
        Ok(u32::try_from(bought).unwrap_or(u32::MAX))
    }
}

/// A conversation that credits pay for, one for each reply: it has no account and no session.
#[derive(Debug)]
pub struct CreditChat(lazai::client::CreditChat);

impl Market {
    /// A chat with a character of a node, the first by default, that is paid by the credits of a purse. `messages` are words that were said before,
    /// as JSON; recounted with a counter, if there is one.
    ///
    /// # Errors
    /// `request.model`, `node.…`, `json.malformed`.
    pub async fn chat_by_credits(
        &self,
        node: &NodeClient,
        model: Option<&str>,
        purse: &str,
        messages: Option<&str>,
        counter: Option<Arc<TokenCounter>>,
    ) -> Result<Arc<CreditChat>, LazaiError> {
        // Nothing is signed: the key is nobody's.
        let mut client = Client::of(node.http().clone(), self.account(LocalKey::random()?)?);
        if let Some(counter) = counter {
            client = client.with_counter(counter.0.clone());
        }
        let models = client.models().await?;
        let found = models.iter().find(|found| model.is_none_or(|model| model == found.id));
        let found = found.ok_or_else(|| LazaiError::new("request.model", "the node does not offer this model"))?;
        let chat = client.chat_by_credits(found, Purse::new(purse));
        if let Some(messages) = messages {
            let messages: Vec<Message> = serde_json::from_str(messages)?;
            chat.begin_with(messages);
        }
        Ok(Arc::new(CreditChat(chat)))
    }
}

impl CreditChat {
    /// Sends a message, pays the reply with a credit, and checks it.
    ///
    /// # Errors
    /// `credits.none` without a credit, other `credits.…`, `node.…`, `consumer.…`; the same message can be sent again.
    pub async fn say(
        &self,
        text: &str,
        settings: ReplySettings,
        listener: Option<Arc<dyn ReplyListener>>,
    ) -> Result<ChatTurn, LazaiError> {
        let mut listener = listener;
        let mut on_text = |piece: &str| {
            if listener.as_ref().is_some_and(|listener| !listener.on_text(piece.to_owned())) {
                listener = None;
            }
        };
        Ok(ChatTurn::of(self.0.say_with(text, settings.parse()?, &mut on_text).await?, None))
    }

    /// What was said so far, as JSON.
    ///
    /// # Errors
    /// None in practice.
    pub fn messages(&self) -> Result<String, LazaiError> {
        Ok(serde_json::to_string(&self.0.messages())?)
    }
}
