//! Arguments of verbs that act on a market.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

/// The market's place.
#[derive(Debug, ClapArgs)]
#[group(skip)]
#[command(group(clap::ArgGroup::new("where").args(["local", "market", "rpc"]).required(true)))]
pub(crate) struct Place {
    /// The folder of a market that `local` founded.
    #[arg(long)]
    pub local: Option<PathBuf>,
    /// The folder of a market on this machine.
    #[arg(long)]
    pub market: Option<PathBuf>,
    /// URL of a chain's node.
    #[arg(long, requires = "deployment")]
    pub rpc: Option<String>,
    /// The file with the addresses of the market's contracts.
    #[arg(long)]
    pub deployment: Option<PathBuf>,
    /// The folder for what was read of the chain, and for transactions until they are confirmed: the next call goes on from there. By
    /// default one of the account's in `.lazai` in the home directory.
    #[arg(long, requires = "rpc")]
    pub chain: Option<PathBuf>,
    /// The number of confirmations that a transaction needs.
    #[arg(long, default_value_t = 12)]
    pub depth: u64,
}

/// The market and the acting account.
#[derive(Debug, ClapArgs)]
#[group(skip)]
pub(crate) struct Acting {
    #[command(flatten)]
    pub place: Place,
    /// The role of the local market that acts, such as `node`; by default the verb's own.
    #[arg(long, requires = "local", conflicts_with = "keystore")]
    pub role: Option<String>,
    /// The keystore file (version 3) of the acting account.
    #[arg(long, required_unless_present = "local", requires = "password_file")]
    pub keystore: Option<PathBuf>,
    /// The file with its password.
    #[arg(long, requires = "keystore")]
    pub password_file: Option<PathBuf>,
}

