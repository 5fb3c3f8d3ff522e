//! `serve`: a node.

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use lazai_facade::native::book::{Database, NodeBook};
use lazai_facade::native::market::Market;
use lazai_facade::native::model::{BaseModel, ServingRoom};
use lazai_facade::native::prepared::{Listening, PreparedNode, RequestLimits, SoldCredits};
use lazai_facade::native::provider::ServedModel;
use lazai_facade::native::store::is_sealed;
use lazai_facade::native::voice::ServedVoice;
use lazai_facade::{LazaiError, LocalKey};
use pollster::block_on;
use serde_json::json;

use crate::acting::acting;
use crate::args;
use crate::local::Local;
use crate::stopping::{told_to_stop, wait};
use crate::{Done, Output};

/// Serves one version until a signal, or until its input ends if that is asked for. Vouchers that are due are redeemed on the way, all at
/// the end; a node that is killed goes on with its book when it is started again.
pub(crate) fn serve(verb: &args::Serve, input: Box<dyn BufRead + Send>, out: &mut Output<'_>) -> Done {
    let listening = listening(verb);
    listening.check()?;
    check_folder(&verb.book)?;
    let stop = told_to_stop()?;
    let Prepared { node, key, is_sealed } = prepared(verb)?;
    if verb.check {
        return checked(verb, &listening, (&node, &key, is_sealed), out);
    }
    for warning in warnings(verb, &listening) {
        eprintln!("lazai: warning: {warning}");
    }
    let character = node.offered().first().map(|offered| offered.character.clone()).unwrap_or_default();
    let server = node.listen(listening)?;
    let operations = server.operations_url();
    let told = json!({"url": server.url(), "node": key.address(), "character": character, "operations": operations});
    out.tell(&told, |_| {
        let operator = operations.as_ref().map(|at| format!("\nthe operator looks at {at}")).unwrap_or_default();
        format!("{character} is served at {} by {}{operator}", server.url(), key.address())
    })?;
    wait(&stop, verb.until_input_ends.then_some(input));
    if !out.json {
        out.tell(&(), |()| {
            format!("stopping: replies in progress have {} s to end; a second signal ends them at once", verb.drain_s)
        })?;
    }
    let cut_off = server.drain(verb.drain_s);
    let left = block_on(server.redeem())?;
    server.stop();
    let told = json!({"notRedeemed": left, "cutOff": cut_off});
    out.tell(&told, |_| format!("stopped; {cut_off} replies were cut off, {left} sessions could not be redeemed now"))?;
    Ok(left == 0)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn listening(verb: &args::Serve) -> Listening {
    Listening {
        address: verb.address.clone(),
        tls: verb.tls_certificates.as_deref().map(text).zip(verb.tls_key.as_deref().map(text)),
        operations: verb.operations.clone(),
        limits: RequestLimits {
            address_requests: verb.address_requests,
            session_requests: verb.session_requests,
            consumer_requests: verb.consumer_requests,
            limit_loopback: verb.limit_loopback,
            trusted_proxies: verb.trusted_proxy.clone(),
        },
    }
}

/// The node with everything that it needs, and its key.
struct Prepared {
    node: PreparedNode,
    key: Arc<LocalKey>,
    /// True if the adapter is encrypted on the disk.
    is_sealed: bool,
}

fn prepared(verb: &args::Serve) -> Result<Prepared, LazaiError> {
    let (market, key) = acting(&verb.acting, "node")?;
    block_on(market.refresh())?;
    // Without a local market, the parser asks for both.
    let class = verb.class.unwrap_or(1);
    market.dat(class, verb.version).map_err(|error| match &verb.acting.place.local {
        Some(folder) if error.code() == "dat.unknown" => {
            let hint = format!("`lazai local {} --base FILE` mints what is published", folder.display());
            LazaiError::new(error.code(), format!("{}; {hint}", error.detail()))
        }
        _ => error,
    })?;
    let mut trained = None;
    let adapter = match (&verb.adapter, &verb.acting.place.local) {
        (None, Some(folder)) => {
            let made = Local::open(folder)?.made(class, verb.version)?;
            trained = made.voice;
            made.adapter
        }
        (adapter, _) => adapter.as_deref().map(text).unwrap_or_default(),
    };
    let voice = verb.voice.as_deref().zip(verb.character_price.clone()).map(|(package, character_price)| ServedVoice {
        package: text(package),
        character_price,
        character_ceiling: verb.character_ceiling,
        voice_folder: verb.character_voice.as_deref().map(text).or(trained),
    });
    let adapter = if adapter.contains("://") { fetched(&market, &key, &adapter, class, verb)? } else { adapter };
    let is_sealed = is_sealed(Path::new(&adapter));
    let folder = verb.disk.as_deref().map(text);
    let weights = verb.weights.as_deref().map(text);
    let room = ServingRoom { memory_mb: verb.conversation_mb, folder, disk_mb: verb.disk_mb, weights };
    let base = BaseModel::open_to_serve(text(&verb.base), room)?;
    let served = ServedModel {
        class_id: class,
        version: verb.version,
        adapter_folder: adapter,
        prompt_price: verb.prompt_price.clone(),
        completion_price: verb.completion_price.clone(),
        prompt_ceiling: verb.prompt_ceiling,
        session_s: verb.session_s,
        voice,
    };
    let mut book = book_at(&verb.book, verb.database.as_deref(), verb.database_ca.as_deref())?;
    book.quotes = verb.quotes.as_deref().map(text);
    let credits = verb.credit_price.clone().map(|price| SoldCredits { price, period_s: verb.credit_period_s });
    let node = PreparedNode::selling(market, key.clone(), base, vec![served], verb.reply_tokens, &book, credits)?;
    Ok(Prepared { node, key, is_sealed })
}

/// The folder, beside the book, of an adapter that is fetched from a store.
fn fetched(
    market: &Market,
    key: &Arc<LocalKey>,
    store: &str,
    class: u64,
    verb: &args::Serve,
) -> Result<String, LazaiError> {
    let folder = text(&verb.book.join("adapters").join(format!("{class}-{}", verb.version)));
    let (store, version) = (store.to_owned(), verb.version);
    if verb.keep_in_clear {
        market.fetch_adapter(store, class, version, folder.clone())?;
    } else {
        market.fetch_sealed_adapter(key.clone(), store, class, version, folder.clone())?;
    }
    Ok(folder)
}

/// A book in a folder, and in the database whose URL a file holds if there is one.
pub(crate) fn book_at(folder: &Path, url: Option<&Path>, authorities: Option<&Path>) -> Result<NodeBook, LazaiError> {
    let database = |path: &Path| {
        let url = String::from_utf8(crate::read(path)?);
        let url = url.map_err(|_| LazaiError::new("config", format!("{}: is not UTF-8", path.display())))?;
        Ok::<_, LazaiError>(Database {
            url: url.trim().to_owned(),
            authorities: authorities.map(crate::read).transpose()?,
        })
    };
    Ok(NodeBook { folder: text(folder), database: url.map(database).transpose()?, quotes: None })
}

/// What others can read that they should not.
fn readable(verb: &args::Serve) -> Vec<String> {
    let secrets = [&verb.acting.keystore, &verb.acting.password_file, &verb.tls_key, &verb.database];
    secrets.into_iter().flatten().filter(|path| others_may(path, 0o077)).map(|path| text(path)).collect()
}

/// What an operator should know of the settings before anybody else does.
fn warnings(verb: &args::Serve, listening: &Listening) -> Vec<String> {
    let mut warnings: Vec<String> =
        readable(verb).into_iter().map(|path| format!("others on this machine may read {path}")).collect();
    if verb.keep_in_clear {
        warnings
            .push("an adapter that is fetched lies on this machine's disk in clear, as --keep-in-clear says".into());
    }
    if let Some(at) = verb.operations.as_ref().filter(|_| listening.shows_operations()) {
        let reason =
            "is open to anybody who reaches this machine, and has no key: an address such as 127.0.0.1:9464 is not";
        warnings.push(format!("the operator's page at http://{at} {reason}"));
    }
    warnings
}

/// Tells what would be served, and what an operator should know.
fn checked(
    verb: &args::Serve,
    listening: &Listening,
    (node, key, is_sealed): (&PreparedNode, &LocalKey, bool),
    out: &mut Output<'_>,
) -> Done {
    let offered: Vec<_> = node
        .offered()
        .iter()
        .map(|offered| {
            json!({
                "model": offered.model, "character": offered.character, "step": offered.step,
                "promptCeiling": offered.prompt_ceiling, "cardTokens": offered.card_tokens,
            })
        })
        .collect();
    let (taken, warnings) = (listening.in_use()?, warnings(verb, listening));
    let told = json!({
        "checked": offered, "node": key.address(), "address": verb.address, "operations": verb.operations,
        "tls": verb.tls_certificates.is_some(), "readableByOthers": readable(verb), "inUse": taken, "warnings": warnings,
        "adapterSealed": is_sealed,
    });
    out.tell(&told, |_| {
        let scheme = if verb.tls_certificates.is_some() { "https" } else { "http" };
        let served = node.offered().iter().map(|offered| {
            let mut told = format!(
                "{} ({}) would be served at {scheme}://{} by {}; a reply costs at most {} base units\n",
                offered.character,
                offered.model,
                verb.address,
                key.address(),
                offered.step
            );
            if let Some(tokens) = offered.card_tokens {
                told += &format!("its card takes {tokens} of the {} tokens before a reply\n", offered.prompt_ceiling);
            }
            told
        });
        let in_use = "in use: by this node if it runs, else by another program, which must give it up first";
        let warned = taken.iter().map(|at| format!("{at} is {in_use}\n"));
        let warned = warned.chain(warnings.iter().map(|warning| format!("warning: {warning}\n")));
        let operator = verb.operations.as_ref().map(|at| format!("the operator looks at http://{at}\n"));
        // An operator who named a folder knows what is in it.
        let adapter = is_sealed.then(|| "the adapter is encrypted on the disk\n".to_owned());
        let all: String = served.chain(adapter).chain(operator).chain(warned).collect();
        all.trim_end().to_owned()
    })?;
    Ok(true)
}

/// A folder that nobody else may write to, and the node may.
fn check_folder(folder: &Path) -> Result<(), LazaiError> {
    let wrong = |reason: &dyn std::fmt::Display| LazaiError::new("config", format!("{}: {reason}", folder.display()));
    if !folder.exists() {
        // It is made when the first session comes, if it can be: its parents are looked at.
        let parent = folder.ancestors().skip(1).find(|parent| parent.is_dir());
        return parent.map_or(Ok(()), |parent| writable(parent).map_err(|error| wrong(&error)));
    }
    if !folder.is_dir() {
        return Err(wrong(&"is no folder"));
    }
    if others_may(folder, 0o022) {
        return Err(wrong(&"others on this machine may write here; `chmod go-w` keeps the book the node's"));
    }
    writable(folder).map_err(|error| wrong(&error))
}

/// Tries to write into a folder.
fn writable(folder: &Path) -> std::io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let probe = folder.join(format!(".lazai-{}", std::process::id()));
    std::fs::write(&probe, [])?;
    std::fs::remove_file(probe)
}

/// Tells whether the group or others have some of these permissions.
#[cfg(unix)]
fn others_may(path: &Path, permissions: u32) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|about| about.permissions().mode() & permissions != 0)
}

#[cfg(not(unix))]
fn others_may(_: &Path, _: u32) -> bool {
    false
}
