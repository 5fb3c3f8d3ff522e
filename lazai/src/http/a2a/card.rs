//! Agent cards: what an agent of others finds at `/.well-known/agent-card.json`.

use axum::http::{HeaderMap, header};
use serde_json::{Value, json};

/// Where the card of all characters is.
pub(in crate::http) const CARD: &str = "/.well-known/agent-card.json";
/// The endpoint of all characters; those of each, and their cards, are below it.
pub(in crate::http) const ENDPOINT: &str = "/a2a";
/// The extension by which agents are paid.
pub(in crate::http) const X402: &str = "https://github.com/google-agentic-commerce/a2a-x402/blob/main/spec/v0.1";

/// Set on requests that came over TLS.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct OverTls;

/// A character, as a skill.
pub(in crate::http) struct Skill {
    pub id: String,
    pub name: String,
    /// Its prices, in words.
    pub about: String,
}

/// Who serves the card.
pub(in crate::http) enum Whose {
    /// A node: it wants payments.
    Node,
    /// The loopback proxy: it pays, for who has its key.
    Proxy,
}

/// The URL at which a server was asked, as far as the request says it.
pub(in crate::http) fn base(headers: &HeaderMap, over_tls: bool) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_name = |host: &&str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        !host.is_empty() && host.len() <= 255 && host.bytes().all(is_part)
    };
    let host = text(header::HOST.as_str()).filter(is_name).unwrap_or("localhost");
    let is_tls = over_tls || text("x-forwarded-proto") == Some("https");
    format!("{}://{host}", if is_tls { "https" } else { "http" })
}

/// The card of one character, or of all.
pub(in crate::http) fn card(whose: &Whose, base: &str, one: Option<&str>, skills: &[Skill]) -> Value {
    let url = match one {
        Some(id) => format!("{base}{ENDPOINT}/{id}"),
        None => format!("{base}{ENDPOINT}"),
    };
    let names: Vec<&str> = skills.iter().map(|skill| skill.name.as_str()).collect();
    let name = match names[..] {
        [name] => name.to_owned(),
        _ => "Characters of LazAI".to_owned(),
    };
    let (about, capabilities) = match whose {
        Whose::Node => {
            let pays = json!({
                "uri": X402, "description": "A message is answered with what a session costs; replies are paid over HTTP.", "required": true,
            });
            let about = "Replies are paid: a message is answered with the offers under which a session is opened.";
            (about, json!({"streaming": false, "pushNotifications": false, "extensions": [pays]}))
        }
        Whose::Proxy => {
            let about = "Replies are paid by the proxy, within its budget; every receipt is checked.";
            (about, json!({"streaming": true, "pushNotifications": false}))
        }
    };
    let skill = |skill: &Skill| {
        json!({
            "id": skill.id, "name": skill.name, "description": skill.about, "tags": ["character", "chat"],
            "examples": ["Who are you?"],
        })
    };
    let interface = |version: &str| json!({"url": url, "protocolBinding": "JSONRPC", "protocolVersion": version});
    let mut card = json!({
        "name": name, "description": format!("{} {about}", names.join(", ")).trim(), "version": env!("CARGO_PKG_VERSION"),
        "protocolVersion": "0.3.0", "url": url, "preferredTransport": "JSONRPC",
        "supportedInterfaces": [interface("1.0"), interface("0.3")],
        "capabilities": capabilities, "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"],
        "skills": skills.iter().map(skill).collect::<Vec<_>>(),
    });
    if let Whose::Proxy = whose {
        // Both versions' forms of the same.
        card["securitySchemes"] =
            json!({"key": {"type": "http", "scheme": "bearer", "httpAuthSecurityScheme": {"scheme": "bearer"}}});
        card["security"] = json!([{"key": []}]);
        card["securityRequirements"] = json!([{"schemes": {"key": {"list": []}}}]);
    }
    card
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_card_names_no_host_that_is_none() {
        let host = |name: &str| HeaderMap::from_iter([(header::HOST, name.parse().unwrap())]);
        assert_eq!(base(&host("node.example:8028"), false), "http://node.example:8028");
        assert_eq!(base(&host("[::1]:8029"), true), "https://[::1]:8029");
        for wrong in ["", "a b", "evil.example/\"", "a@b"] {
            assert_eq!(base(&host(wrong), false), "http://localhost");
        }
    }
}