/// The market, and an account that is looked at: that needs no key.
#[derive(Debug, ClapArgs)]
#[group(skip)]
pub(crate) struct Reading {
    #[command(flatten)]
    pub place: Place,
    /// The account: its address.
    #[arg(long)]
    pub account: Option<String>,
    /// The role of the local market whose account it is, such as `node`; by default the verb's own.
    #[arg(long, requires = "local", conflicts_with_all = ["account", "keystore"])]
    pub role: Option<String>,
    /// The keystore file (version 3) of the account, in place of its address.
    #[arg(long, requires = "password_file", conflicts_with = "account")]
    pub keystore: Option<PathBuf>,
    /// The file with its password.
    #[arg(long, requires = "keystore")]
    pub password_file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Example: lazai publish mira --local market")]
pub(crate) struct Publish {
    /// The folder that `create` made.
    pub folder: PathBuf,
    #[command(flatten)]
    pub acting: Acting,
    /// The folder of the store that validators and ExEx read, or its URL, such as s3://bucket/prefix (feature `object-store`).
    #[arg(long, required_unless_present = "local")]
    pub store: Option<PathBuf>,
    /// The ExEx that may open the dataset (JSON with its address and sealing key).
    #[arg(long, required_unless_present = "local")]
    pub exex: Option<PathBuf>,
    /// Your number for the submission: the same number is the same submission.
    #[arg(long, default_value_t = 1)]
    pub nonce: u64,
    /// Does not wait for the model.
    #[arg(long)]
    pub no_wait: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Example: lazai local market --base model.gguf, and in another terminal\n  \
                        lazai create card.png chats.jsonl --local market --base model.gguf --out mira ...\n  \
                        lazai publish mira --local market\n  \
                        lazai serve --local market --base model.gguf --prompt-price 1 --completion-price 4 --book node\n  \
                        lazai chat --local market --node http://127.0.0.1:8028 --deposit 1000000 --conversation talk.json")]
pub(crate) struct Local {
    /// The folder of the market.
    pub folder: PathBuf,
    /// The base model (GGUF) that the ExEx trains; without it, the market is founded and nobody plays.
    #[arg(long)]
    pub base: Option<PathBuf>,
    /// The folder of the base voice's assets (of the package hibari-tts 0.2.1), for the ExEx to train voices: of recordings whose consent
    /// names the voice.
    #[arg(long, requires = "base", value_name = "FOLDER")]
    pub voice: Option<PathBuf>,
    /// Most steps of a training.
    #[arg(long)]
    pub steps: Option<u32>,
    /// Ends when nothing is left to do; otherwise it goes on until it is killed, which loses nothing.
    #[arg(long)]
    pub once: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Chat {
    #[command(flatten)]
    pub acting: Acting,
    /// URL of the node.
    #[arg(long)]
    pub node: String,
    /// The model at the node; the first by default.
    #[arg(long)]
    pub model: Option<String>,
    /// The deposit of a new session, in base units; `end` gives the unspent part back.
    #[arg(long)]
    pub deposit: Option<String>,
    /// The file that keeps the conversation with its receipts. If it exists, its session goes on; if not, one is opened.
    #[arg(long)]
    pub conversation: PathBuf,
    /// The base model (a GGUF file, or a folder with tokenizer.json): receipts are recounted with its tokenizer. Without
    /// it, receipts are only held to bounds.
    #[arg(long)]
    pub tokenizer: Option<PathBuf>,
    /// A file (PEM) with the certificate authorities that the node's certificate is held to, instead of public ones.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    #[command(flatten)]
    pub way: super::Way,
    /// The file for what is said, sealed to your key: what fits a message is recalled into it.
    #[arg(long, value_name = "FILE")]
    pub memory: Option<PathBuf>,
    #[command(flatten)]
    pub remember: super::Remember,
    /// Has the character sum up what was said, each time a conversation begins: a reply that is paid as any other.
    #[arg(long, requires = "memory")]
    pub memory_summaries: bool,
}

/// `chat`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Talk {
    #[command(flatten)]
    pub chat: Chat,
    #[command(flatten)]
    pub aloud: Aloud,
}

/// Replies that are spoken.
#[derive(Debug, ClapArgs)]
pub(crate) struct Aloud {
    /// Has each reply spoken with the character's voice, which is paid by the character of text, and plays it while it is made: by pw-cat,
    /// paplay, aplay, play or ffplay, the first that is here.
    #[arg(long)]
    pub speak: bool,
    /// Has each reply spoken into a WAV file in this folder; with --speak, both.
    #[arg(long, value_name = "FOLDER")]
    pub speak_to: Option<PathBuf>,
    /// The most that speaking one reply may cost, in base units; by default what one reply may cost under the session's offer.
    #[arg(long, value_name = "BASE UNITS")]
    pub speak_most: Option<String>,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example:\n  lazai say \"The city never sleeps.\" --out line.wav --local market --node http://127.0.0.1:8028 \
                        --deposit 1000000 --conversation talk.json"
)]
pub(crate) struct Say {
    /// The text.
    pub text: String,
    /// The file (WAV).
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
    /// The most that is paid for it, in base units; by default what one reply may cost under the session's offer.
    #[arg(long, value_name = "BASE UNITS")]
    pub most: Option<String>,
    /// The pace, as a part of the voice's own: 0.5 to 2.
    #[arg(long, default_value_t = 1.0)]
    pub speed: f64,
    #[command(flatten)]
    pub chat: Chat,
}

#[derive(Debug, ClapArgs)]
#[command(group(clap::ArgGroup::new("how").required(true)))]
pub(crate) struct End {
    /// The file of the conversation.
    pub conversation: PathBuf,
    #[command(flatten)]
    pub acting: Acting,
    /// URL of the node: the session ends at once, by its consent.
    #[arg(long, group = "how")]
    pub node: Option<String>,
    /// A file (PEM) with the certificate authorities that the node's certificate is held to, instead of public ones.
    #[arg(long, value_name = "FILE", requires = "node")]
    pub ca: Option<PathBuf>,
    #[command(flatten)]
    pub way: super::Way,
    /// Ends the session without the node, in two steps: the first asks the ledger for the end, and tells from when the second call
    /// gives the rest back. The node may redeem in between.
    #[arg(long, group = "how")]
    pub alone: bool,
}

/// Whom a proxy pays, from what, and how much at most.
#[derive(Debug, ClapArgs)]
#[group(skip)]
pub(crate) struct Paying {
    #[command(flatten)]
    pub acting: Acting,
    /// URL of a node; may be given several times. Nodes that serve the same version are one model, and stand in for one another; URLs
    /// of one node share its sessions.
    #[arg(long, required = true)]
    pub node: Vec<String>,
    /// A file (PEM) with the certificate authorities that the nodes' certificates are held to, instead of public ones.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    #[command(flatten)]
    pub way: super::Way,
    /// The most that is spent or reserved in all, in base units, over every start on the folder.
    #[arg(long)]
    pub budget: String,
    /// The deposit of a session, in base units; what is not spent of it comes back.
    #[arg(long)]
    pub deposit: String,
    /// The most that one reply may cost, in base units.
    #[arg(long)]
    pub reply: String,
    /// The most that is spent in a day (UTC), in base units.
    #[arg(long)]
    pub day: Option<String>,
    /// The most that is spent for one version of a character, in base units.
    #[arg(long)]
    pub character: Option<String>,
    /// The most replies of a character at a time, each in a session of its own.
    #[arg(long, default_value_t = 4)]
    pub sessions: u32,
    /// Seconds of the longest session that is opened.
    #[arg(long, default_value_t = 86_400)]
    pub session_s: u64,
    /// The folder for the proxy's book, its conversations with their receipts, and its key.
    #[arg(long)]
    pub folder: PathBuf,
    /// The base model (a GGUF file, or a folder with tokenizer.json): receipts are recounted with its tokenizer. Without
    /// it, receipts are only held to bounds.
    #[arg(long)]
    pub tokenizer: Option<PathBuf>,
    /// The folder for what is said, a file for each character, sealed to your key: what fits a request is recalled into it.
    #[arg(long, value_name = "FOLDER")]
    pub memory: Option<PathBuf>,
    #[command(flatten)]
    pub remember: super::Remember,
    /// A folder for evidence of each reply, in files that only you can read: `recheck` repeats the reply. They have all that was said.
    #[arg(long, value_name = "FOLDER")]
    pub evidence: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example: lazai proxy --local market --node http://127.0.0.1:8028 --budget 1000000 --deposit 50000 --reply 3000 --folder proxy"
)]
pub(crate) struct Proxy {
    #[command(flatten)]
    pub paying: Paying,
    /// The address to listen at, of this machine only.
    #[arg(long, default_value = "127.0.0.1:8029")]
    pub address: String,
    /// Stops when the input ends, as it does at SIGTERM.
    #[arg(long)]
    pub until_input_ends: bool,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example: lazai mcp --local market --node http://127.0.0.1:8028 --budget 1000000 --deposit 50000 --reply 3000 --folder agent"
)]
pub(crate) struct Mcp {
    #[command(flatten)]
    pub paying: Paying,
    /// The folder whose files agents may look at; without it, none.
    #[arg(long, value_name = "FOLDER")]
    pub files: Option<PathBuf>,
    /// Serves over HTTP, at an address of this machine only, for whoever has the key; by default, one agent is served over the standard
    /// input and output.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Stops when the input ends, as it does at SIGTERM.
    #[arg(long, requires = "listen")]
    pub until_input_ends: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Example: lazai receipts proxy talk.json --local market --day 2027-01-31 --csv")]
pub(crate) struct Receipts {
    /// Folders of proxies, and files of conversations as `chat` keeps them.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// The folder of the market that the sessions are on: signatures are checked again. Without a market, receipts are as their
    /// files claim.
    #[arg(long, visible_alias = "local", conflicts_with = "deployment")]
    pub market: Option<PathBuf>,
    /// The file with the addresses of the market's contracts, for a market on a chain.
    #[arg(long)]
    pub deployment: Option<PathBuf>,
    /// Of this character: `dat:CLASS:VERSION`, or `CLASS` for all its versions.
    #[arg(long)]
    pub character: Option<String>,
    /// Of this session, or of those whose ids begin so.
    #[arg(long)]
    pub session: Option<String>,
    /// Of this day (UTC), as in 2027-01-31.
    #[arg(long)]
    pub day: Option<String>,
    /// At this price or more, in base units.
    #[arg(long)]
    pub least: Option<u128>,
    /// At this price or less, in base units.
    #[arg(long)]
    pub most: Option<u128>,
    /// Prints comma-separated values (RFC 4180).
    #[arg(long)]
    pub csv: bool,
    /// Also writes evidence of the last reply of each conversation to this folder, in files that only you can read: `recheck` repeats
    /// the reply. They have all that was said.
    #[arg(long, value_name = "FOLDER")]
    pub evidence: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  lazai recheck evidence.json --base model.gguf --adapter adapter\n  \
    lazai recheck record.json --dataset mira.pov --base model.gguf --adapter adapter --steps 5")]
pub(crate) struct Recheck {
    /// Evidence of a reply (JSON), as `receipts --evidence` and `proxy --evidence` write it; with `--dataset`, a training record.
    pub evidence: PathBuf,
    /// The dataset that the training record names (POV): the losses on records that were held out are measured again.
    #[arg(long, conflicts_with_all = ["local", "market", "deployment", "threads", "floats", "portable"])]
    pub dataset: Option<PathBuf>,
    /// The number of training steps to make again, from the first; with `--dataset`. All take as long as the training.
    #[arg(long, requires = "dataset", default_value_t = 0)]
    pub steps: u32,
    /// The base model that receipt or record names (GGUF, or a folder).
    #[arg(long)]
    pub base: PathBuf,
    /// The folder of the adapter that receipt or record names; with `--local`, by default the one that was minted there.
    #[arg(long, required_unless_present = "local")]
    pub adapter: Option<PathBuf>,
    /// The folder of a market that `local` founded: the adapter is the one that was minted there, and the evidence must be of it.
    #[arg(long, conflicts_with_all = ["market", "deployment"])]
    pub local: Option<PathBuf>,
    /// The folder of the market that the session is on: the evidence must be of it.
    #[arg(long, conflicts_with = "deployment")]
    pub market: Option<PathBuf>,
    /// The file with the addresses of the market's contracts, for a market on a chain.
    #[arg(long)]
    pub deployment: Option<PathBuf>,
    /// Threads; as many as the machine has cores by default.
    #[arg(long)]
    pub threads: Option<u32>,
    /// Computes the weights as 32-bit floats; by default as their file has them, as nodes do.
    #[arg(long)]
    pub floats: bool,
    /// Computes by plain loops, which all machines share: slowly.
    #[arg(long)]
    pub portable: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Balance {
    #[command(flatten)]
    pub reading: Reading,
    /// Address of the asset; coins by default.
    #[arg(long, default_value = COINS)]
    pub asset: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Claim {
    /// The class.
    pub class: u64,
    #[command(flatten)]
    pub acting: Acting,
    /// Address of the asset; coins by default.
    #[arg(long, default_value = COINS)]
    pub asset: String,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples: lazai earnings --local market; lazai earnings --market market --account 0x…; lazai earnings --market market --book node --csv"
)]
pub(crate) struct Earnings {
    #[command(flatten)]
    pub reading: Reading,
    /// Everybody's shares.
    #[arg(long, conflicts_with_all = ["account", "book"])]
    pub all: bool,
    /// Only those of this class.
    #[arg(long)]
    pub class: Option<u64>,
    /// The folder of a node's book: what the node earned by each version.
    #[arg(long, value_name = "FOLDER")]
    pub book: Option<PathBuf>,
    /// A file that holds the URL of a PostgreSQL database, in which the sessions of a node's book are, beside its folder; the account says
    /// which node's.
    #[arg(long, value_name = "FILE", requires = "book")]
    pub database: Option<PathBuf>,
    /// The authorities that the database's certificate may be of, in a PEM file; public ones without it.
    #[arg(long, value_name = "FILE", requires = "database")]
    pub database_ca: Option<PathBuf>,
    /// Writes comma-separated values (RFC 4180).
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Example: lazai evidence talk.json --local market --base model.gguf --out shown")]
pub(crate) struct Evidence {
    /// The file of the conversation. Its session is over, or the node has redeemed its last reply.
    pub conversation: PathBuf,
    #[command(flatten)]
    pub acting: Acting,
    /// The base model that you trust (GGUF).
    #[arg(long)]
    pub base: PathBuf,
    /// The folder for `evidence.json` and `anchor.json`.
    #[arg(long)]
    pub out: PathBuf,
    /// The folder of the store, or its URL.
    #[arg(long, required_unless_present = "local")]
    pub store: Option<PathBuf>,
    /// The file of the signed training record.
    #[arg(long, required_unless_present = "local")]
    pub record: Option<PathBuf>,
}

/// The address that stands for the ledger's coins.
pub(crate) const COINS: &str = "0x0000000000000000000000000000000000000000";

#[derive(Debug, ClapArgs)]
#[command(after_help = "Example: lazai propose 6500 2500 1000 --local market")]
pub(crate) struct Propose {
    /// The creator's share, in basis points.
    pub creator: u16,
    /// The node's share.
    pub node: u16,
    /// The pool's share.
    pub pool: u16,
    /// Your name for the proposal: the same name is the same proposal.
    #[arg(long, default_value = "split")]
    pub label: String,
    #[command(flatten)]
    pub acting: Acting,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Proposals {
    #[command(flatten)]
    pub acting: Acting,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Execute {
    /// The proposal's number.
    pub proposal: u64,
    #[command(flatten)]
    pub acting: Acting,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Vote {
    /// The proposal's number.
    pub proposal: u64,
    /// In favour or against.
    #[arg(value_enum)]
    pub choice: Choice,
    #[command(flatten)]
    pub acting: Acting,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Choice {
    Yes,
    No,
}
