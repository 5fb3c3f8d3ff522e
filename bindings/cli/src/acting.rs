//! Who acts, and on which market.

use std::path::PathBuf;
use std::sync::Arc;

use lazai_facade::native::market::Market;
use lazai_facade::{LazaiError, LocalKey};
use serde_json::Value;

use crate::args::Acting;
use crate::local::Local;
use crate::read;

/// The market and the acting key: in a local market, that of the role.
pub(crate) fn acting(acting: &Acting, role: &str) -> Result<(Arc<Market>, Arc<LocalKey>), LazaiError> {
    let local = acting.local.as_deref().map(Local::open).transpose()?;
    let key = match (&acting.keystore, &acting.password_file, &local) {
        (Some(keystore), Some(password), _) => {
            let password = String::from_utf8_lossy(&read(password)?).trim_end_matches(['\r', '\n']).to_owned();
            LocalKey::from_keystore(keystore.to_string_lossy().into_owned(), password)?
        }
        (.., Some(local)) => local.key(acting.role.as_deref().unwrap_or(role))?,
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
