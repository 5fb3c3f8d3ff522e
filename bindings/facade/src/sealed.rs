//! Requests over a language's own network that nobody but their node can read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lazai::core::seal::encapsulated::REQUEST_TYPE;
use lazai::node::NodeError;
use lazai::seal::SignedSealTerms;
use lazai::wire::sealed::{GATEWAY, SealedAnswer, SealedRequest, seal};

use crate::transport::{HttpRequest, now_s};
use crate::{Domain, LazaiError};

/// A request sealed to its node's key, and the opener of the answer. A transport posts [`body`](Self::body) instead of the request, gives
/// the bytes of the answer to [`open`](Self::open), and what comes of these to its sink; the status is inside. An answer with another
/// status than 200 is not sealed: the gateway, or somebody on the way, refused the request.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
#[derive(Debug)]
pub struct SealedPost {
    body: Vec<u8>,
    answer: Mutex<SealedAnswer>,
}

impl SealedPost {
    fn answer(&self) -> MutexGuard<'_, SealedAnswer> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl SealedPost {
    /// Seals a request under the terms that a node tells with its models
    /// ([`ModelOffer::seal_terms`](crate::ModelOffer)), held to the node of the session's offer in the ledger's domain.
    ///
    /// # Errors
    /// `node.unsealed` if the terms are over, or not signed by that node; `json.malformed`, `hex.…`, `address`, `seal`.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn new(
        request: HttpRequest,
        seal_terms: String,
        domain: Domain,
        node: String,
    ) -> Result<Arc<Self>, LazaiError> {
        let signed: SignedSealTerms = serde_json::from_str(&seal_terms)?;
        signed.check(&domain.parse()?, node.parse()?, now_s()).map_err(NodeError::from)?;
        let headers = request.headers.into_iter().map(|header| (header.name, header.value)).collect();
        let inner = SealedRequest::post(&request.path, headers, request.body);
        let (body, answer) = seal(&signed.terms, &inner).map_err(|error| LazaiError::new("seal", error))?;
        Ok(Arc::new(Self { body, answer: Mutex::new(answer) }))
    }

    /// Path under the node's URL, or under its place at a relay.
    pub fn path(&self) -> String {
        GATEWAY.to_owned()
    }

    /// The header `content-type`.
    pub fn content_type(&self) -> String {
        REQUEST_TYPE.to_owned()
    }

    /// What is posted: a copy.
    pub fn body(&self) -> Vec<u8> {
        self.body.clone()
    }

    /// Takes bytes of the answer as they come; returns the bytes of its body that they complete.
    ///
    /// # Errors
    /// `node.transport` if somebody changed it, or for anything but an answer to this request.
    pub fn open(&self, bytes: Vec<u8>) -> Result<Vec<u8>, LazaiError> {
        Ok(self.answer().push(&bytes)?)
    }

    /// The last bytes of the answer's body, once nothing more comes.
    ///
    /// # Errors
    /// `node.transport` if the answer was cut off.
    pub fn finish(&self) -> Result<Vec<u8>, LazaiError> {
        Ok(self.answer().finish()?)
    }

    /// The answer's own status, once it came.
    pub fn status(&self) -> Option<u16> {
        self.answer().head().map(|head| head.status)
    }
}
