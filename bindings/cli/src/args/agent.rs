//! Arguments of `agent`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::Reading;

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example: lazai agent 1 --local market --url https://node.example --registry eip155:1:0x8004… --out agent.json"
)]
pub(crate) struct Agent {
    /// The class.
    pub class: u64,
    #[command(flatten)]
    pub reading: Reading,
    /// The version.
    #[arg(long, default_value_t = 1)]
    pub version: u32,
    /// The URL of a node that serves it; again for another. By default those that the token names.
    #[arg(long)]
    pub url: Vec<String>,
    /// The URL of a picture.
    #[arg(long)]
    pub image: Option<String>,
    /// Says that the nodes take payments by x402.
    #[arg(long)]
    pub x402: bool,
    /// The registry, such as eip155:1:0x8004…: prints the call that registers the agent there.
    #[arg(long)]
    pub registry: Option<String>,
    /// The agent's number in that registry, once it has one: the file names it, and the call puts the file in place of the one before.
    #[arg(long, requires = "registry")]
    pub agent_id: Option<u64>,
    /// Where the file will be hosted; by default the registry holds it itself, as a `data:` URI.
    #[arg(long, requires = "registry")]
    pub uri: Option<String>,
    /// Writes the file here.
    #[arg(long)]
    pub out: Option<PathBuf>,
}
