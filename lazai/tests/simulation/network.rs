//! A network between consumers and nodes: it loses, doubles and reorders what they say to each other.

use std::sync::Mutex;

use lazai::core::Asset;
use lazai::core::digest::DomainHasher;
use lazai::node::{ChatReply, ChatRequest, Node, NodeError, NodeFuture, SignedVoucher};
use lazai::speech::{SpeechReply, SpeechRequest};

use super::dice::Dice;
use super::node::Served;

/// What was said before, which may come a second time.
pub type Said = Mutex<Vec<Sent>>;

/// What a consumer sent.
#[derive(Clone)]
pub enum Sent {
    Request(ChatRequest),
    Speech(SpeechRequest),
    Voucher(SignedVoucher),
}

/// A network between a consumer and a node.
pub struct Network<'a> {
    pub node: &'a Served,
    pub dice: Mutex<Dice>,
    pub said: &'a Said,
}

impl Network<'_> {
    fn lost<T>(what: &str) -> Result<T, NodeError> {
        Err(NodeError::Transport { reason: format!("{what} got lost") })
    }

    /// An old message arrives once more; what the node says to it, nobody hears.
    async fn echo(&self) {
        let echo = {
            let said = self.said.lock().unwrap();
            let mut dice = self.dice.lock().unwrap();
            let place = dice.below(said.len() as u64) as usize;
            if dice.one_in(4) { said.get(place).cloned() } else { None }
        };
        match echo {
            Some(Sent::Request(request)) => drop(self.node.chat(&request, &mut |_| {}).await),
            Some(Sent::Speech(request)) => drop(self.node.speak(&request, &mut |_| {}).await),
            Some(Sent::Voucher(voucher)) => drop(self.node.pay(&voucher).await),
            None => {}
        }
    }

    fn fails(&self) -> bool {
        self.dice.lock().unwrap().one_in(6)
    }
}

impl Node for Network<'_> {
    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> NodeFuture<'a, ChatReply> {
        Box::pin(async move {
            self.echo().await;
            self.said.lock().unwrap().push(Sent::Request(request.clone()));
            if self.fails() {
                return Self::lost("the request");
            }
            let reply = self.node.chat(request, on_text).await;
            if self.fails() { Self::lost("the reply") } else { reply }
        })
    }

    fn pay<'a>(&'a self, voucher: &'a SignedVoucher) -> NodeFuture<'a, ()> {
        Box::pin(async move {
            self.echo().await;
            self.said.lock().unwrap().push(Sent::Voucher(*voucher));
            if self.fails() {
                return Self::lost("the voucher");
            }
            let paid = self.node.pay(voucher).await;
            if self.fails() { Self::lost("the answer") } else { paid }
        })
    }

    fn speak<'a>(
        &'a self,
        request: &'a SpeechRequest,
        on_samples: &'a mut (dyn FnMut(&[i16]) + Send),
    ) -> NodeFuture<'a, SpeechReply> {
        Box::pin(async move {
            self.echo().await;
            self.said.lock().unwrap().push(Sent::Speech(request.clone()));
            if self.fails() {
                return Self::lost("the request");
            }
            let reply = self.node.speak(request, on_samples).await;
            if self.fails() { Self::lost("the sound") } else { reply }
        })
    }
}

/// A digest of some words, for what nobody looks into.
pub fn made_up(words: &str, number: u64) -> lazai::core::Digest {
    DomainHasher::new("made up").part(words.as_bytes()).part(&number.to_le_bytes()).finish()
}

/// The asset of everything here.
pub const COIN: Asset = Asset::NATIVE;
