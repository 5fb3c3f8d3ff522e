//! The keys of the file, and the options that they stand for.

/// A key of the file.
#[derive(Debug)]
pub(super) struct Key {
    pub section: &'static str,
    pub name: &'static str,
    /// The option's id at the command line's parser: its name with underscores.
    pub option: &'static str,
    pub kind: Kind,
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.section, self.name)
    }
}

/// What a key's value is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Where to listen.
    Address,
    /// Base units: more than a number of TOML may have.
    Amount,
    Flag,
    List,
    /// A file or a folder, seen from the file's folder.
    Path,
    Text,
    /// A whole number, at most this.
    Whole(u64),
}

impl Kind {
    pub fn expected(self) -> &'static str {
        match self {
            Self::Address => "an address with a port, such as \"127.0.0.1:8028\"",
            Self::Amount => "a whole number, or one as text",
            Self::Flag => "true or false",
            Self::List => "a list of texts",
            Self::Path => "a path as text",
            Self::Text => "a text",
            Self::Whole(SMALL) => "a whole number from 0 to 4294967295",
            Self::Whole(_) => "a whole number",
        }
    }
}

/// The most of a number of 32 bits.
const SMALL: u64 = u32::MAX as u64;
const WHOLE: Kind = Kind::Whole(u64::MAX);

const fn key(section: &'static str, name: &'static str, option: &'static str, kind: Kind) -> Key {
    Key { section, name, option, kind }
}

/// All keys, in the order of the book's table.
pub(super) const KEYS: &[Key] = &[
    key("market", "folder", "market", Kind::Path),
    key("market", "local", "local", Kind::Path),
    key("market", "rpc", "rpc", Kind::Text),
    key("market", "deployment", "deployment", Kind::Path),
    key("market", "chain", "chain", Kind::Path),
    key("market", "depth", "depth", WHOLE),
    key("account", "keystore", "keystore", Kind::Path),
    key("account", "password_file", "password_file", Kind::Path),
    key("account", "role", "role", Kind::Text),
    key("character", "base", "base", Kind::Path),
    key("character", "adapter", "adapter", Kind::Path),
    key("character", "keep_in_clear", "keep_in_clear", Kind::Flag),
    key("character", "class", "class", WHOLE),
    key("character", "version", "version", Kind::Whole(SMALL)),
    key("character", "base_voice", "voice", Kind::Path),
    key("character", "voice", "character_voice", Kind::Path),
    key("terms", "character_price", "character_price", Kind::Amount),
    key("terms", "character_ceiling", "character_ceiling", Kind::Whole(SMALL)),
    key("terms", "credit_price", "credit_price", Kind::Amount),
    key("terms", "credit_period_s", "credit_period_s", WHOLE),
    key("terms", "prompt_price", "prompt_price", Kind::Amount),
    key("terms", "completion_price", "completion_price", Kind::Amount),
    key("terms", "prompt_ceiling", "prompt_ceiling", Kind::Whole(SMALL)),
    key("terms", "reply_tokens", "reply_tokens", Kind::Whole(SMALL)),
    key("terms", "session_s", "session_s", WHOLE),
    key("book", "folder", "book", Kind::Path),
    key("book", "database", "database", Kind::Path),
    key("book", "database_ca", "database_ca", Kind::Path),
    key("book", "quotes", "quotes", Kind::Path),
    key("room", "conversation_mb", "conversation_mb", WHOLE),
    key("room", "disk", "disk", Kind::Path),
    key("room", "disk_mb", "disk_mb", WHOLE),
    key("room", "weights", "weights", Kind::Path),
    key("listen", "address", "address", Kind::Address),
    key("listen", "operations", "operations", Kind::Address),
    key("listen", "drain_s", "drain_s", WHOLE),
    key("listen", "until_input_ends", "until_input_ends", Kind::Flag),
    key("tls", "certificates", "tls_certificates", Kind::Path),
    key("tls", "key", "tls_key", Kind::Path),
    key("limits", "address_requests", "address_requests", Kind::Whole(SMALL)),
    key("limits", "session_requests", "session_requests", Kind::Whole(SMALL)),
    key("limits", "consumer_requests", "consumer_requests", Kind::Whole(SMALL)),
    key("limits", "limit_loopback", "limit_loopback", Kind::Flag),
    key("limits", "trusted_proxies", "trusted_proxy", Kind::List),
    key("traces", "collector", "traces", Kind::Text),
];

/// The sections, in order.
pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    KEYS.iter().map(|key| key.section).filter(move |section| std::mem::replace(&mut last, section) != *section)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write as _;

    use clap::{ArgAction, CommandFactory};

    use super::*;
    use crate::args::Args;

    /// Options that are no part of a node's settings.
    const APART: [&str; 4] = ["config", "check", "help", "json"];

    #[test]
    fn each_option_of_a_node_has_one_key() {
        let args = Args::command();
        let serve = args.find_subcommand("serve").unwrap();
        let options: BTreeSet<_> =
            serve.get_arguments().map(|arg| arg.get_id().as_str()).filter(|id| !APART.contains(id)).collect();
        let keys: BTreeSet<_> = KEYS.iter().map(|key| key.option).collect();
        assert_eq!((keys.len(), keys), (KEYS.len(), options));
        for key in KEYS {
            let action = serve.get_arguments().find(|arg| arg.get_id() == key.option).unwrap().get_action();
            let expected = match key.kind {
                Kind::Flag => matches!(action, ArgAction::SetTrue),
                Kind::List => matches!(action, ArgAction::Append),
                _ => matches!(action, ArgAction::Set),
            };
            assert!(expected, "{}.{}: {action:?}", key.section, key.name);
        }
    }

    /// The book's table of keys is what the parser says of their options.
    #[test]
    fn the_book_says_what_each_key_is() {
        let args = Args::command();
        let serve = args.find_subcommand("serve").unwrap();
        let mut table = "| key | stands for | value | is |\n|---|---|---|---|\n".to_owned();
        for Key { section, name, option, kind } in KEYS {
            let arg = serve.get_arguments().find(|arg| arg.get_id() == option).unwrap();
            let help = arg.get_help().unwrap().to_string().replace('\n', " ");
            let default: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
            let default = if default.is_empty() || matches!(kind, Kind::Flag) {
                String::new()
            } else {
                format!("; `{}` by default", default.join(" "))
            };
            let (value, option) = (kind.expected(), arg.get_long().unwrap());
            writeln!(table, "| `{section}.{name}` | `--{option}` | {value}{default} | {help} |").unwrap();
        }
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/book/src/reference/node-file.md");
        let text = std::fs::read_to_string(&page).unwrap();
        let (begin, end) = ("<!-- keys -->\n\n", "\n<!-- end of keys -->");
        let (before, rest) = text.split_once(begin).unwrap();
        let (found, after) = rest.split_once(end).unwrap();
        if std::env::var_os("LAZAI_WRITE").is_some() {
            std::fs::write(&page, format!("{before}{begin}{table}{end}{after}")).unwrap();
        } else {
            assert_eq!(found, table, "`LAZAI_WRITE=1 cargo test -p lazai-cli` writes the table");
        }
    }

    /// The example beside the units says nothing that is not read.
    #[test]
    fn the_example_is_a_file_of_a_node() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/operate/node.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(super::super::options(&path, &text).unwrap().len() > 10);
        // What is only shown is right, too: every key stands in it.
        let shown: String = text
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|l| l.contains(" = ")).unwrap_or(line))
            .fold(String::new(), |all, line| all + line + "\n");
        assert_eq!(super::super::options(&path, &shown).unwrap().len(), KEYS.len(), "{shown}");
    }
}
