//! Nodes that have to be attested enclaves: their quote is asked for and checked before anything is sent.

use std::sync::{Arc, Mutex, PoisonError};

use blocking::unblock;
use lazai_core::{Address, Domain};

use super::sealing::now_s;
use super::{HttpNode, failed};
use crate::enclave::{Attested, EnclavePolicy, HeldQuote, MAX_QUOTE_BYTES, NotAttested, Quote, Reader};
use crate::node::NodeError;
use crate::seal::{NotSealed, SignedSealTerms};
use crate::wire::MAX_ANSWER_BYTES;
use crate::wire::sealed::{KEY_OVER, QUOTE, SealedRequest};
use crate::wire::talk;

/// What is asked of a node's key, and what was found last.
pub(super) struct Enclave {
    policy: EnclavePolicy,
    found: Mutex<Option<Found>>,
}

impl Enclave {
    fn found(&self, signed: &SignedSealTerms, now_s: u64) -> Option<Found> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.clone().filter(|(attested, held)| held.seal == *signed && now_s <= attested.valid_until_s)
    }
}

/// What a checked quote shows, and the quote.
type Found = (Attested, HeldQuote);

/// A key to seal to, and what was found of it where an enclave is asked for.
type ToSeal = (SignedSealTerms, Option<Box<Found>>);

/// Why a quote was not taken.
enum Refused {
    /// The key is over, or the quote is of another: midnight may have been.
    Over(NodeError),
    Other(NodeError),
}

impl From<NodeError> for Refused {
    fn from(error: NodeError) -> Self {
        Self::Other(error)
    }
}

impl HttpNode {
    /// Talks with an attested enclave, or not at all: before anything is sent, the node has to show by a quote that a program of the policy
    /// holds the key that it is sealed to. The quote itself is asked for by a request that is sealed to that key, and says nothing.
    ///
    /// Sealing is then required, whatever [`with_sealing`](Self::with_sealing) says. Needs the feature `quotes`: without it, nothing is sent.
    ///
    /// ```no_run
    /// # async fn talk(account: lazai::Account) -> Result<(), Box<dyn std::error::Error>> {
    /// use lazai::enclave::EnclavePolicy;
    /// use lazai::http::HttpNode;
    /// use lazai::{Amount, Client};
    ///
    /// // Measurements of programs that you read and built again, or that somebody did whom you believe.
    /// let policy: EnclavePolicy = serde_json::from_slice(&std::fs::read("policy.json")?)?;
    /// let node = HttpNode::new("https://node.example")?.with_enclave(policy);
    /// let client = Client::of(node, account);
    /// let session = client.open(&client.models().await?[0], Amount::from_base_units(1_000_000)).await?;
    /// println!("{}", session.who_reads().await?);    // attested enclave
    /// session.say("Who are you?").await?;    // `node.not_attested` unless such a program holds the node's key
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_enclave(mut self, policy: EnclavePolicy) -> Self {
        self.enclave = Some(Arc::new(Enclave { policy, found: Mutex::default() }));
        self
    }

    /// Who reads what is sent to it: asks the node for its key, and for its quote if an enclave is asked for. A session tells it by
    /// [`Session::who_reads`](crate::Session::who_reads).
    ///
    /// # Errors
    /// [`NodeError::Unsealed`]: nothing would be sent; also where an enclave is asked for, and nobody said whose key it has to be ([`held_to`](Self::held_to)).
    /// [`NodeError::Transport`].
    pub async fn who_reads(&self) -> Result<Reader, NodeError> {
        let Some((_, found)) = self.to_seal(false).await? else { return Ok(Reader::TheNode) };
        Ok(found.map_or(Reader::SealedToTheNode, |found| Reader::AttestedEnclave(found.0)))
    }

