//! A paid conversation: the library's own loop over any transport, and its steps one by one, without I/O.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lazai::conversation::{CheckedReply, Conversation, Talker};
use lazai::core::dialogue;
use lazai::memory::{Remembering, without_note};
use lazai::node::{ChatReply, ChatRequest, SignedOffer, SignedReceipt};
use lazai::speech::SpeechRequest;
use lazai::wire::speech::SpeechReader;
use lazai::wire::talk::{self, ReplyReader};

use crate::settings::ReplySettings;
use crate::sign::{Foreign, parse_signature};
use crate::transport::{Distant, HttpRequest, Listener, ReplyListener, Transport, chat_post, now_s, voucher_post};
use crate::{BaseUnits, Domain, LazaiError, Signer, TokenCounter, record, words};

words! {
    /// The author of a message.
    pub enum Role {
        /// Instructions and facts before the conversation.
        System,
        /// The person who talks with the character.
        User,
        /// The character.
        Assistant,
    }
}

record! {
    /// A message of a conversation.
    pub struct Message {
        /// Its author.
        pub role: Role,
        /// The message's text.
        pub content: String,
    }
}

words! {
    /// The check applied to a receipt's token counts.
    pub enum TokenCheck {
        /// Held to the offer's ceilings and prices, the deposit, and the bounds that the text's bytes set.
        Bounded,
        /// Also recounted with the tokenizer.
        Counted,
    }
}

words! {
    /// The reason for the end of a reply.
    pub enum FinishReason {
        /// The character ended it, or a stop string did, or the form that was asked for is complete.
        Stop,
        /// The most tokens were generated.
        Length,
    }
}

record! {
    /// A reply that was checked.
    pub struct ChatTurn {
        /// The reply's text.
        pub text: String,
        /// The reason for its end, as the node claims it.
        pub finish_reason: FinishReason,
        /// Tokens of the conversation before it.
        pub prompt_tokens: u64,
        /// Tokens of the reply.
        pub completion_tokens: u64,
        /// The amount owed for the session by now, in base units.
        pub owed: BaseUnits,
        /// The check of its token counts.
        pub token_check: TokenCheck,
        /// True if base and adapter are those that the ledger names for the version; otherwise only the node claims them.
        pub model_checked: bool,
        /// The promise to pay for it: send it to the node, which redeems it later. None if that is done, or nothing is
        /// owed.
        pub payment: Option<HttpRequest>,
    }
}

/// A conversation in an open session.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
pub struct Chat {
    state: Mutex<State>,
}

pub(crate) struct State {
    pub talker: Talker,
    pub conversation: Conversation,
    pub domain: lazai::core::Domain,
    remembering: Option<Remembering>,
    pub asked: Option<Asked>,
}

/// What was asked, and what came of the answer so far.
pub(crate) enum Asked {
    Reply(Box<(ChatRequest, ReplyReader)>),
    Speech(Box<(SpeechRequest, SpeechReader)>),
}

impl Chat {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn remembering(&self) -> Option<Remembering> {
        self.state().remembering.clone()
    }

    pub(crate) fn remember(&self, remembering: Remembering) {
        self.state().remembering = Some(remembering);
    }

    /// A message as it would be said now: with what is recalled for it. Said later, it is sent as it is.
    ///
    /// # Errors
    /// `file`, `memory.…`.
    pub fn prepared(&self, text: &str) -> Result<String, LazaiError> {
        let Some(remembering) = self.remembering() else { return Ok(text.to_owned()) };
        let mut messages = self.state().conversation.messages.clone();
        messages.push(dialogue::Message::new(dialogue::Role::User, text));
        Ok(remembering.prepare(messages)?.pop().map_or_else(String::new, |message| message.content))
    }

    pub(crate) fn now(&self) -> (Talker, Conversation) {
        let state = self.state();
        (state.talker.clone(), state.conversation.clone())
    }
}

impl From<Message> for dialogue::Message {
    fn from(Message { role, content }: Message) -> Self {
        let role = match role {
            Role::System => dialogue::Role::System,
            Role::User => dialogue::Role::User,
            Role::Assistant => dialogue::Role::Assistant,
        };
        Self::new(role, content)
    }
}

impl From<&dialogue::Message> for Message {
    fn from(message: &dialogue::Message) -> Self {
        let role = match message.role {
            dialogue::Role::System => Role::System,
            dialogue::Role::User => Role::User,
            dialogue::Role::Assistant => Role::Assistant,
        };
        Self { role, content: message.content.clone() }
    }
}

