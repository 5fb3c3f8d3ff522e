//! The registration file of an agent (ERC-8004): a character, where it is reached, and which token it is.
//!
//! The file is hosted anywhere, or stands in the registry itself as a `data:` URI; the registry's call is in
//! [`settle::agent`](lazai_settle::agent).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use lazai_core::dat::VersionMetadata;
use lazai_core::{Address, ClassId, Domain, LedgerId, VersionNumber};
use serde_json::{Value, json};

use crate::wire::talk::model_id;

/// The type that the file names.
const TYPE: &str = "https://eips.ethereum.org/EIPS/eip-8004#registration-v1";

/// An entry of the registry of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registration {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The registry's contract.
    pub registry: Address,
    /// The agent's number there.
    pub agent: u64,
}

/// A character as an agent.
#[derive(Debug, Clone, Copy)]
pub struct Agent<'a> {
    /// The ledger.
    pub ledger: LedgerId,
    /// Its domain: on a chain, it names chain and contract.
    pub domain: &'a Domain,
    /// The class.
    pub class: ClassId,
    /// The version.
    pub version: VersionNumber,
    /// What the token says of the version.
    pub metadata: &'a VersionMetadata,
    /// What the character is, for people.
    pub description: &'a str,
    /// The URL of a picture.
    pub image: Option<&'a str>,
    /// The URLs of nodes; those of the metadata if there is none.
    pub urls: &'a [String],
    /// True if these nodes take payments by x402.
    pub x402: bool,
    /// Where the agent is registered.
    pub registrations: &'a [Registration],
}

impl Agent<'_> {
    /// The registration file.
    #[must_use]
    pub fn file(&self) -> Value {
        let urls = if self.urls.is_empty() { &self.metadata.endpoints } else { self.urls };
        // `local:` is a node of one process, which nobody else reaches.
        let urls: Vec<&str> =
            urls.iter().map(|url| url.trim_end_matches('/')).filter(|url| url.starts_with("http")).collect();
        let model = model_id(self.class, self.version);
        // Programs that read agents refuse services that they do not know: what is ours stands apart.
        let services = urls.iter().map(|url| {
            json!({"name": "A2A", "endpoint": format!("{url}/a2a/{model}/.well-known/agent-card.json"), "version": "0.3.0"})
        });
        let registrations = self.registrations.iter().map(|Registration { chain_id, registry, agent }| {
            json!({"agentId": agent, "agentRegistry": format!("eip155:{chain_id}:{registry}")})
        });
        let mut file = json!({
            "type": TYPE,
            "name": self.metadata.character,
            "description": self.description,
            "services": services.collect::<Vec<_>>(),
            "x402Support": self.x402,
            "active": true,
            "registrations": registrations.collect::<Vec<_>>(),
            "supportedTrust": ["reputation"],
            "lazai": {
                "model": model,
                "ledger": self.ledger,
                "chainId": self.domain.chain_id,
                "contract": self.domain.verifying_contract,
                "integrityHash": self.metadata.digest(),
                "chat": urls.iter().map(|url| format!("{url}/v1")).collect::<Vec<_>>(),
            },
        });
        if let Some(image) = self.image {
            file["image"] = image.into();
        }
        file
    }
}

/// A registration file as a URI that holds it: what [`register`](lazai_settle::agent::register) takes where nobody hosts the file.
#[must_use]
pub fn data_uri(file: &Value) -> String {
    format!("data:application/json;base64,{}", BASE64.encode(file.to_string()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lazai_core::dat::{AccessPolicy, BaseInfo, Payment, Rating};
    use lazai_core::{Digest, SubmissionId};

    use super::*;

    #[test]
    fn a_file_names_the_token_and_where_it_is_reached() {
        let metadata = VersionMetadata {
            character: "Mira".into(),
            base: BaseInfo { name: "base".into(), digest: Digest::ZERO, licence: "Apache-2.0".into() },
            adapter_digest: Digest::from_bytes([1; 32]),
            voice: None,
            quality: None,
            record_digest: Digest::ZERO,
            submission: SubmissionId::ZERO,
            exex: Address::ZERO,
            policy: AccessPolicy {
                rating: Rating::General,
                minimum_age: 0,
                payment: Payment::Gas,
                consent: "none".into(),
                report_contact: "mailto:a@b.example".into(),
            },
            endpoints: vec!["local:node".into(), "https://node.example/".into()],
        };
        let domain = Domain::random("LazAI Market", "1").unwrap();
        let registry = Address::from_bytes([8; 20]);
        let registrations = [Registration { chain_id: 31_337, registry, agent: 22 }];
        let agent = Agent {
            ledger: LedgerId::ZERO,
            domain: &domain,
            class: ClassId(3),
            version: VersionNumber(2),
            metadata: &metadata,
            description: "She sings.",
            image: None,
            urls: &[],
            x402: false,
            registrations: &registrations,
        };
        let file = agent.file();
        let card = "https://node.example/a2a/dat:3:2/.well-known/agent-card.json";
        assert_eq!(file["services"], json!([{"name": "A2A", "endpoint": card, "version": "0.3.0"}]));
        assert_eq!(file["registrations"][0]["agentRegistry"], format!("eip155:31337:{registry}"));
        assert_eq!(file["lazai"]["integrityHash"], json!(metadata.digest()));
        assert_eq!((file.get("image"), &file["x402Support"]), (None, &false.into()));
        let other =
            Agent { urls: &["http://127.0.0.1:1".to_owned()], image: Some("https://a.example/m.png"), ..agent }.file();
        assert_eq!(other["lazai"]["chat"], json!(["http://127.0.0.1:1/v1"]));
        let uri = data_uri(&other);
        let read = BASE64.decode(uri.strip_prefix("data:application/json;base64,").unwrap()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&read).unwrap(), other);
    }
}
