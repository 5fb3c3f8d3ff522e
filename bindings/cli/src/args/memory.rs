//! Arguments of `memory`, and of verbs that remember.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

/// What a conversation remembers.
#[derive(Debug, ClapArgs)]
pub(crate) struct Remember {
    /// The most tokens of what is recalled for a message.
    #[arg(long, default_value_t = 512, requires = "memory")]
    pub memory_tokens: u32,
    /// The folder of a sentence encoder (as all-MiniLM-L6-v2), with which what is recalled is found by meaning, too.
    #[arg(long, value_name = "FOLDER", requires = "memory")]
    pub memory_encoder: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples: lazai memory list mira.lzm --local market; lazai memory forget mira.lzm --local market --id 00c0ffee00c0ffee"
)]
pub(crate) struct Memory {
    #[command(subcommand)]
    pub action: MemoryAction,
}

/// A memory, and the key that opens it.
#[derive(Debug, ClapArgs)]
pub(crate) struct MemoryAt {
    /// The file of the memory.
    pub file: PathBuf,
    /// The folder of a market that `local` founded, whose consumer the memory is of.
    #[arg(long, required_unless_present = "keystore", conflicts_with = "keystore")]
    pub local: Option<PathBuf>,
    /// Another role of the local market.
    #[arg(long, requires = "local", default_value = "consumer")]
    pub role: String,
    /// The keystore file (version 3) of the account whose memory it is.
    #[arg(long, requires = "password_file")]
    pub keystore: Option<PathBuf>,
    /// The file with its password.
    #[arg(long, requires = "keystore")]
    pub password_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MemoryAction {
    /// Lists all entries, the oldest first.
    List {
        #[command(flatten)]
        at: MemoryAt,
    },
    /// Shows an entry in full.
    Show {
        #[command(flatten)]
        at: MemoryAt,
        /// The entry's number.
        #[arg(long)]
        id: String,
    },
    /// Shows what a message would recall.
    Recall {
        #[command(flatten)]
        at: MemoryAt,
        /// The message.
        #[arg(long)]
        said: String,
        /// The most tokens.
        #[arg(long, default_value_t = 512)]
        memory_tokens: u32,
        /// The base model, whose tokenizer counts; without it, three bytes are taken for a token.
        #[arg(long)]
        tokenizer: Option<PathBuf>,
        /// The folder of a sentence encoder (as all-MiniLM-L6-v2): found by meaning, too.
        #[arg(long, value_name = "FOLDER")]
        memory_encoder: Option<PathBuf>,
    },
    /// Adds a note of your own.
    Note {
        #[command(flatten)]
        at: MemoryAt,
        /// The words.
        #[arg(long)]
        text: String,
    },
    /// Changes an entry's words.
    Edit {
        #[command(flatten)]
        at: MemoryAt,
        /// The entry's number.
        #[arg(long)]
        id: String,
        /// The new words.
        #[arg(long)]
        text: String,
    },
    /// Has an entry in every prompt, as far as the budget reaches.
    Pin {
        #[command(flatten)]
        at: MemoryAt,
        /// The entry's number.
        #[arg(long)]
        id: String,
        /// No longer.
        #[arg(long)]
        off: bool,
    },
    /// Forgets entries: they are gone from the file. Copies of the file still have them.
    Forget {
        #[command(flatten)]
        at: MemoryAt,
        /// An entry's number; may be given several times.
        #[arg(long, required_unless_present = "all", conflicts_with = "all")]
        id: Vec<String>,
        /// Everything.
        #[arg(long)]
        all: bool,
    },
    /// Writes all entries in clear, as JSON, one a line.
    Export {
        #[command(flatten)]
        at: MemoryAt,
        /// The file to write; the output by default.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Adds the entries of an export that are not there yet.
    Import {
        #[command(flatten)]
        at: MemoryAt,
        /// The file of the export.
        #[arg(long)]
        from: PathBuf,
    },
}
