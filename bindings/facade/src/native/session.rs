//! A session with a character at a node: opened, talked in, paid and ended.

use std::sync::{Arc, PoisonError, RwLock};

use lazai::Client;
use lazai::consumer::TakeBack;
use lazai::conversation::Conversation;

use super::market::Market;
use super::node::NodeClient;
use crate::chat::ChatTurn;
use crate::{BaseUnits, LazaiError, ReplyListener, ReplySettings, Signer, TokenCounter};

/// A session with a character at a node. Turns wait for one another, and the end waits for them.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
#[derive(Debug)]
pub struct Session(RwLock<lazai::Session>);

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Market {
    /// Opens a session at a node, whose URL is given, with the character of this id among its models, or with the first. The
    /// key pays a deposit, in base units, and signs what is said. `system` are words before the conversation, after
    /// the character's card, which a node adds by itself if the version was published with it.
    ///
    /// # Errors
    /// `request.model` if the node offers no such character, `node.deposit_exhausted` if the deposit does not cover one reply
    /// ([`offer_step`](crate::offer_step)), other `node.…`, `market`, `ledger…`, `signer.…`, `money.not_decimal`.
    pub async fn talk(
        &self,
        node: String,
        signer: Arc<dyn Signer>,
        deposit: BaseUnits,
        model: Option<String>,
        system: Option<String>,
    ) -> Result<Arc<Session>, LazaiError> {
        let client = Client::new(&node, self.account(signer)?)?;
        let models = client.models().await?;
        let wanted = |id: &str| model.as_deref().is_none_or(|model| model == id);
        let found = models.iter().find(|found| wanted(&found.id)).ok_or_else(|| {
            let ids: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
            let asked = model.as_deref().unwrap_or("any model");
            LazaiError::new("request.model", format!("the node does not offer {asked}; it offers: {}", ids.join(", ")))
        })?;
        let session = client.open(found, deposit.parse()?).await?;
        let session = match system {
            Some(words) => session.with_system(words),
            None => session,
        };
        Ok(Session::of(session))
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
        self.resume(&*NodeClient::new(node)?, signer, &conversation)
    }
}

impl Market {
    /// As [`talk_on`](Self::talk_on), at a node that is at hand.
    ///
    /// # Errors
    /// As [`talk_on`](Self::talk_on).
    pub fn resume(
        &self,
        node: &NodeClient,
        signer: Arc<dyn Signer>,
        conversation: &str,
    ) -> Result<Arc<Session>, LazaiError> {
        let conversation: Conversation = serde_json::from_str(conversation)?;
        Ok(Session::of(Client::of(node.http().clone(), self.account(signer)?).resume(conversation)))
    }
}

impl Session {
    fn of(session: lazai::Session) -> Arc<Self> {
        Arc::new(Self(RwLock::new(session)))
    }

    pub(super) fn remember(&self, remembering: lazai::memory::Remembering) {
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *now = now.clone().with_memory(remembering);
    }

    pub(super) fn now(&self) -> lazai::Session {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Session {
    /// Its id on the ledger.
    pub fn id(&self) -> String {
        self.now().id().to_string()
    }

    /// Has every receipt from now on recounted, rather than held to bounds. Not while something is said.
    pub fn recount_with(&self, counter: Arc<TokenCounter>) {
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *now = now.clone().with_counter(counter.0.clone());
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
        let mut listener = listener;
        let mut on_text = |piece: &str| {
            // A listener that stops gets no more text; the reply is paid all the same.
            if listener.as_ref().is_some_and(|listener| !listener.on_text(piece.to_owned())) {
                listener = None;
            }
        };
        let reply = self.now().say_with(&text, settings.parse()?, &mut on_text).await?;
        Ok(ChatTurn::of(reply, None))
    }

    /// The node's receipts, one for each reply: copies.
    pub fn receipts(&self) -> Vec<crate::SignedReceipt> {
        self.now().conversation().receipts.iter().map(|received| (&received.receipt).into()).collect()
    }

    /// The amount owed for the session so far, in base units.
    pub fn owed(&self) -> BaseUnits {
        self.now().owed().to_string()
    }

    /// The conversation with its receipts: to continue later ([`Market::talk_on`]), and as evidence.
    ///
    /// # Errors
    /// None in practice.
    pub fn to_json(&self) -> Result<String, LazaiError> {
        Ok(serde_json::to_string(&self.now().conversation())?)
    }

    /// Ends the session together with the node, which redeems what it is owed; gives what is left of the deposit, in base units,
    /// which is the payer's again. Ending again gives the same.
    ///
    /// # Errors
    /// `node.…`, `consumer.…`, `market`, `ledger…`, `signer.…`.
    pub async fn end(&self) -> Result<BaseUnits, LazaiError> {
        Ok(self.now().end().await?.to_string())
    }

    /// Takes back what is left of the deposit without the node, in two steps. The first asks the ledger for the session's end and
    /// gives when that is final (seconds since 1970), for the node may redeem until then; called again after that time, it
    /// ends the session, and gives none.
    ///
    /// # Errors
    /// `market`, `ledger…`, `signer.…`.
    pub async fn take_back(&self) -> Result<Option<u64>, LazaiError> {
        Ok(match self.now().take_back().await? {
            TakeBack::Done => None,
            TakeBack::FinalAt(at_s) => Some(at_s),
        })
    }
}
