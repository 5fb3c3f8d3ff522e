//! `credits`: replies that are paid without telling by whom.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::{Chat, Place};

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  lazai credits buy 20 --purse credits.json --local market --node http://127.0.0.1:8028 \
                        --deposit 1000000 --conversation buying.json\n  \
                        lazai credits list --purse credits.json\n  \
                        lazai credits chat --purse credits.json --local market --node http://127.0.0.1:8028"
)]
pub(crate) struct Credits {
    #[command(subcommand)]
    pub action: CreditsAction,
}

/// A purse.
#[derive(Debug, ClapArgs)]
pub(crate) struct PurseAt {
    /// The file of your credits, for its owner alone: who reads it can spend them.
    #[arg(long, value_name = "FILE", default_value = "credits.json")]
    pub purse: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CreditsAction {
    /// Buys credits in a session: the account pays, and nobody can tell later which credits are its. Called anew after it was stopped, it
    /// finishes what was ordered.
    Buy {
        /// Credits: each pays one reply. Round numbers, bought long before they are spent, tell least.
        count: u32,
        #[command(flatten)]
        at: PurseAt,
        #[command(flatten)]
        chat: Box<Chat>,
    },
    /// Lists the credits of a purse.
    List {
        #[command(flatten)]
        at: PurseAt,
    },
    /// Talks with a character: a line in, a reply out, a credit for each. No account has a part in it. Without `--relay`, the node sees this
    /// machine's address.
    Chat(Box<CreditTalk>),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CreditTalk {
    #[command(flatten)]
    pub at: PurseAt,
    #[command(flatten)]
    pub place: Place,
    /// URL of the node.
    #[arg(long)]
    pub node: String,
    /// The model at the node; the first by default.
    #[arg(long)]
    pub model: Option<String>,
    /// The file that keeps what is said; without one, nothing is kept.
    #[arg(long, value_name = "FILE")]
    pub conversation: Option<PathBuf>,
    /// The base model (a GGUF file, or a folder with tokenizer.json): receipts are recounted with its tokenizer. Without
    /// it, receipts are only held to bounds.
    #[arg(long)]
    pub tokenizer: Option<PathBuf>,
    /// A file (PEM) with the certificate authorities that the node's certificate is held to, instead of public ones.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    #[command(flatten)]
    pub way: super::Way,
}
