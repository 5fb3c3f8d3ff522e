//! Sealed requests and their answers: Oblivious HTTP to the node itself, without a socket.
//!
//! A request is written down as Binary HTTP (RFC 9292), encapsulated to the node's key
//! ([`encapsulated`](lazai_core::seal::encapsulated)), and posted to [`GATEWAY`]; session, signature and voucher are inside. The answer
//! streams back the same way, its status and its errors inside too. What is outside: that something is asked, its length rounded up, and
//! when the pieces of the answer come.
//!
//! ```
//! use lazai::wire::sealed::{SealedRequest, seal};
//! # use lazai::seal::SealTerms;
//! # use lazai::core::Address;
//! # use lazai::core::seal::UnsealingKey;
//! # let key = UnsealingKey::random()?;
//! # let terms = SealTerms { node: Address::ZERO, key_id: 1, public_key: key.public(), valid_until_s: 0 };
//! let request = SealedRequest::post("/v1/chat/completions", Vec::new(), "{}");
//! let (body, mut answer) = seal(&terms, &request)?;    // post the body; give the answer's bytes to `answer.push`
//! # Ok::<(), lazai::core::seal::SealError>(())
//! ```

mod binary;

use lazai_core::seal::SealError;
pub use lazai_core::seal::encapsulated::{ANSWER_TYPE, REQUEST_TYPE};
use lazai_core::seal::encapsulated::{AnswerOpener, AnswerSealer, AnswerSecret};

pub use self::binary::{AnswerHead, NotBinary, SealedRequest};
use self::binary::{Reader, head};
use super::MAX_REQUEST_BYTES;
use super::talk::failed;
use crate::node::NodeError;
use crate::seal::SealTerms;

/// Where sealed requests are posted (RFC 9540).
pub const GATEWAY: &str = "/.well-known/ohttp-gateway";
/// Where a node tells the quote of its key, as JSON ([`Quote`](crate::enclave::Quote)): whoever asks seals this request, too, so that a relay
/// passes it on.
pub const QUOTE: &str = "/v1/lazai/quote";
/// Largest sealed request that is read: a whole request, its headers, and what sealing adds.
pub const MAX_SEALED_REQUEST_BYTES: usize = MAX_REQUEST_BYTES + (64 << 10);
/// Code of the error for a key that is not open at the node, or no longer: its list of models tells the present one.
pub const KEY_OVER: &str = "request.seal_key";

/// Seals a request to a node's key, which is to be checked before ([`SignedSealTerms::check`](crate::seal::SignedSealTerms::check)):
/// the body to post, of type [`REQUEST_TYPE`], and the reader of its answer.
///
/// # Errors
/// [`SealError`].
pub fn seal(terms: &SealTerms, request: &SealedRequest) -> Result<(Vec<u8>, SealedAnswer), SealError> {
    let (body, secret) = terms.public_key.encapsulate(terms.key_id, &request.to_bytes())?;
    Ok((body, SealedAnswer { opener: Some(secret.opener()), reader: Reader::default() }))
}

/// Reads a sealed answer as it comes.
#[derive(Debug)]
pub struct SealedAnswer {
    /// `None` from the end on.
    opener: Option<AnswerOpener>,
    reader: Reader,
}

impl SealedAnswer {
    /// Takes bytes of the outer answer, of type [`ANSWER_TYPE`]; returns the bytes of the inner one's body that they complete.
    ///
    /// # Errors
    /// [`NodeError::Transport`] if somebody changed it, or for anything but an answer.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>, NodeError> {
        let opener = self.opener.as_mut().ok_or_else(|| failed(&"the sealed answer has ended"))?;
        let opened = opener.push(bytes).map_err(|e| failed(&format!("the sealed answer: {e}")))?;
        self.reader.push(&opened).map_err(|e| failed(&e))
    }

    /// Status and headers, once they are there.
    #[must_use]
    pub fn head(&self) -> Option<&AnswerHead> {
        self.reader.head()
    }

    /// The last bytes of the body, once nothing more comes.
    ///
    /// # Errors
    /// [`NodeError::Transport`] if the answer was cut off.
    pub fn finish(&mut self) -> Result<Vec<u8>, NodeError> {
        let opener = self.opener.take().ok_or_else(|| failed(&"the sealed answer has ended"))?;
        let last = opener.finish().map_err(|_| failed(&"the sealed answer broke off"))?;
        let body = self.reader.push(&last).map_err(|e| failed(&e))?;
        if self.reader.is_done() { Ok(body) } else { Err(failed(&"the sealed answer broke off")) }
    }
}

