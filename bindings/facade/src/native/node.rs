//! Nodes over HTTP.

use std::sync::Arc;

use lazai::http::HttpNode;

use crate::LazaiError;
use crate::chat::ModelOffer;
use crate::transport::{BodySink, HttpRequest, Transport};

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

    /// The characters that the node offers.
    ///
    /// # Errors
    /// `node.…`.
    pub async fn models(&self) -> Result<Vec<ModelOffer>, LazaiError> {
        Ok(self.0.models().await?.into_iter().map(ModelOffer::from).collect())
    }
}

impl NodeClient {
    pub(super) fn http(&self) -> &HttpNode {
        &self.0
    }
}

#[async_trait::async_trait]
impl Transport for NodeClient {
    async fn post(&self, request: HttpRequest, sink: Arc<BodySink>) -> Result<u16, LazaiError> {
        let headers = request.headers.into_iter().map(|header| (header.name, header.value)).collect();
        let mut on_bytes = |bytes: &[u8]| sink.push(bytes.to_vec());
        Ok(self.0.post(&request.path, headers, request.body, &mut on_bytes).await?)
    }
}