impl ChatTurn {
    pub(crate) fn of(reply: CheckedReply, payment: Option<HttpRequest>) -> Self {
        let CheckedReply { text, receipt: SignedReceipt { receipt, .. }, checked, notes, .. } = reply;
        Self {
            text,
            finish_reason: match notes.finish_reason {
                lazai::core::reply::FinishReason::Stop => FinishReason::Stop,
                lazai::core::reply::FinishReason::Length => FinishReason::Length,
            },
            prompt_tokens: receipt.prompt_tokens,
            completion_tokens: receipt.completion_tokens,
            owed: receipt.cumulative.to_string(),
            token_check: match checked.tokens {
                lazai::conversation::TokenCheck::Bounded => TokenCheck::Bounded,
                lazai::conversation::TokenCheck::Counted => TokenCheck::Counted,
            },
            model_checked: checked.model,
            payment,
        }
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Chat {
    /// A conversation, from [`to_json`](Self::to_json) or as the session began; `domain` is the ledger's, the signer the
    /// session's consumer.
    ///
    /// # Errors
    /// `json.malformed`, `hex.…`.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn new(conversation: String, domain: Domain, signer: Arc<dyn Signer>) -> Result<Arc<Self>, LazaiError> {
        let conversation = serde_json::from_str(&conversation)?;
        let domain = domain.parse()?;
        let talker = Talker::new(domain.clone(), Arc::new(Foreign::new(signer)?));
        Ok(Arc::new(Self { state: Mutex::new(State { talker, conversation, domain, remembering: None, asked: None }) }))
    }

    /// Recounts every receipt from now on, instead of only holding it to bounds.
    pub fn recount_with(&self, counter: Arc<TokenCounter>) {
        let mut state = self.state();
        state.talker = state.talker.clone().with_counter(counter.0.clone());
    }

    /// The conversation, to be kept, and shown as evidence.
    ///
    /// # Errors
    /// None in practice.
    pub fn to_json(&self) -> Result<String, LazaiError> {
        Ok(serde_json::to_string(&self.state().conversation)?)
    }

    /// The messages so far: a copy, without what was recalled.
    pub fn messages(&self) -> Vec<Message> {
        let mut messages: Vec<_> = self.state().conversation.messages.iter().map(Message::from).collect();
        for message in messages.iter_mut().filter(|message| message.role == Role::User) {
            message.content = without_note(&message.content).to_owned();
        }
        messages
    }

    /// The node's receipts, one for each reply: copies.
    pub fn receipts(&self) -> Vec<crate::SignedReceipt> {
        self.state().conversation.receipts.iter().map(|received| (&received.receipt).into()).collect()
    }

    /// The amount owed for the session so far, in base units.
    pub fn owed(&self) -> BaseUnits {
        self.state().conversation.owed().to_string()
    }

    /// Signs a request for the next reply; `messages` are the whole conversation.
    ///
    /// # Errors
    /// `chat.unpaid` if the last reply must be paid first, `node.setting`, `signer.…`.
    pub async fn ask(&self, messages: Vec<Message>, settings: ReplySettings) -> Result<HttpRequest, LazaiError> {
        let mut messages = messages.into_iter().map(Into::into).collect();
        if let Some(remembering) = self.remembering() {
            messages = remembering.prepare(messages)?;
        }
        let (talker, conversation) = self.now();
        let request = talker.ask(&conversation, messages, settings.parse()?).await?;
        let post = chat_post(&request)?;
        self.state().asked = Some(Asked::Reply(Box::new((request, ReplyReader::default()))));
        Ok(post)
    }

    /// Takes bytes of the answer's body as they come; returns the pieces of text that they complete.
    ///
    /// # Errors
    /// `chat.no_request`, `node.…`.
    pub fn hear(&self, bytes: Vec<u8>) -> Result<Vec<String>, LazaiError> {
        let mut state = self.state();
        match &mut state.asked {
            Some(Asked::Reply(asked)) => Ok(asked.1.push(&bytes)?),
            _ => Err(no_request()),
        }
    }

    /// The node's error, from an answer without a success status.
    pub fn refusal(&self, status: u16, body: Vec<u8>) -> LazaiError {
        self.state().asked = None;
        talk::refusal(status, &body).into()
    }

    /// Checks the received reply against request and offer, and signs its payment. On error nothing is promised, and the
    /// same request can be sent again.
    ///
    /// # Errors
    /// `chat.no_request`, `consumer.…`, `node.transport`, `signer.…`.
    pub async fn finish(&self) -> Result<ChatTurn, LazaiError> {
        let asked = self.state().asked.take_if(|asked| matches!(asked, Asked::Reply(_)));
        let Some(Asked::Reply(asked)) = asked else { return Err(no_request()) };
        let (request, reader) = *asked;
        let reply = reader.finish()?;
        let (talker, mut conversation) = self.now();
        let checked = talker.take(&mut conversation, &request, &reply).await?;
        let payment = conversation.unpaid.as_ref().map(voucher_post).transpose()?;
        if let Some(remembering) = self.remembering() {
            remembering.kept(&conversation, now_s());
        }
        self.state().conversation = conversation;
        let ChatReply { text, tokens, receipt, notes, .. } = reply;
        Ok(ChatTurn::of(CheckedReply { text, tokens, receipt, checked, notes }, payment))
    }

    /// Notes that the node has the payment.
    pub fn paid(&self) {
        self.state().conversation.mark_paid();
    }

    /// Sends a message, receives the reply, checks it and pays for it, over a transport. First sends a payment that did not
    /// get through.
    ///
    /// # Errors
    /// `node.…`, `consumer.…`, `signer.…`.
    pub async fn say(
        &self,
        text: String,
        settings: ReplySettings,
        transport: Arc<dyn Transport>,
        listener: Option<Arc<dyn ReplyListener>>,
    ) -> Result<ChatTurn, LazaiError> {
        let settings = settings.parse()?;
        let (talker, conversation) = self.now();
        let remembering = self.remembering();
        let mut saying = Saying { chat: self, conversation };
        if let Some(remembering) = &remembering
            && let Some((asked, settings)) = remembering.summary_request(&saying.conversation.messages)?
        {
            let (conversation, node) =
                (&mut saying.conversation, Distant { transport: transport.clone(), listener: Listener::Nobody });
            let before = conversation.messages.clone();
            let summary = talker.say(conversation, &node, asked, settings, &mut |_| {}).await;
            mark_received(conversation);
            let text = summary?.text;
            conversation.messages = before;
            remembering.keep_summary(conversation, &text, now_s())?;
        }
        let mut messages = saying.conversation.messages.clone();
        messages.push(dialogue::Message::new(dialogue::Role::User, text));
        if let Some(remembering) = &remembering {
            messages = remembering.prepare(messages)?;
        }
        let node = Distant { transport, listener: listener.into() };
        let before = saying.conversation.receipts.len();
        let said = talker.say(&mut saying.conversation, &node, messages, settings, &mut |_| {}).await;
        if saying.conversation.receipts.len() > before {
            mark_received(&mut saying.conversation);
        }
        let said = said?;
        if let Some(remembering) = &remembering {
            remembering.kept(&saying.conversation, now_s());
        }
        Ok(ChatTurn::of(said, None))
    }
}

/// Notes when the last reply was received, where a clock is at hand.
fn mark_received(conversation: &mut Conversation) {
    if cfg!(feature = "native") {
        conversation.mark_received(now_s());
    }
}

/// The conversation during an exchange: received data is kept, however the exchange ends; an app may cancel.
pub(crate) struct Saying<'c> {
    pub chat: &'c Chat,
    pub conversation: Conversation,
}

