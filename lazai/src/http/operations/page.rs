//! The status page: HTML without anything from elsewhere. Its pictures are SVG, and it renews itself.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lazai_core::digest::sha256;
use lazai_core::{Amount, Asset};

use super::samples::SPANS;
use super::status::{Amounts, Engine, Hour, Served, Status};

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/refresh.js");

/// What the page may do: show its own style, run its own script, and ask for itself.
pub(super) fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(sha256(text.as_bytes()).as_bytes());
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

/// The page.
pub(super) fn html(status: &Status) -> String {
    let Status { state, version, node, ledger, device, up_s, requests, sessions, last_hour, .. } = status;
    let now = last_hour.spans.iter().rev().skip(1).take(2).map(|span| span.completion_tokens).sum::<u64>();
    let per_s = now as f64 / (2 * last_hour.span_s) as f64;
    let replies: u64 = last_hour.spans.iter().map(|span| span.replies).sum();
    let tiles = [
        ("Sessions open", count(sessions.open), format!("of {}", count(sessions.all))),
        ("Requests in progress", count(requests.under_way as u64), format!("of {}", requests.most)),
        ("Tokens a second", format!("{per_s:.1}"), "in the last minute".into()),
        ("Replies", count(replies), "in the last hour".into()),
    ];
    let tile = |(what, number, of): &(&str, String, String)| {
        format!("<div><dt>{what}</dt><dd>{number} <small>{of}</small></dd></div>")
    };
    let tiles: String = tiles.iter().map(tile).collect();
    let money: String = status.money.iter().map(|money| sums(&money.asset, &money.sums)).collect();
    let money = if money.is_empty() { card("Money", "<p class=soft>Nothing was earned yet.</p>") } else { money };
    format!(
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width, initial-scale=1\">\
         <title>{state} · LazAI node</title><link rel=icon href=\"data:,\"><style>{STYLE}</style></head><body>\n<main>\
         <div class=head><h1>LazAI node</h1><span class=\"state {state}\">{state}</span>\
         <span class=soft>up {up}, version {version}, {device}</span></div>\
         <p class=\"soft long\">node {node}</p><p class=\"soft long\">ledger {ledger}</p>\
         <dl class=tiles>{tiles}</dl>{hour}<div class=grid>{money}{engine}{outcomes}</div>{characters}</main>\n\
         <footer><label><input type=checkbox id=live checked> renew every ten seconds</label>\
         <span><a href=\"/status.json\">as data</a> · <a href=\"/metrics\">for Prometheus</a></span>\
         <span>Sums are at most ten seconds old.</span><span id=said class=late role=status></span></footer>\n\
         <script>{SCRIPT}</script></body></html>\n",
        up = age(*up_s),
        device = escaped(device),
        node = escaped(node),
        ledger = escaped(ledger),
        hour = hour(last_hour),
        engine = status.engine.as_ref().map(engine).unwrap_or_default(),
        outcomes = outcomes(status),
        characters = characters(&status.characters),
    )
}

fn card(title: &str, content: &str) -> String {
    format!("<section class=card><h2>{title}</h2>{content}</section>")
}

/// The tokens of replies in each span of the last hour.
fn hour(hour: &Hour) -> String {
    let per_s = |tokens: u64| tokens as f64 / hour.span_s as f64;
    let most = hour.spans.iter().map(|span| span.completion_tokens).max().unwrap_or_default();
    let mut bars = String::new();
    for (place, span) in hour.spans.iter().enumerate().filter(|(_, span)| span.completion_tokens > 0) {
        let height = (span.completion_tokens as f64 / most as f64 * 96.0).max(1.0);
        let _ = write!(bars, "<rect class=one x={} y={:.1} width=4 height={height:.1} />", place * 5, 100.0 - height);
    }
    let said = format!("Tokens a second in the last hour, at most {:.1}", per_s(most));
    let content = format!(
        "<p class=soft>at most {:.1} a second</p>\
         <svg class=hour role=img aria-label=\"{said}\" viewBox=\"0 0 {} 100\" preserveAspectRatio=none>\
         <path class=rule d=\"M0 4H{width}M0 52H{width}\" vector-effect=non-scaling-stroke />{bars}</svg>\
         <div class=\"axis soft\"><span>an hour ago</span><span>half an hour</span><span>now</span></div>",
        per_s(most),
        SPANS * 5,
        width = SPANS * 5,
    );
    card("Tokens of replies", &content)
}

/// A bar out of parts, and what each of them is.
fn parts(said: &str, parts: &[(&str, &str, f64, String)]) -> String {
    let whole: f64 = parts.iter().map(|(_, _, size, _)| size).sum();
    let (mut bar, mut legend, mut x) = (String::new(), String::new(), 0.0);
    for (class, what, size, number) in parts {
        let width = if whole > 0.0 { size / whole * 1_000.0 } else { 0.0 };
        let _ = write!(bar, "<rect class={class} x={x:.1} width={width:.1} height=10 />");
        let key =
            format!("<svg viewBox=\"0 0 10 10\" aria-hidden=true><rect class={class} width=10 height=10 rx=2 /></svg>");
        let _ = write!(legend, "<li>{key}<span>{what}</span><b>{number}</b></li>");
        x += width;
    }
    format!(
        "<svg class=bar role=img aria-label=\"{said}\" viewBox=\"0 0 1000 10\" preserveAspectRatio=none>\
         <rect class=empty width=1000 height=10 />{bar}</svg><ul class=legend>{legend}</ul>"
    )
}

