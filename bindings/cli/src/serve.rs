//! `serve`: a node.

use std::io::BufRead;

use lazai_facade::native::model::{BaseModel, ServingRoom};
use lazai_facade::native::provider::{Listening, NodeServer, ServedModel};
use pollster::block_on;
use serde_json::json;

use crate::acting::acting;
use crate::args;
use crate::local::Local;
use crate::{Done, Output};

/// Serves one version until the process ends, or until its input does. Vouchers that are due are redeemed on the way, all at the end of
/// the input; a node that is killed goes on with its book when it is started again.
pub(crate) fn serve(verb: args::Serve, input: &mut dyn BufRead, out: &mut Output<'_>) -> Done {
    let (market, key) = acting(&verb.acting, "node")?;
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    // Without a local market, the parser asks for both.
    let class = verb.class.unwrap_or(1);
    let about = market.dat(class, verb.version)?;
    let adapter = match (&verb.adapter, &verb.acting.local) {
        (None, Some(folder)) => Local::open(folder)?.made(class, verb.version)?.adapter,
        (adapter, _) => adapter.as_deref().map(text).unwrap_or_default(),
    };
    let folder = verb.disk.as_deref().map(text);
    let room = ServingRoom { memory_mb: verb.conversation_mb, folder, disk_mb: verb.disk_mb };
    let base = BaseModel::open_to_serve(text(&verb.base), room)?;
    let served = ServedModel {
        class_id: class,
        version: verb.version,
        adapter_folder: adapter,
        prompt_price: verb.prompt_price,
        completion_price: verb.completion_price,
        prompt_ceiling: verb.prompt_ceiling,
        session_s: verb.session_s,
    };
    let tls = verb.tls_certificates.as_deref().map(text).zip(verb.tls_key.as_deref().map(text));
    let listening = Listening { address: verb.address, tls, operations: verb.operations };
    let (book, tokens) = (text(&verb.book), verb.reply_tokens);
    let server = NodeServer::start_at(market, key.clone(), base, vec![served], tokens, book, listening)?;
    let told = json!({"url": server.url(), "node": key.address(), "character": about.character});
    out.tell(&told, |_| format!("{} is served at {} by {}", about.character, server.url(), key.address()))?;
    if verb.until_input_ends {
        std::io::copy(&mut &mut *input, &mut std::io::sink()).map_err(crate::closed)?;
    } else {
        loop {
            std::thread::park();
        }
    }
    let left = block_on(server.redeem())?;
    server.stop();
    out.tell(&json!({"notRedeemed": left}), |_| format!("stopped; {left} sessions could not be redeemed now"))?;
    Ok(left == 0)
}
