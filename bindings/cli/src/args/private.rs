//! Arguments of who reads what: sealing, relays; and of how such servers listen.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use lazai_facade::native::listening::Listening;

/// How what is said gets to a node.
#[derive(Debug, Clone, Default, ClapArgs)]
#[group(skip)]
pub(crate) struct Way {
    /// URL of an oblivious relay that serves the node: the node does not see this machine's address, the relay does not see what is said.
    #[arg(long, value_name = "URL")]
    pub relay: Option<String>,
    /// Sends nothing that is not sealed to the node. Without it, what is said is sealed where the node offers it.
    #[arg(long)]
    pub only_sealed: bool,
    /// A policy (JSON) of the programs that may read what is said: the node has to show by a hardware quote that one of them holds its key, or
    /// nothing is sent.
    #[arg(long, value_name = "FILE")]
    pub enclave: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example: lazai relay --node https://node.example --address 0.0.0.0:8030\n\nWho runs a relay should not run the node \
                        behind it: together they see who said what."
)]
pub(crate) struct Relay {
    /// URL of a node that is relayed to; may be given several times.
    #[arg(long, required = true)]
    pub node: Vec<String>,
    /// A file (PEM) with the certificate authorities that the nodes' certificates are held to, instead of public ones.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The address to listen at.
    #[arg(long, default_value = "127.0.0.1:8030")]
    pub address: String,
    #[command(flatten)]
    pub hearing: Hearing,
}

/// How a server that anybody may reach listens: a relay, a facilitator.
#[derive(Debug, ClapArgs)]
#[group(skip)]
pub(crate) struct Hearing {
    /// The certificate for TLS in a PEM file, with those between it and a root; a renewed file is read again.
    #[arg(long, requires = "tls_key")]
    pub tls_certificates: Option<PathBuf>,
    /// Its private key in a PEM file.
    #[arg(long, requires = "tls_certificates")]
    pub tls_key: Option<PathBuf>,
    /// Requests in a minute from one address (IPv6: one /64); 0: any number. This machine's own addresses are not counted.
    #[arg(long, default_value_t = 240, value_name = "N")]
    pub address_requests: u32,
    /// A proxy, or a network of proxies (10.0.0.0/8), whose X-Forwarded-For tells from whom a request is; may be given several times.
    #[arg(long, value_name = "NETWORK")]
    pub trusted_proxy: Vec<String>,
    /// Stops when the input ends, as it does at SIGTERM.
    #[arg(long)]
    pub until_input_ends: bool,
}

impl Hearing {
    /// The same for the library.
    pub(crate) fn at(self, address: String) -> Listening {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let tls = self.tls_certificates.zip(self.tls_key);
        Listening {
            address,
            tls: tls.map(|(certificates, key)| (text(certificates), text(key))),
            address_requests: self.address_requests,
            trusted_proxies: self.trusted_proxy,
        }
    }
}
