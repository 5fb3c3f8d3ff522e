//! A session with a character at a node: opened, talked in, paid and ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lazai::Client;
use lazai::conversation::Conversation;

use super::market::Market;
use crate::chat::ChatTurn;
use crate::{LazaiError, ReplyListener, ReplySettings, Signer, TokenCounter};

/// A session with a character at a node.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
pub struct Session {
    client: Mutex<Client>,
    conversation: Mutex<Conversation>,
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Market {
    /// Opens a session at the node with this URL, with the character of this id among its models, or with the first. The
    /// key pays a deposit, in base units, and signs requests and vouchers.
    ///
    /// # Errors
    /// `request.model` if the node offers no such character, `node.…`, `market`, `ledger…`, `signer.…`, `money.not_decimal`.
    pub async fn talk(
        &self,
        node: String,
        signer: Arc<dyn Signer>,
        deposit: String,
        model: Option<String>,
    ) -> Result<Arc<Session>, LazaiError> {
        let client = Client::new(&node, self.account(signer)?)?;
        let models = client.models().await?;
        let wanted = |id: &str| model.as_deref().is_none_or(|model| model == id);
        let found = models.iter().find(|found| wanted(&found.id));
        let found = found.ok_or_else(|| LazaiError::new("request.model", "the node has no such model"))?;
        let session = client.open(found, deposit.parse()?).await?;
        Ok(Session::of(client, session.conversation().clone()))
    }

    /// Continues a session that [`Session::to_json`] kept.
    ///
    /// # Errors
    /// `json.malformed`, `node.transport` if it is no URL of HTTP, `hex.…`.
    pub fn talk_on(
        &self,
        node: String,
        signer: Arc<dyn Signer>,
        conversation: String,
    ) -> Result<Arc<Session>, LazaiError> {
        let conversation: Conversation = serde_json::from_str(&conversation)?;
        Ok(Session::of(Client::new(&node, self.account(signer)?)?, conversation))
    }
}

impl Session {
    fn of(client: Client, conversation: Conversation) -> Arc<Self> {
        Arc::new(Self { client: Mutex::new(client), conversation: Mutex::new(conversation) })
    }

    fn conversation(&self) -> MutexGuard<'_, Conversation> {
        self.conversation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> lazai::Session {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        client.resume(self.conversation().clone())
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Session {
    /// Recounts every receipt from now on, instead of only holding it to bounds.
    pub fn recount_with(&self, counter: Arc<TokenCounter>) {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        *client = client.clone().with_counter(counter.0.clone());
    }

    /// Sends a message, receives the reply, checks it and pays for it. First sends a payment that did not get through.
    ///
    /// # Errors
    /// `node.…`, `consumer.…`, `signer.…`; the same message can be sent again.
    pub async fn say(
        &self,
        text: String,
        settings: ReplySettings,
        listener: Option<Arc<dyn ReplyListener>>,
    ) -> Result<ChatTurn, LazaiError> {
        let mut saying = Saying { session: self, now: self.now() };
        let mut listener = listener;
        let mut on_text = |piece: &str| {
            // A listener that stops gets no more text; the reply is paid all the same.
            if listener.as_ref().is_some_and(|listener| !listener.on_text(piece.to_owned())) {
                listener = None;
            }
        };
        let reply = saying.now.say_with(&text, settings.into(), &mut on_text).await?;
        Ok(ChatTurn::of(reply, None))
    }

    /// The amount owed for the session so far, in base units.
    pub fn owed(&self) -> String {
        self.conversation().owed().to_string()
    }

    /// The conversation with its receipts: to continue later ([`Market::talk_on`]), and as evidence.
    ///
    /// # Errors
    /// None in practice.
    pub fn to_json(&self) -> Result<String, LazaiError> {
        Ok(serde_json::to_string(&*self.conversation())?)
    }

    /// Ends the session together with the node; returns the rest of the deposit, in base units, which is the payer's again.
    ///
    /// # Errors
    /// `node.…`, `consumer.…`, `market`, `ledger…`, `signer.…`.
    pub async fn end(&self) -> Result<String, LazaiError> {
        let mut saying = Saying { session: self, now: self.now() };
        Ok(saying.now.end().await?.to_string())
    }
}

/// The session during an exchange: received data is kept, however the exchange ends.
struct Saying<'s> {
    session: &'s Session,
    now: lazai::Session,
}

impl Drop for Saying<'_> {
    fn drop(&mut self) {
        *self.session.conversation() = self.now.conversation().clone();
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session {{ id: {} }}", self.conversation().session)
    }
}
