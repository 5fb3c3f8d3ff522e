//! Nodes over HTTP.

use std::sync::Arc;

use lazai::enclave::{EnclavePolicy, Reader};
use lazai::http::{HttpNode, Sealing};
use lazai::node::Node as _;

use crate::chat::ModelOffer;
use crate::transport::{BodySink, HttpRequest, Transport};
use crate::{Domain, LazaiError};

/// Who may read what is said to a node, as a command line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A program of this policy, or nobody.
    Enclave(Box<EnclavePolicy>),
    /// It is sealed where the node offers it.
    Offered,
    /// It is sealed to the node, or not sent.
    Sealed,
}

impl Reading {
    /// By a program of a policy, as JSON, or by nobody.
    ///
    /// # Errors
    /// `json.malformed`.
    pub fn enclave(policy: &[u8]) -> Result<Self, LazaiError> {
        Ok(Self::Enclave(serde_json::from_slice(policy)?))
    }
}

/// A node behind a URL, over this library's own HTTP and TLS.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
#[derive(Debug)]
pub struct NodeClient(HttpNode);

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl NodeClient {
    /// A node at a URL such as `https://node.example`; nothing is asked yet.
    ///
    /// # Errors
    /// `node.transport` if it is no URL of HTTP.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn new(url: String) -> Result<Arc<Self>, LazaiError> {
        Ok(Arc::new(Self(HttpNode::new(&url)?)))
    }

    /// A node whose certificate is held to these certificate authorities (PEM) instead of public ones.
    ///
    /// # Errors
    /// As [`new`](Self::new); `node.transport` if there is no certificate in the text.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn trusting(url: String, certificates: String) -> Result<Arc<Self>, LazaiError> {
        Ok(Arc::new(Self(HttpNode::new(&url)?.with_root_certificates(certificates.as_bytes())?)))
    }

    /// A node by way of an oblivious relay, such as `https://relay.example`: the relay sees who asks and nothing of what, the node sees
    /// the relay. What is said is sealed, or not sent. [`Session`](super::session::Session)s know whose key it has to be; for a
    /// [`Chat`](crate::Chat), say it first ([`hold_to`](Self::hold_to)).
    ///
    /// # Errors
    /// `node.transport` if one is no URL of HTTP.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn relayed(url: String, relay: String) -> Result<Arc<Self>, LazaiError> {
        Ok(Arc::new(Self(HttpNode::new(&url)?.with_relay(&relay)?)))
    }

    /// Holds the node to an address, that of its offer, in the ledger's domain: requests are sealed to keys that it signed. The first
    /// call counts.
    ///
    /// # Errors
    /// `hex.…`, `address`.
    pub fn hold_to(&self, domain: Domain, node: String) -> Result<(), LazaiError> {
        self.0.expect(&domain.parse()?, node.parse()?);
        Ok(())
    }

    /// The characters that the node offers.
    ///
    /// # Errors
    /// `node.…`.
    pub async fn models(&self) -> Result<Vec<ModelOffer>, LazaiError> {
        Ok(self.0.models().await?.into_iter().map(ModelOffer::from).collect())
    }
}

impl NodeClient {
    /// A node with what a command line says of it: certificate authorities, a relay, and who may read what is said.
    ///
    /// # Errors
    /// As [`new`](Self::new), [`trusting`](Self::trusting), [`relayed`](Self::relayed).
    pub fn with(
        url: &str,
        certificates: Option<&str>,
        relay: Option<&str>,
        reading: &Reading,
    ) -> Result<Arc<Self>, LazaiError> {
        let mut node = HttpNode::new(url)?;
        if let Some(certificates) = certificates {
            node = node.with_root_certificates(certificates.as_bytes())?;
        }
        node = match reading {
            Reading::Offered => node,
            Reading::Sealed => node.with_sealing(Sealing::Required),
            Reading::Enclave(policy) => node.with_enclave((**policy).clone()),
        };
        Ok(Arc::new(Self(match relay {
            Some(relay) => node.with_relay(relay)?,
            None => node,
        })))
    }

    /// Who reads what is said to it, in words.
    ///
    /// # Errors
    /// `node.…`.
    pub async fn who_reads(&self) -> Result<String, LazaiError> {
        let reader = self.0.who_reads().await?;
        Ok(match &reader {
            Reader::AttestedEnclave(attested) => format!("{reader}: {attested}"),
            _ => reader.to_string(),
        })
    }

    pub(super) fn http(&self) -> &HttpNode {
        &self.0
    }
}

#[async_trait::async_trait]
impl Transport for NodeClient {
    async fn post(&self, request: HttpRequest, sink: Arc<BodySink>) -> Result<u16, LazaiError> {
        let headers = request.headers.into_iter().map(|header| (header.name, header.value)).collect();
        let mut on_bytes = |bytes: &[u8]| sink.push(bytes.to_vec());
        let (status, held) = self.0.post_held(&request.path, headers, request.body, &mut on_bytes).await?;
        sink.hold(held);
        Ok(status)
    }
}