    /// As [`post`](Self::post); also returns the quote of the key that the request was sealed to, where an attested enclave is asked for: it belongs in
    /// [`ChatReply::enclave`](crate::node::ChatReply::enclave).
    ///
    /// # Errors
    /// As [`post`](Self::post).
    pub async fn post_held(
        &self,
        path: &str,
        headers: Vec<(String, String)>,
        body: String,
        on_bytes: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<(u16, Option<Box<HeldQuote>>), NodeError> {
        let mut answer = self.answered(path, headers, body).await?;
        let mut left = MAX_ANSWER_BYTES;
        while left > 0 {
            let bytes = answer.next().await?;
            if bytes.is_empty() {
                break;
            }
            left = left.saturating_sub(bytes.len());
            on_bytes(bytes);
        }
        Ok((answer.status, answer.held))
    }

    /// Shows that an enclave holds the key of a node, if one is asked for: before a deposit is reserved there.
    pub(crate) async fn attested(&self, domain: &Domain, node: Address) -> Result<(), NodeError> {
        if self.enclave.is_some() {
            self.held_to(domain, node).to_seal(false).await?;
        }
        Ok(())
    }

    /// The key to seal to, and the quote that shows who holds it where that is asked for; `None` if what is sent may go in clear text.
    /// `anew`: whatever was told before.
    pub(super) async fn to_seal(&self, anew: bool) -> Result<Option<ToSeal>, NodeError> {
        let Some(signed) = self.seal_terms(anew).await? else { return Ok(None) };
        match self.found(signed).await {
            Ok(found) => Ok(Some((signed, found))),
            Err(Refused::Over(_)) if !anew => {
                let signed = self.seal_terms(true).await?.ok_or(NotSealed::NotOffered)?;
                match self.found(signed).await {
                    Ok(found) => Ok(Some((signed, found))),
                    Err(Refused::Over(error) | Refused::Other(error)) => Err(error),
                }
            }
            Err(Refused::Over(error) | Refused::Other(error)) => Err(error),
        }
    }

    /// Asks for the quote of a key, and checks it; `None` if no enclave is asked for.
    async fn found(&self, signed: SignedSealTerms) -> Result<Option<Box<Found>>, Refused> {
        let Some(enclave) = &self.enclave else { return Ok(None) };
        let now_s = now_s();
        if let Some(found) = enclave.found(&signed, now_s) {
            return Ok(Some(Box::new(found)));
        }
        let not = |error: NotAttested| NodeError::Unsealed(error.into());
        let Some((domain, _)) = self.is_held().cloned() else {
            return Err(Refused::Other(NotSealed::Unexpected.into()));
        };
        let answer = match self.sealed(signed, Arc::new(SealedRequest::get(QUOTE))).await? {
            Ok(answer) => answer,
            Err(refused) if [KEY_OVER, "request.sealed"].contains(&refused.code.as_str()) => {
                return Err(Refused::Over(failed(&refused.message)));
            }
            Err(refused) => return Err(talk::refusal(refused.status, refused.body().to_string().as_bytes()).into()),
        };
        let status = answer.status;
        let body = answer.whole_up_to(MAX_QUOTE_BYTES).await?;
        match status {
            200 => {}
            404 => return Err(not(NotAttested::NoQuote).into()),
            _ => return Err(talk::refusal(status, &body).into()),
        }
        let quote = Quote::from_json(&body).map_err(|e| not(e.into()))?;
        let policy = enclave.clone();
        let checked = unblock(move || (policy.policy.check(&quote, &signed.terms, &domain, now_s), quote)).await;
        match checked {
            (Ok(attested), quote) => {
                let held = HeldQuote { seal: signed, quote, checked_at_s: now_s, turns: Vec::new() };
                let found = (attested, held);
                *enclave.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
                Ok(Some(Box::new(found)))
            }
            (Err(error @ NotAttested::OtherKey { .. }), _) => Err(Refused::Over(not(error))),
            (Err(error), _) => Err(not(error).into()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lazai_core::seal::UnsealingKey;
    use lazai_core::{LocalSigner, Signer as _, sign};
    use pollster::block_on;

    use super::*;
    use crate::enclave::{Hardware, Measurement};
    use crate::seal::SealTerms;

    #[test]
    fn what_was_found_is_of_one_key_and_holds_as_long_as_what_the_vendor_signed() {
        let (signer, domain) = (LocalSigner::from_bytes([1; 32]).unwrap(), Domain::random("enclave", "1").unwrap());
        let seal = |key_id| {
            let public_key = UnsealingKey::random().unwrap().public();
            let terms = SealTerms { node: signer.address(), key_id, public_key, valid_until_s: 1_000 };
            SignedSealTerms { signature: block_on(sign::sign(&signer, &domain, &terms)).unwrap(), terms }
        };
        let (mine, other) = (seal(1), seal(2));
        let attested = Attested {
            hardware: Hardware::SevSnp,
            measurement: Measurement([0; 48]),
            tcb: String::new(),
            node: signer.address(),
            key_id: 1,
            valid_until_s: 100,
        };
        let quote = Quote::SevSnp { report: Vec::new(), vcek: Vec::new() };
        let held = HeldQuote { seal: mine, quote, checked_at_s: 1, turns: Vec::new() };
        let enclave = Enclave { policy: EnclavePolicy::default(), found: Mutex::new(Some((attested, held))) };
        assert!(enclave.found(&mine, 100).is_some());
        assert!(enclave.found(&mine, 101).is_none());
        assert!(enclave.found(&other, 100).is_none());
    }
}
