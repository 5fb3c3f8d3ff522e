//! A generator over several: servers, or engines, that answer for one node.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures_lite::stream;
use lazai_core::Digest;
use lazai_core::message::Message;
use lazai_core::seal::AtRest;
use lazai_lora::generate::{Event, GenerateJob, Generation};
use lazai_lora::{About, GenerateError, Generator};
use thiserror::Error;

use super::health::Health;

/// So many replies more under way are borne at the backend that had a conversation's last turn, and at one that has its adapter in use.
const CONVERSATION: usize = 4;
const ADAPTER: usize = 1;
/// Conversations whose backend is remembered.
const CONVERSATIONS: usize = 10_000;

/// Why backends cannot answer for one node.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RouterError {
    /// There is none.
    #[error("no backend")]
    Empty,
    /// One has another base model or tokenizer than the first: receipts name one of each.
    #[error("backend {place}: its {what} is {found}, that of the first is {expected}")]
    Other {
        /// Its place in the list, from 0.
        place: usize,
        /// What differs.
        what: &'static str,
        /// The first one's digest.
        expected: Digest,
        /// Its own.
        found: Digest,
    },
}

/// Lets several generators of one base model answer: each reply is made by that with the fewest under way. A conversation goes on where
/// its last turn was, and an adapter is asked of the backend that used it last, unless others have less to do. A backend that fails
/// before the first word is left for two seconds, four, and so on up to a minute, and the next one answers.
///
/// The same job gives the same reply only where backends are of one kind.
#[derive(Debug)]
pub struct RouterGenerator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    backends: Vec<Backend>,
    about: About,
    conversations: Mutex<Conversations>,
}

#[derive(Debug)]
struct Backend {
    generator: Arc<dyn Generator>,
    under_way: AtomicUsize,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    adapters: BTreeSet<Digest>,
    last_adapter: Option<Digest>,
    health: Health,
}

/// The backend of each conversation; the oldest are forgotten.
#[derive(Debug, Default)]
struct Conversations {
    places: BTreeMap<Digest, usize>,
    order: VecDeque<Digest>,
}