/// What became of what was earned in an asset.
fn sums(asset: &str, Amounts { owed, signed, redeemed, at_risk }: &Amounts) -> String {
    let less = |from: Amount, what: Amount| from.checked_sub(what).unwrap_or(Amount::ZERO);
    let lost = less(less(*signed, *redeemed), *at_risk);
    let mut all = vec![
        ("one", "redeemed: on the ledger", *redeemed),
        ("three", "at risk: promised, not redeemed yet", *at_risk),
        ("two", "owed: not promised yet", less(*owed, *signed)),
    ];
    if lost != Amount::ZERO {
        all.push(("four", "lost: the session ended before", lost));
    }
    let told: Vec<_> = all
        .into_iter()
        .map(|(class, what, sum)| (class, what, sum.base_units() as f64, grouped(&sum.to_string())))
        .collect();
    let name = asset_name(asset);
    let said = format!("Of {owed} base units owed, {redeemed} are redeemed and {at_risk} at risk");
    let total = format!("<p class=soft>{} base units for all replies</p>", grouped(&owed.to_string()));
    card(&format!("Money in {name}"), &(total + &parts(&said, &told)))
}

/// What was computed, and what was remembered.
fn engine(engine: &Engine) -> String {
    let Engine { steps, read_tokens, known_tokens, disk_tokens, reply_tokens, guessed_tokens, right_guesses } = engine;
    let part = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 };
    let remembered = part(*known_tokens, known_tokens + read_tokens);
    let all = [
        ("one", "remembered from earlier turns", *known_tokens as f64, count(*known_tokens)),
        ("two", "computed", *read_tokens as f64, count(*read_tokens)),
    ];
    let rest = format!(
        "<p class=soft>{} of them came from the disk. {} tokens of replies in {} passes; {} guessed, {:.0} % of these rightly.</p>",
        count(*disk_tokens),
        count(*reply_tokens),
        count(*steps),
        count(*guessed_tokens),
        part(*right_guesses, *guessed_tokens),
    );
    let head = format!("<p class=soft>{remembered:.0} % of the tokens before replies were remembered</p>");
    let said = format!("{known_tokens} tokens remembered, {read_tokens} computed");
    card("Memory of conversations", &(head + &parts(&said, &all) + &rest))
}

/// What became of requests.
fn outcomes(status: &Status) -> String {
    let rows: String = [
        ("served", "served"),
        ("unpaid", "not paid (402)"),
        ("refused", "refused (4xx)"),
        ("limited", "beyond a limit (429)"),
        ("busy", "busy (503)"),
        ("failed", "failed (5xx)"),
        ("left", "client left"),
    ]
    .iter()
    .map(|(outcome, what)| {
        let number = status.requests.outcomes.get(outcome).copied().unwrap_or_default();
        format!("<li><span>{what}</span><b>{}</b></li>", count(number))
    })
    .collect();
    card("Requests since the start", &format!("<ul class=legend>{rows}</ul>"))
}

fn characters(all: &[Served]) -> String {
    let row = |served: &Served| {
        let name = served.name.as_deref().map_or_else(|| "unknown".into(), escaped);
        let offered = if served.offered { "" } else { ", not offered" };
        let sum = |amount: &Amount| grouped(&amount.to_string());
        let Amounts { owed, signed, redeemed, at_risk } = &served.sums;
        format!(
            "<tr><td>{name} <small>{}{offered}</small></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(&served.model),
            asset_name(&served.asset),
            format_args!("{} of {}", count(served.open_sessions), count(served.sessions)),
            sum(owed),
            sum(signed),
            sum(redeemed),
            sum(at_risk),
        )
    };
    let rows: String = all.iter().map(row).collect();
    let head: String = ["Character", "Asset", "Open sessions", "Owed", "Promised", "Redeemed", "At risk"]
        .iter()
        .map(|name| format!("<th scope=col>{name}</th>"))
        .collect();
    let table = format!(
        "<div class=wide role=region aria-label=\"Earnings of each character\" tabindex=0><table>\
         <caption>In base units, over all sessions in the book</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    );
    card("Characters", &table)
}

/// A short name of an asset.
fn asset_name(asset: &str) -> String {
    if asset == Asset::NATIVE.0.to_string() {
        return "coins".into();
    }
    escaped(&asset.chars().take(10).chain("…".chars()).collect::<String>())
}

fn count(number: u64) -> String {
    grouped(&number.to_string())
}

/// Digits in groups of three, with thin spaces that do not break.
fn grouped(digits: &str) -> String {
    let group = |(place, digit): (usize, char)| {
        let gap = if place > 0 && (digits.len() - place).is_multiple_of(3) { "\u{202f}" } else { "" };
        format!("{gap}{digit}")
    };
    digits.chars().enumerate().map(group).collect()
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// Text that others wrote, for HTML.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_written_for_people() {
        assert_eq!((grouped("7"), grouped("1234567")), ("7".into(), "1\u{202f}234\u{202f}567".into()));
        assert_eq!((grouped("123"), grouped("1234")), ("123".into(), "1\u{202f}234".into()));
        assert_eq!((age(59), age(61), age(90_061)), ("59 s".into(), "1 min".into(), "1 d 1 h".into()));
        assert_eq!(escaped("<b onload=\"x\">&'"), "&lt;b onload=&quot;x&quot;&gt;&amp;&#39;");
    }

    #[test]
    fn what_others_named_does_nothing_in_the_page() {
        let served = Served {
            model: "dat:1:1".into(),
            name: Some("</td><script>alert(1)</script>".into()),
            class: 1,
            version: 1,
            asset: Asset::NATIVE.0.to_string(),
            offered: true,
            sessions: 1,
            open_sessions: 1,
            sums: Amounts::default(),
        };
        let html = characters(&[served]);
        assert!(html.contains("&lt;script&gt;alert(1)") && !html.contains("<script"), "{html}");
    }
}
