//! Sealing what goes to a node: by the key that it tells with its models, held to the node's signature.

use std::io::Read;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use blocking::unblock;
use lazai_core::{Address, Domain};

use super::{Answer, HttpNode, error_bytes, failed, retry_after_of};
use crate::node::NodeError;
use crate::seal::{NotSealed, SignedSealTerms};
use crate::wire::MAX_ANSWER_BYTES;
use crate::wire::openai::ApiError;
use crate::wire::sealed::{ANSWER_TYPE, GATEWAY, KEY_OVER, REQUEST_TYPE, SealedAnswer, SealedRequest, seal};
use crate::wire::talk::OfferedModel;

/// How long a node that told no key is taken for one that has none.
const NONE: Duration = Duration::from_secs(600);
/// Codes of errors that are told in clear text, as the gateway, a relay or a limit tells them. Any other must come sealed.
const OUTSIDE: [&str; 9] = [
    KEY_OVER,
    "node.rate_limited",
    "relay.busy",
    "relay.node",
    "relay.rate_limited",
    "relay.unknown_node",
    "request.sealed",
    "request.timeout",
    "request.too_large",
];

/// Whether what is sent to a node is sealed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sealing {
    /// It is, where the node offers it. A node that offered it once is sent nothing in clear text.
    #[default]
    Offered,
    /// It is, or nothing is sent.
    Required,
    /// It is not: for measurements, and for nodes whose sealing is at fault.
    Off,
}

/// What is known of a URL, by all clones of its [`HttpNode`].
#[derive(Default)]
pub(super) struct Known {
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    /// The last list's key, and when it came.
    last: Option<(Instant, Option<SignedSealTerms>)>,
    /// True once the node told a key.
    sealed: bool,
}

impl Known {
    /// Notes what a list of models tells.
    pub fn note(&self, models: &[OfferedModel]) {
        let seal = models.iter().find_map(|model| model.seal.filter(|seal| seal.terms.node == model.offer.offer.node));
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.sealed |= seal.is_some();
        told.last = Some((Instant::now(), seal));
    }

    fn sealed(&self) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).sealed
    }

    /// The key that was told, as long as that may be gone by.
    fn fresh(&self, now_s: u64) -> Option<Option<SignedSealTerms>> {
        match self.told.lock().unwrap_or_else(PoisonError::into_inner).last? {
            (_, Some(seal)) => seal.check_time(now_s).is_ok().then_some(Some(seal)),
            (at, None) => (at.elapsed() < NONE).then_some(None),
        }
    }
}

/// Whose key it has to be.
pub(super) type Held = Arc<OnceLock<(Domain, Address)>>;

pub(super) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

impl HttpNode {
    /// Decides whether what is sent is sealed: by default it is, where the node offers it.
    #[must_use]
    pub fn with_sealing(mut self, sealing: Sealing) -> Self {
        self.sealing = sealing;
        self
    }

    /// Asks by way of an oblivious relay, such as `https://relay.example`, which must serve this node: the relay sees this machine's
    /// address and nothing of what is said, the node sees the relay's. What is sent is sealed, or not sent. The node's list of models
    /// comes through the relay, too.
    ///
    /// # Errors
    /// [`NodeError::Transport`] if it is no URL of HTTP.
    pub fn with_relay(mut self, relay: &str) -> Result<Self, NodeError> {
        let relay = relay.trim_end_matches('/');
        if !(relay.starts_with("http://") || relay.starts_with("https://")) {
            return Err(failed(&"the relay's URL begins neither with http:// nor https://"));
        }
        self.base = format!("{relay}/{}", place_at_relay(&self.url)).into();
        self.sealing = Sealing::Required;
        Ok(self)
    }

    /// The same URL, held to a node: what is sent is sealed to a key that this address signed in the ledger's domain. Sessions do this
    /// by themselves, for the node of their offer.
    #[must_use]
    pub fn held_to(&self, domain: &Domain, node: Address) -> Self {
        let held = OnceLock::from((domain.clone(), node));
        Self { held: Arc::new(held), ..self.clone() }
    }

    /// The same, of a node that is known to have sealed: it is sent nothing in clear text, unless that was chosen.
    #[cfg(feature = "node")]
    pub(in crate::http) fn sealed_before(mut self) -> Self {
        if self.sealing == Sealing::Offered {
            self.sealing = Sealing::Required;
        }
        self
    }

    pub(super) fn hold(&self, domain: &Domain, node: Address) {
        // The first one counts: a URL is of one node.
        let _ = self.held.get_or_init(|| (domain.clone(), node));
    }

    /// The key to seal to; `None` if what is sent may go in clear text. `anew`: whatever was told before.
    pub(super) async fn seal_terms(&self, anew: bool) -> Result<Option<SignedSealTerms>, NodeError> {
        // Whoever asks for an enclave asks for sealing.
        let sealing = if self.enclave.is_some() { Sealing::Required } else { self.sealing };
        if sealing == Sealing::Off {
            return Ok(None);
        }
        let known = self.known.fresh(now_s()).filter(|_| !anew);
        let seal = match known {
            Some(seal) => seal,
            None => {
                let models = self.models().await?;
                models.iter().find_map(|model| model.seal.filter(|seal| seal.terms.node == model.offer.offer.node))
            }
        };
        let Some(signed) = seal else {
            let may_be_clear = sealing == Sealing::Offered && !self.known.sealed();
            return if may_be_clear { Ok(None) } else { Err(NotSealed::NotOffered.into()) };
        };
        match self.held.get() {
            Some((domain, node)) => signed.check(domain, *node, now_s())?,
            None if sealing == Sealing::Required => return Err(NotSealed::Unexpected.into()),
            // Nobody said whose it has to be: it is the URL's, as its offers are.
            None => signed.check_time(now_s())?,
        }
        Ok(Some(signed))
    }

