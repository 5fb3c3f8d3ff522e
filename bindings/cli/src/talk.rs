//! `chat` and `vote`.

use std::io::BufRead;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use lazai_facade::native::market::Market;
use lazai_facade::native::node::NodeClient;
use lazai_facade::{Chat, ChatTurn, LazaiError, LocalKey, ReplyListener, ReplySettings, TokenCheck, TokenCounter};
use pollster::block_on;
use serde_json::{Value, json};

use crate::args::{self, Acting};
use crate::local::Local;
use crate::{Done, Output, read};

/// The market and the acting key: in a local market, that of the role.
pub(crate) fn acting(acting: &Acting, role: &str) -> Result<(Arc<Market>, Arc<LocalKey>), LazaiError> {
    let local = acting.local.as_deref().map(Local::open).transpose()?;
    let key = match (&acting.keystore, &acting.password_file, &local) {
        (Some(keystore), Some(password), _) => {
            let password = String::from_utf8_lossy(&read(password)?).trim_end_matches(['\r', '\n']).to_owned();
            LocalKey::from_keystore(keystore.to_string_lossy().into_owned(), password)?
        }
        (.., Some(local)) => local.key(role)?,
        // The parser lets nothing else through.
        _ => return Err(LazaiError::new("keystore", "--keystore is missing")),
    };
    if let Some(local) = local {
        return Ok((local.market()?, key));
    }
    let market = match (&acting.market, &acting.rpc, &acting.deployment) {
        (Some(folder), ..) => Market::open_folder(folder.to_string_lossy().into_owned())?,
        (None, Some(rpc), Some(deployment)) => {
            let deployment = String::from_utf8_lossy(&read(deployment)?).into_owned();
            let folder = acting.chain.clone().or_else(|| of_chain(&deployment, &key.address()));
            Market::on_chain(rpc.clone(), deployment, folder.map(|f| f.to_string_lossy().into_owned()), acting.depth)?
        }
        // The parser lets nothing else through.
        _ => return Err(LazaiError::new("ledger", "neither a folder nor a chain")),
    };
    Ok((market, key))
}

/// The folder for an account on a chain's market in the home directory, if that can be written: `.lazai/CHAIN-CONTRACT/ACCOUNT`.
fn of_chain(deployment: &str, account: &str) -> Option<PathBuf> {
    let deployment: Value = serde_json::from_str(deployment).ok()?;
    let chain = deployment["chain_id"].as_u64()?;
    let contract = deployment["contracts"]["parameters"].as_str()?;
    let is_address = contract.len() == 42 && contract.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let name = is_address.then(|| format!("{chain}-{}", contract.to_ascii_lowercase()))?;
    let folder = std::env::home_dir()?.join(".lazai").join(name).join(account);
    std::fs::create_dir_all(&folder).ok().map(|()| folder)
}

pub(crate) fn vote(verb: &args::Vote, out: &mut Output<'_>) -> Done {
    let (market, key) = acting(&verb.acting, "creator")?;
    let in_favour = matches!(verb.choice, args::Choice::Yes);
    block_on(market.vote(key.clone(), verb.proposal, in_favour))?;
    let voted = json!({"proposal": verb.proposal, "inFavour": in_favour, "voter": key.address()});
    out.tell(&voted, |_| format!("{} voted {:?} on proposal {}", key.address(), verb.choice, verb.proposal))?;
    Ok(true)
}

/// Passes pieces on to a waiting reader.
struct Heard(mpsc::Sender<String>);

impl ReplyListener for Heard {
    fn on_text(&self, text: String) -> bool {
        self.0.send(text).is_ok()
    }
}

pub(crate) fn chat(verb: &args::Chat, input: &mut dyn BufRead, out: &mut Output<'_>) -> Done {
    let (market, key) = acting(&verb.acting, "consumer")?;
    let node = NodeClient::new(verb.node.clone())?;
    let conversation = match std::fs::read_to_string(&verb.conversation) {
        Ok(kept) => kept,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let models = block_on(node.models())?;
            let wanted = |id: &str| verb.model.as_deref().is_none_or(|model| model == id);
            let model = models.into_iter().find(|model| wanted(&model.id));
            let model = model.ok_or_else(|| LazaiError::new("request.model", "the node has no such model"))?;
            block_on(market.open_session(key.clone(), key.clone(), verb.nonce, model, verb.deposit.clone()))?
        }
        Err(error) => return Err(LazaiError::new("file", format!("{}: {error}", verb.conversation.display()))),
    };
    let chat = Chat::new(conversation, market.domain(), key)?;
    if let Some(path) = &verb.tokenizer {
        chat.recount_with(TokenCounter::open(path.to_string_lossy().into_owned())?);
    }
    keep(verb, &chat)?;
    let mut line = String::new();
    while input.read_line(&mut line).map_err(crate::closed)? > 0 {
        let said = std::mem::take(&mut line).trim().to_owned();
        if said.is_empty() {
            continue;
        }
        let (sender, pieces) = mpsc::channel();
        let listener: Arc<dyn ReplyListener> = Arc::new(Heard(sender));
        let (talking, node) = (chat.clone(), node.clone());
        let reply =
            std::thread::spawn(move || block_on(talking.say(said, ReplySettings::default(), node, Some(listener))));
        pieces.iter().for_each(|piece| out.piece(&piece));
        let turn = reply.join().map_err(|_| LazaiError::new("node.transport", "the reply broke off"))?;
        // The received part is kept, even if its payment could not be promised yet.
        keep(verb, &chat)?;
        let turn = turn?;
        out.tell(&turn, told)?;
    }
    Ok(true)
}

/// A reply's receipt, for people.
fn told(turn: &ChatTurn) -> String {
    let ChatTurn { prompt_tokens, completion_tokens, owed, .. } = turn;
    let tokens = match turn.token_check {
        TokenCheck::Bounded => "bounded",
        TokenCheck::Counted => "counted",
    };
    let model = if turn.model_checked { "the ledger's" } else { "claimed" };
    format!("\n  [{prompt_tokens} + {completion_tokens} tokens, {tokens}; model {model}; {owed} promised so far]")
}

fn keep(verb: &args::Chat, chat: &Chat) -> Result<(), LazaiError> {
    lazai_facade::native::data::keep_file(&verb.conversation.to_string_lossy(), chat.to_json()?.as_bytes())
}
