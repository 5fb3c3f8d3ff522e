//! What a log may hold of errors: codes and facts, never words of a request or a reply, nor an account's address.

use lazai_core::quiet::without_addresses;
use tokio::task::JoinError;

use crate::consumer::ConsumerError;
use crate::node::NodeError;

/// Longest code of another server that is told.
const MOST_CODE: usize = 64;

/// A node's error. Another server's message may repeat the words that it was asked, a moderator's reason those that it stopped.
pub(super) fn node(error: &NodeError) -> String {
    match error {
        NodeError::Refused { code, .. } => format!("refused with {}", code_of(code)),
        NodeError::Moderated { .. } => "moderated".into(),
        NodeError::Setting { setting, .. } => format!("the setting {}", code_of(setting)),
        error => without_addresses(error),
    }
}

/// A consumer's error.
pub(super) fn consumer(error: &ConsumerError) -> String {
    match error {
        ConsumerError::Node(error) => node(error),
        error => without_addresses(error),
    }
}

/// The end of a task that gave no result. A panic's message may repeat what the task worked on.
pub(super) fn task(error: &JoinError) -> &'static str {
    if error.is_panic() { "it panicked" } else { "it was stopped" }
}

/// A code as servers have them; anything else in its place is not told.
pub(super) fn code_of(code: &str) -> &str {
    let is_code = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !code.is_empty() && code.len() <= MOST_CODE && code.bytes().all(is_code) { code } else { "no code" }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lazai_core::sign::SignatureError;
    use lazai_core::{Address, LocalSigner, Signer as _};
    use lazai_settle::market::MarketError;

    use super::*;

    #[test]
    fn words_of_others_and_addresses_are_not_told() {
        let account = LocalSigner::from_bytes([7; 32]).unwrap().address();
        let source = SignatureError::WrongSigner { expected: account, found: Address::ZERO };
        let (words, private) = ("my secret words".to_owned(), account.to_string());
        for (error, told) in [
            (NodeError::Refused { code: "node.setting".into(), message: words.clone() }, "refused with node.setting"),
            (NodeError::Refused { code: words.clone(), message: words.clone() }, "refused with no code"),
            (NodeError::Moderated { reason: words.clone() }, "moderated"),
            (NodeError::Setting { setting: "stop".into(), reason: words.clone() }, "the setting stop"),
            (
                NodeError::Market(MarketError::Signature { what: "voucher", source }),
                "voucher: signed by 0x…, expected 0x…",
            ),
            (NodeError::Ledger { reason: format!("{account} has 0 wei") }, "ledger: 0x… has 0 wei"),
        ] {
            assert_eq!(node(&error), told);
            assert!(!consumer(&error.into()).contains(&private));
        }
    }
}