    /// Whose key it has to be, if somebody said.
    pub(super) fn is_held(&self) -> Option<&(Domain, Address)> {
        self.held.get()
    }

    /// The answer to a request, sealed if it has to be.
    pub(super) async fn once(
        &self,
        path: &str,
        headers: Vec<(String, String)>,
        body: String,
    ) -> Result<Answer, NodeError> {
        let Some((mut signed, mut found)) = self.to_seal(false).await? else {
            let (agent, url) = (self.agent.clone(), format!("{}{path}", self.base));
            let sent = unblock(move || {
                headers.iter().fold(agent.post(url), |post, (name, value)| post.header(name, value)).send(body)
            });
            return sent.await.map(Answer::of).map_err(|e| failed(&e));
        };
        let request = Arc::new(SealedRequest::post(path, headers, body));
        for last in [false, true] {
            match self.sealed(signed, request.clone()).await? {
                Ok(answer) => return Ok(Answer { held: found.map(|found| Box::new(found.1)), ..answer }),
                // Midnight was, or the node was restarted without its keys, where the day's has another seed now: its list tells.
                Err(refused) if [KEY_OVER, "request.sealed"].contains(&refused.code.as_str()) && !last => {
                    (signed, found) = self.to_seal(true).await?.ok_or(NotSealed::NotOffered)?;
                }
                Err(refused) => {
                    let ApiError { status, retry_after_s, .. } = refused;
                    let said = Answer::said(status, refused.body().to_string().into_bytes());
                    return Ok(Answer { retry_after: retry_after_s.map(Duration::from_secs), ..said });
                }
            }
        }
        Err(NotSealed::NotOffered.into())
    }

    /// Sends a request sealed: the answer that came sealed, or the refusal that came in clear text.
    pub(super) async fn sealed(
        &self,
        signed: SignedSealTerms,
        request: Arc<SealedRequest>,
    ) -> Result<Result<Answer, ApiError>, NodeError> {
        let (agent, url) = (self.agent.clone(), format!("{}{GATEWAY}", self.base));
        unblock(move || {
            let (message, answer) = seal(&signed.terms, &request).map_err(|e| failed(&e))?;
            let sent = agent.post(url).header("content-type", REQUEST_TYPE).send(&message[..]);
            let response = sent.map_err(|e| failed(&e))?;
            let kind = response.headers().get("content-type");
            if response.status() == 200 && kind.is_some_and(|kind| kind == ANSWER_TYPE) {
                let mut opened = Opened {
                    from: Box::new(response.into_body().into_reader()),
                    answer,
                    ready: Vec::new(),
                    at: 0,
                    ended: false,
                };
                return opened
                    .head()
                    .map(|(status, retry_after)| Ok(Answer { retry_after, ..Answer::new(status, Box::new(opened)) }));
            }
            let (status, after) = (response.status().as_u16(), retry_after_of(response.headers().get("retry-after")));
            let mut refused = ApiError::read(status, &error_bytes(response));
            refused.retry_after_s = after.map(|after| after.as_secs());
            // Whoever stands between may write anything: only what the outside may tell is believed.
            let is_told = OUTSIDE.contains(&refused.code.as_str()) || refused.code.starts_with("http.5");
            if is_told { Ok(Err(refused)) } else { Err(failed(&format!("status {status}, and no sealed answer"))) }
        })
        .await
    }
}

/// The name of a node's URL at a relay: host and port.
pub(crate) fn place_at_relay(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    host.bytes().fold(String::new(), |mut name, byte| {
        if plain(byte) {
            name.push(char::from(byte.to_ascii_lowercase()));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
        name
    })
}

/// The body of a sealed answer, opened as it is read.
struct Opened {
    from: Box<dyn Read + Send>,
    answer: SealedAnswer,
    /// What is opened, and how much of it was read.
    ready: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Opened {
    /// Status and time to wait, once they came.
    fn head(&mut self) -> Result<(u16, Option<Duration>), NodeError> {
        while self.answer.head().is_none() {
            self.more().map_err(|e| failed(&e))?;
            if self.ended && self.answer.head().is_none() {
                return Err(failed(&"the sealed answer has no head"));
            }
        }
        let head = self.answer.head().ok_or_else(|| failed(&"the sealed answer has no head"))?;
        let after = head.header("retry-after").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        Ok((head.status, after))
    }

    /// Reads more of the outer body.
    fn more(&mut self) -> std::io::Result<()> {
        let mut piece = [0; 4096];
        let count = self.from.read(&mut piece)?;
        let opened = if count == 0 {
            self.ended = true;
            self.answer.finish()
        } else {
            self.answer.push(&piece[..count])
        };
        let opened = opened.map_err(|e| std::io::Error::new(std::io::ErrorKind::InvalidData, e.to_string()))?;
        self.ready.extend(opened);
        if self.ready.len() > 2 * MAX_ANSWER_BYTES {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "the sealed answer is too large"));
        }
        Ok(())
    }
}

impl Read for Opened {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.at == self.ready.len() {
            if self.ended {
                return Ok(0);
            }
            self.ready.clear();
            self.at = 0;
            self.more()?;
        }
        let count = out.len().min(self.ready.len() - self.at);
        out[..count].copy_from_slice(&self.ready[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_one_name_at_a_relay() {
        for (url, name) in [
            ("https://Node.example", "node.example"),
            ("http://me:word@127.0.0.1:8028/x", "127.0.0.1:8028"),
            ("http://[::1]:80", "%5B::1%5D:80"),
        ] {
            assert_eq!(place_at_relay(url), name);
        }
    }
}
