//! `pay`: buying from a server that speaks x402.

use std::path::Path;

use lazai_facade::native::data::keep_file;
use lazai_facade::native::paying::{PaidAnswer, PayingClient, PaymentMade};
use lazai_facade::{Header, LazaiError, LocalKey, SpendingLimit};
use pollster::block_on;
use serde_json::json;

use crate::acting::key_of;
use crate::args;
use crate::{Done, Output, closed, read};

pub(crate) fn pay(verb: &args::Pay, out: &mut Output<'_>) -> Done {
    let (method, headers, body) = request(verb)?;
    if let Some(file) = &verb.out {
        // Before anything is paid: the answer must have a place.
        let opened = std::fs::OpenOptions::new().append(true).create(true).open(file);
        opened.map_err(|e| LazaiError::new("file", format!("{}: {e}", file.display())))?;
    }
    let key = match (&verb.keystore, &verb.password_file) {
        (Some(keystore), Some(password)) => key_of(keystore, password)?,
        // The parser lets nothing else through but a question.
        _ => LocalKey::random()?,
    };
    let certificates = verb.ca.as_deref().map(read).transpose()?;
    let book = verb.book.as_deref().filter(|_| !verb.ask);
    let client = PayingClient::with(book, key, &limits(verb), certificates.as_deref())?;
    if verb.ask {
        return ask(&client, verb, (method, headers, body), out);
    }
    let answer = block_on(client.buy(method, verb.url.clone(), headers, body))?;
    told(&answer, verb.out.as_deref(), out)?;
    Ok(answer.status < 400)
}

fn ask(
    client: &PayingClient,
    verb: &args::Pay,
    (method, headers, body): (String, Vec<Header>, Vec<u8>),
    out: &mut Output<'_>,
) -> Done {
    let prices = block_on(client.prices(method, verb.url.clone(), headers, body))?;
    if prices.is_empty() {
        out.tell(&json!({"prices": []}), |_| "nothing that can be paid is wanted".into())?;
    }
    for price in prices {
        out.tell(&price, |p| format!("{} of {} on {} to {}", p.amount, p.asset, p.network, p.pay_to))?;
    }
    Ok(true)
}

fn limits(verb: &args::Pay) -> Vec<SpendingLimit> {
    let (Some(network), Some(asset), Some(budget)) = (&verb.network, &verb.asset, &verb.budget) else {
        return Vec::new();
    };
    // Without a book, this request is all that there is; with one and no total, each request has its own budget.
    let total = match (&verb.total, &verb.book) {
        (Some(total), _) => total.clone(),
        (None, Some(_)) => u128::MAX.to_string(),
        (None, None) => budget.clone(),
    };
    let (network, asset, payment) = (network.clone(), asset.clone(), budget.clone());
    vec![SpendingLimit { network, asset, payment, total }]
}

/// The method, the headers and the body.
fn request(verb: &args::Pay) -> Result<(String, Vec<Header>, Vec<u8>), LazaiError> {
    let header = |text: &String| {
        let parts = text.split_once(':').filter(|(name, _)| !name.trim().is_empty());
        let (name, value) =
            parts.ok_or_else(|| LazaiError::new("request.header", format!("{text:.80}: a header is NAME: VALUE")))?;
        Ok(Header { name: name.trim().to_owned(), value: value.trim().to_owned() })
    };
    let mut headers = verb.header.iter().map(header).collect::<Result<Vec<_>, LazaiError>>()?;
    let body = match verb.data.as_deref().map(|data| (data, data.strip_prefix('@'))) {
        Some((_, Some(file))) => read(Path::new(file))?,
        Some((text, None)) => text.as_bytes().to_vec(),
        None => Vec::new(),
    };
    if verb.data.is_some() && !headers.iter().any(|header| header.name.eq_ignore_ascii_case("content-type")) {
        headers.push(Header { name: "content-type".into(), value: "application/json".into() });
    }
    let usual = if verb.data.is_some() { "POST" } else { "GET" };
    Ok((verb.method.clone().unwrap_or_else(|| usual.into()), headers, body))
}

/// Tells what was bought: the body on the output or in the file, what was paid beside it.
fn told(answer: &PaidAnswer, file: Option<&Path>, out: &mut Output<'_>) -> Result<(), LazaiError> {
    if let Some(file) = file {
        keep_file(&file.to_string_lossy(), &answer.body)?;
    }
    if out.json {
        let mut told = json!({"status": answer.status, "payment": answer.payment, "bytes": answer.body.len()});
        match (file, std::str::from_utf8(&answer.body)) {
            (Some(file), _) => told["file"] = json!(file),
            (None, Ok(text)) => told["body"] = json!(text),
            (None, Err(_)) => {
                told["bodyHex"] = json!(answer.body.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
            }
        }
        return out.tell(&told, |_| String::new());
    }
    if file.is_none() {
        out.out.write_all(&answer.body).and_then(|()| out.out.flush()).map_err(closed)?;
    }
    match &answer.payment {
        None => eprintln!("lazai: status {}; nothing was wanted for it", answer.status),
        Some(payment) => eprintln!("lazai: status {}; {}", answer.status, about(payment)),
    }
    Ok(())
}

fn about(payment: &PaymentMade) -> String {
    let PaymentMade { network, asset, amount, pay_to, outcome } = payment;
    let became = match outcome {
        Some(outcome) if outcome.success => format!("transaction {}", outcome.transaction),
        Some(outcome) => format!("the server did not take it: {}", outcome.reason),
        None => "the server says nothing of it".into(),
    };
    format!("{amount} of {asset} on {network} to {pay_to}; {became}")
}

/// The key that servers have to show, out of a file.
pub(crate) fn shown_key(file: &Path) -> Result<String, LazaiError> {
    let text = String::from_utf8(read(file)?);
    let text = text.map_err(|_| LazaiError::new("config", format!("{}: is not UTF-8", file.display())))?;
    let key = text.trim();
    if key.is_empty() {
        return Err(LazaiError::new("config", format!("{}: holds no key", file.display())));
    }
    Ok(key.to_owned())
}