/// Writes a sealed answer as it is made.
#[derive(Debug)]
pub struct AnswerWriter(AnswerSealer);

impl AnswerWriter {
    /// The answer to a request: its writer, and its first bytes, with status and headers.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn begin<'h>(
        secret: &AnswerSecret,
        status: u16,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
    ) -> Result<(Self, Vec<u8>), SealError> {
        let mut sealer = secret.sealer()?;
        let begin = [sealer.begin(), sealer.seal(&head(status, headers))?].concat();
        Ok((Self(sealer), begin))
    }

    /// More of the body.
    ///
    /// # Errors
    /// [`SealError::TooLarge`], which no answer reaches.
    pub fn body(&mut self, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
        self.0.seal(&binary::content(bytes))
    }

    /// The end of the answer.
    ///
    /// # Errors
    /// As [`body`](Self::body).
    pub fn end(self) -> Result<Vec<u8>, SealError> {
        self.0.finish(&binary::END)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lazai_core::Address;
    use lazai_core::seal::UnsealingKey;

    use super::*;

    fn asked(body: &str) -> (SealedAnswer, AnswerSecret) {
        let key = UnsealingKey::random().unwrap();
        let terms = SealTerms { node: Address::ZERO, key_id: 5, public_key: key.public(), valid_until_s: 0 };
        let headers = vec![("payment-signature".to_owned(), "abc=".to_owned())];
        let request = SealedRequest::post("/v1/chat/completions", headers, body);
        let (message, answer) = seal(&terms, &request).unwrap();
        let (opened, secret) = key.decapsulate(5, &message).unwrap();
        assert_eq!(SealedRequest::parse(&opened).unwrap(), request);
        (answer, secret)
    }

    #[test]
    fn an_answer_streams_with_its_status_inside() {
        let (mut answer, secret) = asked(r#"{"messages": []}"#);
        let headers = [("content-type", &b"text/event-stream"[..]), ("retry-after", &b"3"[..])];
        let (mut writer, begin) = AnswerWriter::begin(&secret, 429, headers).unwrap();
        assert!(answer.head().is_none());
        assert_eq!(answer.push(&begin).unwrap(), b"");
        let told = answer.head().unwrap();
        assert_eq!((told.status, told.header("retry-after")), (429, Some("3")));
        assert_eq!(answer.push(&writer.body(b"data: 1\n\n").unwrap()).unwrap(), b"data: 1\n\n", "piece by piece");
        assert_eq!(answer.push(&writer.body(b"").unwrap()).unwrap(), b"");
        assert_eq!(answer.push(&writer.end().unwrap()).unwrap(), b"");
        assert_eq!(answer.finish().unwrap(), b"");
    }

    #[test]
    fn an_answer_that_is_cut_off_is_no_answer() {
        let (mut answer, secret) = asked("{}");
        let (mut writer, begin) = AnswerWriter::begin(&secret, 200, []).unwrap();
        answer.push(&begin).unwrap();
        answer.push(&writer.body(b"half").unwrap()).unwrap();
        assert!(answer.finish().unwrap_err().to_string().contains("broke off"));
        // The end of another writer is no end of this one.
        let (mut answer, secret) = asked("{}");
        let (_, begin) = AnswerWriter::begin(&secret, 200, []).unwrap();
        let (other, _) = AnswerWriter::begin(&secret, 200, []).unwrap();
        answer.push(&begin).unwrap();
        answer.push(&other.end().unwrap()).unwrap();
        assert!(answer.finish().is_err());
    }

    #[test]
    fn lengths_of_requests_are_rounded_up() {
        let key = UnsealingKey::random().unwrap();
        let terms = SealTerms { node: Address::ZERO, key_id: 0, public_key: key.public(), valid_until_s: 0 };
        let length =
            |body: &str| seal(&terms, &SealedRequest::post("/v1/chat/completions", Vec::new(), body)).unwrap().0.len();
        assert_eq!(length("yes"), length(&"no".repeat(300)));
        assert!(length(&"no".repeat(600)) > length("yes"));
    }
}
