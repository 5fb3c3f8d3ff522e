//! Words of the facade's documentation and names, as other languages write them.

/// `snake_case` as `camelCase`.
pub fn camel(name: &str) -> String {
    let mut upper = false;
    name.chars()
        .filter_map(|c| {
            let raised = std::mem::replace(&mut upper, c == '_');
            (c != '_').then(|| if raised { c.to_ascii_uppercase() } else { c })
        })
        .collect()
}

/// `CamelCase` as `snake_case`.
pub fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// Documentation without Rust's links and headings.
pub fn plain(doc: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut errors = false;
    for line in doc {
        if line == "# Errors" {
            errors = true;
            continue;
        }
        if errors && line == "None in practice." {
            break;
        }
        let line = with_dots(&without_links(line));
        out.push(if std::mem::take(&mut errors) { format!("Errors: {line}") } else { line });
    }
    while out.last().is_some_and(String::is_empty) {
        out.pop();
    }
    out
}

/// `` `Chat::to_json` `` is `` `Chat.to_json` ``.
fn with_dots(line: &str) -> String {
    let parts = line.split('`').enumerate();
    parts
        .map(|(at, part)| if at % 2 == 1 { part.replace("::", ".") } else { part.to_owned() })
        .collect::<Vec<_>>()
        .join("`")
}

/// ``[`to_json`](Self::to_json)`` is `` `to_json` ``.
fn without_links(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("[`") {
        let (before, link) = rest.split_at(at);
        let Some(end) = link.find("`]") else { break };
        out += before;
        out += &link[1..=end];
        rest = &link[end + 2..];
        if rest.starts_with('(') {
            rest = rest.find(')').map_or(rest, |close| &rest[close + 1..]);
        }
    }
    out + rest
}

/// Names in backticks as JavaScript has them. Codes of errors and words of formats stay as they are.
pub fn camel_in_code(line: &str, is_name: impl Fn(&str) -> bool) -> String {
    let parts = line.split('`').enumerate().map(|(at, part)| match part.rsplit_once('.') {
        None if at % 2 == 1 && is_name(part) => camel(part),
        Some((owner, name)) if at % 2 == 1 && is_name(owner) && is_name(name) => format!("{owner}.{}", camel(name)),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_rust_become_names() {
        let doc = ["As [`Chat`](crate::Chat) takes it: [`to_json`](Self::to_json).", "# Errors", "As [`say`]."];
        let doc = doc.map(str::to_owned);
        assert_eq!(plain(&doc), ["As `Chat` takes it: `to_json`.", "Errors: As `say`."]);
        let never = ["`Chat::to_json`.", "", "# Errors", "None in practice."].map(str::to_owned);
        assert_eq!(plain(&never), ["`Chat.to_json`."]);
        let is_name = |name: &str| ["Chat", "to_json"].contains(&name);
        let folded =
            camel_in_code("`to_json`, `Chat.to_json`, `eth_signTypedData_v4`, `json.to_json`, to_json", is_name);
        assert_eq!(folded, "`toJson`, `Chat.toJson`, `eth_signTypedData_v4`, `json.to_json`, to_json");
    }

    #[test]
    fn names_are_folded() {
        assert_eq!(camel("top_p_milli"), "topPMilli");
        assert_eq!(snake("GasOrQuota"), "gas_or_quota");
    }
}