impl Drop for Saying<'_> {
    fn drop(&mut self) {
        self.chat.state().conversation = self.conversation.clone();
    }
}

pub(crate) fn no_request() -> LazaiError {
    LazaiError::new("chat.no_request", "nothing was asked")
}

/// The models in a node's answer to `GET /v1/models`, or to `GET /v1/models/ID`, which is one model with its card.
///
/// # Errors
/// `node.transport` if it is no such answer.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn read_models(body: Vec<u8>) -> Result<Vec<ModelOffer>, LazaiError> {
    Ok(talk::models(&body)?.into_iter().map(ModelOffer::from).collect())
}

record! {
    /// A character that a node offers.
    pub struct ModelOffer {
        /// Its name among the node's models.
        pub id: String,
        /// The character's name, as the node tells it.
        pub name: Option<String>,
        /// The offer.
        pub offer: crate::Offer,
        /// The node's signature of it.
        pub signature: String,
        /// The version's public part, as the node tells it, if the character's card is part of the prompt. Only a model by itself
        /// has it, not one in a list.
        pub public_part: Option<String>,
        /// The price of one character of text that the node speaks with its voice, in base units; none if it does not speak.
        pub character_price: Option<BaseUnits>,
        /// The node's signed terms of speech, as JSON: [`Chat::speak`] takes them. None if it does not speak.
        pub speech_terms: Option<String>,
        /// The node's signed key, as JSON: [`SealedPost`](crate::SealedPost) seals requests to it. None if the node takes none that are sealed.
        pub seal_terms: Option<String>,
    }
}

impl ModelOffer {
    /// The offer with its signature, not checked.
    pub(crate) fn signed(&self) -> Result<SignedOffer, LazaiError> {
        Ok(SignedOffer { offer: self.offer.parse()?, signature: parse_signature(&self.signature)? })
    }
}

impl From<talk::OfferedModel> for ModelOffer {
    fn from(model: talk::OfferedModel) -> Self {
        let talk::OfferedModel { id, name, offer: SignedOffer { offer, signature }, public_part, speech, seal, .. } =
            model;
        let character_price = speech.as_ref().map(|signed| signed.terms.character_price.to_string());
        let speech_terms = speech.and_then(|signed| serde_json::to_string(&signed).ok());
        let seal_terms = seal.and_then(|signed| serde_json::to_string(&signed).ok());
        let offer = crate::Offer {
            node: offer.node.to_string(),
            class_id: offer.class.0,
            version: offer.version.0,
            asset: offer.asset.0.to_string(),
            prompt_price: offer.prompt_price.to_string(),
            completion_price: offer.completion_price.to_string(),
            prompt_ceiling: offer.prompt_ceiling,
            completion_ceiling: offer.completion_ceiling,
            session_s: offer.session_s,
            valid_until_s: offer.valid_until_s,
            min_deposit: offer.min_deposit.to_string(),
            quota_deposit: offer.quota_deposit.to_string(),
            series: offer.series,
        };
        Self {
            id,
            name,
            offer,
            signature: signature.to_string(),
            public_part,
            character_price,
            speech_terms,
            seal_terms,
        }
    }
}