impl Conversations {
    fn note(&mut self, conversation: Digest, place: usize) {
        if self.places.insert(conversation, place).is_none() {
            self.order.push_back(conversation);
            if self.order.len() > CONVERSATIONS
                && let Some(oldest) = self.order.pop_front()
            {
                self.places.remove(&oldest);
            }
        }
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RouterGenerator {
    /// A router over backends, which have one base model and one tokenizer. It describes itself as the first one does.
    ///
    /// # Errors
    /// [`RouterError`].
    pub fn new(backends: Vec<Arc<dyn Generator>>) -> Result<Self, RouterError> {
        let about = backends.first().ok_or(RouterError::Empty)?.about().clone();
        for (place, backend) in backends.iter().enumerate() {
            let own = backend.about();
            for (what, expected, found) in [
                ("base model", about.base_digest, own.base_digest),
                ("tokenizer", about.tokenizer_digest, own.tokenizer_digest),
            ] {
                if expected != found {
                    return Err(RouterError::Other { place, what, expected, found });
                }
            }
        }
        let backend = |generator| Backend { generator, under_way: AtomicUsize::new(0), seen: Mutex::default() };
        let (backends, conversations) = (backends.into_iter().map(backend).collect(), Mutex::default());
        Ok(Self(Arc::new(Inner { backends, about, conversations })))
    }
}

impl Inner {
    /// The backends that can do a job, the best first; those that are left for a while come last.
    fn order(&self, job: &GenerateJob) -> VecDeque<usize> {
        let last =
            job.conversation.and_then(|conversation| lock(&self.conversations).places.get(&conversation).copied());
        let now = Instant::now();
        let rank = |(place, backend): (usize, &Backend)| {
            let seen = lock(&backend.seen);
            if job.adapter.is_some_and(|adapter| !seen.adapters.contains(&adapter)) {
                return None;
            }
            let is_left = seen.health.is_left(now);
            let mut rank = backend.under_way.load(Ordering::Relaxed).saturating_add(CONVERSATION + ADAPTER);
            rank -= if last == Some(place) { CONVERSATION } else { 0 };
            rank -= if job.adapter.is_some() && seen.last_adapter == job.adapter { ADAPTER } else { 0 };
            Some((is_left, rank, place))
        };
        let mut ranked: Vec<_> = self.backends.iter().enumerate().filter_map(rank).collect();
        ranked.sort_unstable();
        ranked.into_iter().map(|(.., place)| place).collect()
    }

    /// Has a backend begin a job.
    fn begin(self: &Arc<Self>, place: usize, job: &GenerateJob) -> Option<Making> {
        let backend = self.backends.get(place)?;
        backend.under_way.fetch_add(1, Ordering::Relaxed);
        if job.adapter.is_some() {
            lock(&backend.seen).last_adapter = job.adapter;
        }
        let under_way = UnderWay { router: self.clone(), place };
        Some(Making { generation: backend.generator.generate(job.clone()), under_way })
    }

    fn works(&self, place: usize, job: &GenerateJob) {
        if let Some(backend) = self.backends.get(place) {
            lock(&backend.seen).health.works();
        }
        if let Some(conversation) = job.conversation {
            lock(&self.conversations).note(conversation, place);
        }
    }

    fn failed(&self, place: usize, error: &GenerateError) {
        // What is asked for is wrong, or not for this backend; it works.
        if !matches!(error, GenerateError::Backend { .. } | GenerateError::Model(_)) {
            return;
        }
        if let Some(backend) = self.backends.get(place) {
            tracing::warn!(%error, place, "a backend fails");
            lock(&backend.seen).health.failed();
        }
    }
}

/// A reply that a backend makes.
struct Making {
    generation: Generation,
    under_way: UnderWay,
}

/// Counts as under way until it is dropped.
struct UnderWay {
    router: Arc<Inner>,
    place: usize,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(backend) = self.router.backends.get(self.place) {
            backend.under_way.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A reply on its way through the backends.
struct Routed {
    router: Arc<Inner>,
    job: GenerateJob,
    left: VecDeque<usize>,
    making: Option<Making>,
    said: bool,
    /// The first backend's reason.
    error: Option<GenerateError>,
    ended: bool,
}

impl Routed {
    async fn next(&mut self) -> Option<Event> {
        while !self.ended {
            let Some(making) = &mut self.making else {
                let next = self.left.pop_front();
                self.making = next.and_then(|place| self.router.begin(place, &self.job));
                if self.making.is_none() {
                    self.ended = true;
                    let unknown = || GenerateError::UnknownAdapter { digest: self.job.adapter.unwrap_or(Digest::ZERO) };
                    return Some(Event::Done(Err(self.error.take().unwrap_or_else(unknown))));
                }
                continue;
            };
            if let Some(text) = making.generation.next().await {
                self.said |= !text.is_empty();
                return Some(Event::Text(text));
            }
            let Some(Making { generation, under_way }) = self.making.take() else { continue };
            let place = under_way.place;
            match generation.reply().await {
                Ok(reply) => {
                    self.router.works(place, &self.job);
                    self.ended = true;
                    return Some(Event::Done(Ok(reply)));
                }
                Err(error) => {
                    self.router.failed(place, &error);
                    // Two backends' words would make one reply.
                    if self.said {
                        self.ended = true;
                        return Some(Event::Done(Err(error)));
                    }
                    self.error.get_or_insert(error);
                }
            }
        }
        None
    }
}

impl Generator for RouterGenerator {
    fn about(&self) -> &About {
        &self.0.about
    }

    /// Loads it into every backend. Those that cannot have it answer without it, as long as one can.
    fn load_adapter(&self, folder: &Path) -> Result<Digest, GenerateError> {
        self.load_adapter_at(folder, &AtRest::Clear)
    }

    fn load_adapter_at(&self, folder: &Path, at_rest: &AtRest) -> Result<Digest, GenerateError> {
        let (mut loaded, mut error) = (None, None);
        for (place, backend) in self.0.backends.iter().enumerate() {
            match backend.generator.load_adapter_at(folder, at_rest) {
                Ok(digest) => {
                    lock(&backend.seen).adapters.insert(digest);
                    loaded = Some(digest);
                }
                Err(failed) => {
                    tracing::warn!(error = %failed, place, "a backend does not load an adapter");
                    error = Some(failed);
                }
            }
        }
        let none = || GenerateError::Backend { backend: "the router".into(), reason: "no backend".into() };
        loaded.ok_or_else(|| error.unwrap_or_else(none))
    }

    fn prompt_tokens(&self, messages: &[Message]) -> Result<u64, GenerateError> {
        let first = self.0.backends.first();
        let none = || GenerateError::Backend { backend: "the router".into(), reason: "no backend".into() };
        first.ok_or_else(none)?.generator.prompt_tokens(messages)
    }

    fn generate(&self, job: GenerateJob) -> Generation {
        let (router, left) = (self.0.clone(), self.0.order(&job));
        let mut routed = Routed { router, job, left, making: None, said: false, error: None, ended: false };
        // Begun at once, as other generators do: whoever asks next sees that it is under way.
        if let Some(place) = routed.left.pop_front() {
            routed.making = routed.router.begin(place, &routed.job);
        }
        Generation::new(stream::unfold(routed, |mut routed| async move {
            let event = routed.next().await?;
            Some((event, routed))
        }))
    }
}
