//! Arguments of `serve`. Each has a key in the file that `--config` names (`config/keys.rs`).

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::Acting;

#[derive(Debug, ClapArgs)]
#[command(after_help = "Example: lazai serve --config node.toml --check && lazai serve --config node.toml")]
pub(crate) struct Serve {
    /// A file (TOML) with any of these options; what the command line says stands over it. The book lists its keys.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Reads everything that serving needs, tries the addresses, prints what would be served and what an operator should know, and ends.
    #[arg(long)]
    pub check: bool,
    #[command(flatten)]
    pub acting: Acting,
    /// The base model (a GGUF file, or a folder as Hugging Face has them) that the version was trained on.
    #[arg(long)]
    pub base: PathBuf,
    /// The adapter's folder, in PEFT's files, or the URL of a store that has it, such as s3://bucket/prefix (feature `object-store`); it
    /// must be the one that the ledger names.
    #[arg(long, required_unless_present = "local")]
    pub adapter: Option<PathBuf>,
    /// Keeps an adapter that is fetched from a store in clear; else it is encrypted for this account's key, which has to sign alike each
    /// time.
    #[arg(long)]
    pub keep_in_clear: bool,
    /// The class; with `--local`, the first by default.
    #[arg(long, required_unless_present = "local")]
    pub class: Option<u64>,
    /// The version.
    #[arg(long, default_value_t = 1)]
    pub version: u32,
    /// Price of one token of the conversation before a reply, in base units of coins.
    #[arg(long)]
    pub prompt_price: String,
    /// Price of one token of a reply, in base units of coins.
    #[arg(long)]
    pub completion_price: String,
    /// The folder of the base voice's assets (of the package hibari-tts 0.2.1): the node speaks.
    #[arg(long, value_name = "FOLDER", requires = "character_price")]
    pub voice: Option<PathBuf>,
    /// The folder of the character's voice; with `--local` and without `--adapter`, the one that was trained there. Without one, the node speaks with the base's
    /// own voice, and says that it is not the character's.
    #[arg(long, value_name = "FOLDER", requires = "voice")]
    pub character_voice: Option<PathBuf>,
    /// Price of one character of text that is spoken, in base units of coins.
    #[arg(long, requires = "voice")]
    pub character_price: Option<String>,
    /// Most characters of one request for speech.
    #[arg(long, default_value_t = 4_096, requires = "voice")]
    pub character_ceiling: u32,
    /// Price of one credit, in base units of coins: one whole reply that is paid without telling by whom. Without it, none are sold.
    #[arg(long)]
    pub credit_price: Option<String>,
    /// Seconds of a period of credits, a day or more, whose buyers have one key and one price: a credit is good for as long again after it.
    #[arg(long, default_value_t = 604_800, requires = "credit_price")]
    pub credit_period_s: u64,
    /// Most tokens of a conversation before a reply.
    #[arg(long, default_value_t = 1_024)]
    pub prompt_ceiling: u32,
    /// Most tokens of a reply.
    #[arg(long, default_value_t = 256)]
    pub reply_tokens: u32,
    /// Seconds that a session lasts; at most as many as the market allows.
    #[arg(long, default_value_t = 86_400)]
    pub session_s: u64,
    /// The folder of the node's book: what it must not forget.
    #[arg(long)]
    pub book: PathBuf,
    /// A file that holds the URL of a PostgreSQL database, for the sessions of the book: replicas of the node share it.
    #[arg(long, value_name = "FILE")]
    pub database: Option<PathBuf>,
    /// The authorities that the database's certificate may be of, in a PEM file; public ones without it.
    #[arg(long, value_name = "FILE", requires = "database")]
    pub database_ca: Option<PathBuf>,
    /// A program that makes the hardware quote of each day's sealing key, where the node runs in a confidential machine: it is called with
    /// 128 hexadecimal digits, and writes the quote as JSON.
    #[arg(long, value_name = "PROGRAM")]
    pub quotes: Option<PathBuf>,
    /// Megabytes of memory for conversations: those that are answered, and earlier ones, whose next turns begin behind what was
    /// computed. One of the longest that the ceilings allow must fit.
    #[arg(long, default_value_t = 2_048)]
    pub conversation_mb: u64,
    /// A folder for what has no room in memory: in a file there, encrypted under a key that ends with the node.
    #[arg(long)]
    pub disk: Option<PathBuf>,
    /// Megabytes of that file.
    #[arg(long, default_value_t = 8_192, requires = "disk")]
    pub disk_mb: u64,
    /// A folder for the model's weights as the engine lays them out: written at the first start, mapped at later ones, and shared by
    /// the nodes on this machine. Nobody else may write to it.
    #[arg(long)]
    pub weights: Option<PathBuf>,
    /// The certificate for TLS in a PEM file, with those between it and a root; a renewed file is read again.
    #[arg(long, requires = "tls_key")]
    pub tls_certificates: Option<PathBuf>,
    /// Its private key in a PEM file.
    #[arg(long, requires = "tls_certificates")]
    pub tls_key: Option<PathBuf>,
    /// An address for the operator, such as 127.0.0.1:9464: a status page at /, /status.json, /health, /ready, and /metrics for
    /// Prometheus.
    #[arg(long)]
    pub operations: Option<String>,
    /// The address to listen at.
    #[arg(long, default_value = "127.0.0.1:8028")]
    pub address: String,
    /// Seconds that replies in progress get to end, once the node is told to stop (SIGTERM, SIGINT, the end of its input).
    #[arg(long, default_value_t = 30)]
    pub drain_s: u64,
    /// Requests in a minute from one address (IPv6: one /64); 0: any number. This machine's own addresses are not counted.
    #[arg(long, default_value_t = 600, value_name = "N")]
    pub address_requests: u32,
    /// Signed requests for replies in a minute in one session; 0: any number.
    #[arg(long, default_value_t = 120, value_name = "N")]
    pub session_requests: u32,
    /// Signed requests for replies in a minute by one consumer's key, in all its sessions; 0: any number.
    #[arg(long, default_value_t = 240, value_name = "N")]
    pub consumer_requests: u32,
    /// Counts this machine's own addresses, too.
    #[arg(long)]
    pub limit_loopback: bool,
    /// A proxy, or a network of proxies (10.0.0.0/8), whose X-Forwarded-For tells from whom a request is; may be given several times.
    #[arg(long, value_name = "NETWORK")]
    pub trusted_proxy: Vec<String>,
    /// The URL of an OpenTelemetry collector that takes traces by OTLP over HTTP, such as http://127.0.0.1:4318 (feature `otel`).
    #[arg(long, value_name = "URL")]
    pub traces: Option<String>,
    /// Stops when the input ends, as it does at SIGTERM.
    #[arg(long)]
    pub until_input_ends: bool,
}
