//! The nodes of a proxy: what they offer, which is asked, and the URLs of each.
//!
//! A URL belongs to the node whose address signs the offers there: URLs of one address are replicas, and sessions go on at any of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lazai_core::{Address, Amount, Domain};
use lazai_settle::session::Offer;
use tokio::task::JoinSet;

use super::sealed::Sealed;
use crate::http::client::HttpNode;
use crate::http::health::Health;
use crate::http::quiet;
use crate::node::{
    ChatReply, ChatRequest, Node, NodeError, NodeFuture, ReleaseRequest, SignedOffer, SignedRelease, SignedVoucher,
};
use crate::speech::{SignedSpeechTerms, SpeechReply, SpeechRequest};
use crate::wire::talk::{OfferedModel, failed};

/// The time a node gets to tell its models.
const LISTING: Duration = Duration::from_secs(5);
/// Seconds before their end at which terms of speech are asked for anew.
const MARGIN_S: u64 = 30;
/// Offers are compared by the price of so many tokens read, and said.
const USUAL: (u64, u64) = (1_000, 250);

/// A URL, and what was seen there.
struct Place {
    node: HttpNode,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// The node that signs the offers.
    address: Option<Address>,
    latency: Latency,
    health: Health,
}

/// The time to the first words of replies: a moving average, in which the last counts a quarter. Before the first reply, the time in which
/// the models were told.
#[derive(Default, Clone, Copy)]
enum Latency {
    #[default]
    Unknown,
    Listed(Duration),
    Talked(Duration),
}

impl Latency {
    fn talked(&mut self, first_words: Duration) {
        *self = Self::Talked(match *self {
            Self::Talked(average) => (average * 3 + first_words) / 4,
            _ => first_words,
        });
    }

    fn listed(&mut self, took: Duration) {
        if !matches!(self, Self::Talked(_)) {
            *self = Self::Listed(took);
        }
    }

    fn order(self) -> Duration {
        match self {
            Self::Unknown => Duration::MAX,
            Self::Listed(time) | Self::Talked(time) => time,
        }
    }
}

impl Place {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether it is left for a while.
    fn is_left(&self) -> bool {
        self.seen().health.is_left(Instant::now())
    }

    fn failed(&self) {
        self.seen().health.failed();
    }

    fn works(&self) {
        self.seen().health.works();
    }
}

/// A model at a node.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub name: Option<String>,
    pub offer: SignedOffer,
    /// The terms under which it speaks, if it does.
    pub speech: Option<SignedSpeechTerms>,
    /// True if none of the node's URLs answered of late.
    pub is_left: bool,
    latency: Duration,
}

pub(super) struct Nodes {
    places: Vec<Place>,
    domain: Domain,
    sealed: Sealed,
    /// Terms of speech that were told, by model and node; none of those that do not speak.
    speech: Mutex<BTreeMap<(String, Address), Option<SignedSpeechTerms>>>,
}

/// Who speaks for a model, and who does not.
pub(super) struct Voices {
    pub speaking: BTreeMap<Address, SignedSpeechTerms>,
    pub silent: BTreeSet<Address>,
}

impl Nodes {
    pub fn new(nodes: Vec<HttpNode>, domain: Domain, sealed: Sealed) -> Self {
        Self {
            places: nodes.into_iter().map(|node| Place { node, seen: Mutex::default() }).collect(),
            domain,
            sealed,
            speech: Mutex::default(),
        }
    }

