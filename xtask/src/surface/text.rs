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
        let line = without_links(line);
        out.push(if std::mem::take(&mut errors) { format!("Errors: {line}") } else { line });
    }
    out
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

/// Names in backticks as JavaScript has them.
pub fn camel_in_code(line: &str) -> String {
    let parts = line.split('`').enumerate();
    let name = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
    // Codes of errors and words of the formats stay as they are.
    let folded = parts.map(|(at, part)| {
        let is_code = part.contains('.') && part.starts_with(|c: char| c.is_ascii_lowercase());
        if at % 2 == 1 && name(part) && !is_code { camel(part) } else { part.to_owned() }
    });
    folded.collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_rust_become_names() {
        let doc = ["As [`Chat`](crate::Chat) takes it: [`to_json`](Self::to_json).", "# Errors", "As [`say`]."];
        let doc = doc.map(str::to_owned);
        assert_eq!(plain(&doc), ["As `Chat` takes it: `to_json`.", "Errors: As `say`."]);
        assert_eq!(camel_in_code("`to_json`, `json.malformed_x`, to_json"), "`toJson`, `json.malformed_x`, to_json");
    }

    #[test]
    fn names_are_folded() {
        assert_eq!(camel("top_p_milli"), "topPMilli");
        assert_eq!(snake("GasOrQuota"), "gas_or_quota");
    }
}
