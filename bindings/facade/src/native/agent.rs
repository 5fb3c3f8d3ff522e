//! Characters in registries of agents (ERC-8004, ERC-8217): the file, and the calls for a wallet to send.

use lazai::agent::{Agent, Registration, data_uri};
use lazai::core::pov::PublicPart;
use lazai::core::{Address, ClassId, VersionNumber};
use lazai::settle::agent;

use super::market::Market;
use crate::wallet::WalletCall;
use crate::{JsonBytes, LazaiError, record};

record! {
    /// An entry of a registry of agents.
    pub struct AgentRegistration {
        /// EIP-155 chain id.
        pub chain_id: u64,
        /// The registry's contract.
        pub registry: String,
        /// The agent's number there.
        pub agent: u64,
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Market {
    /// The registration file of a version as an agent, as JSON: `urls` are those of its nodes, or those of its token if there is none;
    /// `x402` says whether they take payments by x402.
    ///
    /// # Errors
    /// `dat.unknown`, `hex.…`.
    #[cfg_attr(feature = "uniffi", uniffi::method(default(image = None)))]
    pub fn agent_file(
        &self,
        class_id: u64,
        version: u32,
        urls: Vec<String>,
        x402: bool,
        registrations: Vec<AgentRegistration>,
        image: Option<String>,
    ) -> Result<String, LazaiError> {
        let (class, version) = (ClassId(class_id), VersionNumber(version));
        let metadata = self.version(class, version)?.metadata;
        let market = self.ledger().market();
        let published = market.submission(metadata.submission).map(|state| state.submission.public_part.clone());
        let part = published.and_then(|part| PublicPart::from_bytes(part.as_bytes()).ok());
        let description = part.map(|part| part.character.persona("user")).unwrap_or_default();
        let registrations: Vec<Registration> = registrations
            .into_iter()
            .map(|AgentRegistration { chain_id, registry, agent }| {
                Ok(Registration { chain_id, registry: registry.parse()?, agent })
            })
            .collect::<Result<_, LazaiError>>()?;
        let agent = Agent {
            ledger: market.ledger(),
            domain: market.domain(),
            class,
            version,
            metadata: &metadata,
            description: &description,
            image: image.as_deref(),
            urls: &urls,
            x402,
            registrations: &registrations,
        };
        Ok(agent.file().to_string())
    }
}

/// A registration file as a URI that holds it, for a registry where nobody hosts the file.
///
/// # Errors
/// `json.malformed`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn agent_data_uri(file: JsonBytes) -> Result<String, LazaiError> {
    Ok(data_uri(&serde_json::from_slice(&file)?))
}

/// Registers an agent whose file is at a URI: the sender owns it.
///
/// # Errors
/// `hex.…`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn register_agent_call(registry: String, uri: String) -> Result<WalletCall, LazaiError> {
    call(&registry, &agent::register(&uri))
}

/// Puts an agent's file at another URI: the one that names its own number.
///
/// # Errors
/// `hex.…`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn move_agent_call(registry: String, agent: u64, uri: String) -> Result<WalletCall, LazaiError> {
    call(&registry, &agent::set_uri(agent.into(), &uri))
}

/// Names the contract that binds an agent to a token (ERC-8217).
///
/// # Errors
/// `hex.…`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn bind_agent_call(registry: String, agent: u64, binding: String) -> Result<WalletCall, LazaiError> {
    call(&registry, &agent::set_binding(agent.into(), binding.parse()?))
}

fn call(to: &str, data: &[u8]) -> Result<WalletCall, LazaiError> {
    let to: Address = to.parse()?;
    Ok(WalletCall { to: to.to_string(), value: "0x0".into(), data: format!("0x{}", hex::encode(data)) })
}