    /// The models of all nodes that answer, each with its candidates, the best first: see [`in_order`].
    ///
    /// # Errors
    /// [`NodeError`] of the last one, if none answers.
    pub async fn models(&self) -> Result<BTreeMap<String, Vec<Candidate>>, NodeError> {
        let (mut models, mut error) = (BTreeMap::<String, Vec<Candidate>>::new(), None);
        let mut answered = false;
        for (place, listed) in self.look().await {
            match listed {
                Ok(listed) => {
                    answered = true;
                    for OfferedModel { id, name, offer, speech, .. } in listed {
                        let place = &self.places[place];
                        let (is_left, latency) = (place.is_left(), place.seen().latency.order());
                        let candidates = models.entry(id).or_default();
                        match candidates.iter_mut().find(|known| known.offer.offer.node == offer.offer.node) {
                            Some(replica) => {
                                replica.is_left &= is_left;
                                replica.latency = replica.latency.min(latency);
                            }
                            None => candidates.push(Candidate { name, offer, speech, is_left, latency }),
                        }
                    }
                }
                Err(refused) => error = Some(refused),
            }
        }
        if !answered {
            return Err(error.unwrap_or_else(|| failed(&"the proxy has no node")));
        }
        models.values_mut().for_each(|candidates| in_order(candidates));
        Ok(models)
    }

    /// Who speaks for a model: as it was told before, for as long as that holds.
    ///
    /// # Errors
    /// [`NodeError`] if no node answers.
    pub async fn voices(&self, model: &str, now_s: u64) -> Result<Voices, NodeError> {
        let kept = || self.speech.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |terms: &SignedSpeechTerms| terms.terms.valid_until_s > now_s.saturating_add(MARGIN_S);
        let known = kept().iter().any(|((of, _), terms)| of == model && terms.as_ref().is_some_and(holds));
        if !known {
            for Candidate { offer, speech, .. } in self.models().await?.remove(model).unwrap_or_default() {
                let SignedOffer { offer, .. } = offer;
                let signed = |told: &SignedSpeechTerms| {
                    told.terms.belong_to(&offer) && told.signature.verify(&self.domain, &told.terms, offer.node).is_ok()
                };
                kept().insert((model.to_owned(), offer.node), speech.filter(signed));
            }
        }
        let (mut speaking, mut silent) = (BTreeMap::new(), BTreeSet::new());
        let mut kept = kept();
        kept.retain(|_, terms| terms.as_ref().is_none_or(holds));
        for ((_, node), terms) in kept.iter().filter(|((of, _), _)| of == model) {
            match terms {
                Some(terms) => {
                    speaking.insert(*node, terms.clone());
                }
                None => {
                    silent.insert(*node);
                }
            }
        }
        Ok(Voices { speaking, silent })
    }

    /// Forgets the terms of speech of a node: it may have others now.
    pub fn forget_voice(&self, model: &str, node: Address) {
        self.speech.lock().unwrap_or_else(PoisonError::into_inner).remove(&(model.to_owned(), node));
    }

    /// What each URL offers now, side by side. Those that are left for a while are asked only if all are.
    async fn look(&self) -> Vec<(usize, Result<Vec<OfferedModel>, NodeError>)> {
        let all_left = self.places.iter().all(Place::is_left);
        let mut asking = JoinSet::new();
        for (number, place) in self.places.iter().enumerate().filter(|(_, place)| all_left || !place.is_left()) {
            let node = place.node.clone();
            asking.spawn(async move {
                let begun = Instant::now();
                let listed = tokio::time::timeout(LISTING, node.models()).await;
                let late = || failed(&format!("no list of models in {} s", LISTING.as_secs()));
                (number, begun.elapsed(), listed.unwrap_or_else(|_| Err(late())))
            });
        }
        let mut found = Vec::new();
        while let Some(asked) = asking.join_next().await {
            let Ok((number, took, listed)) = asked else { continue };
            let place = &self.places[number];
            let listed = listed.map(|listed| self.signed(listed));
            match &listed {
                Ok(offered) => {
                    let mut seen = place.seen();
                    seen.address = offered.first().map(|model| model.offer.offer.node).or(seen.address);
                    seen.latency.listed(took);
                    for model in offered.iter() {
                        let node = model.offer.offer.node;
                        // At any time: a key that is over was signed as well.
                        if model.seal.is_some_and(|seal| seal.check(&self.domain, node, 0).is_ok()) {
                            self.sealed.note(node);
                        }
                    }
                }
                Err(error) => {
                    tracing::info!(node = place.node.place(), error = %quiet::node(error), "a node does not tell its models");
                    place.failed();
                }
            }
            found.push((number, listed));
        }
        // In the order in which they were given.
        found.sort_by_key(|(number, _)| *number);
        found
    }

    /// The offers that the node named in them signed: anybody could write others.
    fn signed(&self, mut offered: Vec<OfferedModel>) -> Vec<OfferedModel> {
        offered.retain(|model| {
            let SignedOffer { offer, signature } = &model.offer;
            signature.verify(&self.domain, offer, offer.node).is_ok()
        });
        // A URL is of one node.
        let node = offered.first().map(|model| model.offer.offer.node);
        offered.retain(|model| Some(model.offer.offer.node) == node);
        offered
    }

    /// The URLs of a node: those that are left for a while last, the quickest first.
    async fn of(&self, address: Address) -> Vec<&Place> {
        let known = || self.places.iter().filter(|place| place.seen().address == Some(address));
        // One that was away when all were looked at may be a replica of it.
        let is_unknown = |place: &Place| place.seen().address.is_none() && !place.is_left();
        if known().next().is_none() || self.places.iter().any(is_unknown) {
            self.look().await;
        }
        let mut places: Vec<&Place> = known().collect();
        places.sort_by_key(|place| (place.is_left(), place.seen().latency.order()));
        places
    }

    /// Tells whether all URLs of a node are left for a while. One that was not looked at yet is none of them.
    pub fn are_left(&self, address: Address) -> bool {
        let mut places = self.places.iter().filter(|place| place.seen().address == Some(address)).peekable();
        places.peek().is_some() && places.all(Place::is_left)
    }

    /// Leaves a node for a while.
    pub fn leave(&self, address: Address) {
        self.places.iter().filter(|place| place.seen().address == Some(address)).for_each(Place::failed);
    }

    /// The node of an address, at its URLs.
    pub async fn node(&self, address: Address) -> Replicas<'_> {
        let held = |place: &Place| {
            let node = place.node.held_to(&self.domain, address);
            if self.sealed.has(address) { node.sealed_before() } else { node }
        };
        let places = self.of(address).await.into_iter().map(|place| (place, held(place))).collect();
        Replicas { address, places }
    }
}

impl std::fmt::Debug for Nodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.places.iter().map(|place| &place.node)).finish()
    }
}

/// The price by which offers are compared.
fn usual_price(offer: &Offer) -> Amount {
    offer.price(USUAL.0, USUAL.1).unwrap_or(Amount::from_base_units(u128::MAX))
}

/// Sorts the candidates for a model: those that answer before those that are left for a while; of these, those within a tenth of the
/// cheapest before the dearer ones; of these, the quickest first, and at last the cheapest.
fn in_order(candidates: &mut [Candidate]) {
    let prices = candidates.iter().filter(|candidate| !candidate.is_left);
    let cheapest = prices.map(|candidate| usual_price(&candidate.offer.offer)).min();
    let most = cheapest.map_or(u128::MAX, |price| price.base_units().saturating_add(price.base_units() / 10));
    candidates.sort_by_key(|Candidate { offer, is_left, latency, .. }| {
        let price = usual_price(&offer.offer);
        let dear = if price.base_units() > most { price } else { Amount::ZERO };
        (*is_left, dear, *latency, price)
    });
}

/// A node at all its URLs: what one does not answer, the next is asked.
pub(super) struct Replicas<'n> {
    address: Address,
    /// Each is held to the node's address.
    places: Vec<(&'n Place, HttpNode)>,
}

impl Replicas<'_> {
    /// The node's release of a session.
    pub async fn release(&self, request: &ReleaseRequest) -> Result<SignedRelease, NodeError> {
        let mut error = self.nowhere();
        for (_, node) in &self.places {
            match node.release(request).await {
                Err(failed) if is_down(&failed) => error = failed,
                answered => return answered,
            }
        }
        Err(error)
    }

    fn nowhere(&self) -> NodeError {
        failed(&format!("no URL of node {} answers", self.address))
    }

    /// Asks one URL after another. A node gives the same reply to the same request, so after a break in mid-reply, what was heard already
    /// is passed over; then the first is asked again too.
    async fn ask(&self, request: &ChatRequest, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<ChatReply, NodeError> {
        let (mut heard, mut error) = (Heard::default(), self.nowhere());
        for _ in 0..2 {
            for (place, node) in &self.places {
                heard.begin();
                let (begun, mut first) = (Instant::now(), None);
                let mut hear = |text: &str| {
                    first.get_or_insert_with(|| begun.elapsed());
                    let new = heard.hear(text);
                    if !new.is_empty() {
                        on_text(new);
                    }
                };
                match node.chat(request, &mut hear).await {
                    Ok(reply) => {
                        place.works();
                        place.seen().latency.talked(first.unwrap_or_else(|| begun.elapsed()));
                        return Ok(reply);
                    }
                    Err(failed) if is_down(&failed) => {
                        tracing::info!(node = place.node.place(), error = %quiet::node(&failed), "a URL of a node does not answer");
                        place.failed();
                        error = failed;
                    }
                    Err(refused) => return Err(refused),
                }
            }
            if heard.said.is_empty() {
                break;
            }
        }
        Err(error)
    }
}

impl Node for Replicas<'_> {
    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> NodeFuture<'a, ChatReply> {
        Box::pin(self.ask(request, on_text))
    }

    fn pay<'a>(&'a self, voucher: &'a SignedVoucher) -> NodeFuture<'a, ()> {
        Box::pin(async move {
            let mut error = self.nowhere();
            for (place, node) in &self.places {
                match node.pay(voucher).await {
                    Err(failed) if is_down(&failed) => {
                        place.failed();
                        error = failed;
                    }
                    paid => return paid,
                }
            }
            Err(error)
        })
    }

    fn speak<'a>(
        &'a self,
        request: &'a SpeechRequest,
        on_samples: &'a mut (dyn FnMut(&[i16]) + Send),
    ) -> NodeFuture<'a, SpeechReply> {
        Box::pin(async move {
            let (mut heard, mut error) = (0_usize, self.nowhere());
            // After a break in mid-speech, the first is asked again, too.
            for round in 0..2 {
                if round == 1 && heard == 0 {
                    break;
                }
                for (place, node) in &self.places {
                    let mut at = 0_usize;
                    // The same request gives the same samples: those that were heard are passed over.
                    let mut hear = |samples: &[i16]| {
                        let known = heard.saturating_sub(at).min(samples.len());
                        at += samples.len();
                        heard = heard.max(at);
                        on_samples(&samples[known..]);
                    };
                    match node.speak(request, &mut hear).await {
                        Err(failed) if is_down(&failed) => {
                            place.failed();
                            error = failed;
                        }
                        spoken => return spoken,
                    }
                }
            }
            Err(error)
        })
    }
}

/// Tells whether a URL does not answer: another of the same node may.
fn is_down(error: &NodeError) -> bool {
    matches!(error, NodeError::Transport { .. })
        || matches!(
            error.code(),
            "http.502"
                | "http.503"
                | "http.504"
                | "node.book"
                | "node.busy"
                | "node.draining"
                | "node.no_quote"
                | "node.not_attested"
                | "node.transport"
                | "node.unsealed"
                | "relay.busy"
                | "relay.node"
        )
}

/// The words of a reply that was begun more than once.
#[derive(Default)]
struct Heard {
    /// What was passed on.
    said: String,
    /// What of it was heard again.
    at: usize,
    differs: bool,
}

impl Heard {
    fn begin(&mut self) {
        (self.at, self.differs) = (0, false);
    }

    /// What is new of a piece. Nothing, once the words differ from those before: the whole reply says what it is.
    fn hear<'t>(&mut self, piece: &'t str) -> &'t str {
        let known = &self.said.as_bytes()[self.at..];
        let again = known.len().min(piece.len());
        if self.differs || known[..again] != piece.as_bytes()[..again] {
            self.differs = true;
            return "";
        }
        self.at += piece.len();
        // Where the words that are known end, a character does.
        let new = piece.get(again..).unwrap_or_default();
        self.said.push_str(new);
        new
    }
}
