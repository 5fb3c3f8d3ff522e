//! Who acts, and on which market.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lazai_facade::native::market::Market;
use lazai_facade::{LazaiError, LocalKey};
use serde_json::Value;

use crate::args::{Acting, Place, Reading};
use crate::local::Local;
use crate::read;

/// The market and the acting key: in a local market, that of the role.
pub(crate) fn acting(acting: &Acting, role: &str) -> Result<(Arc<Market>, Arc<LocalKey>), LazaiError> {
    let local = acting.place.local.as_deref().map(Local::open).transpose()?;
    let key = match (&acting.keystore, &acting.password_file, &local) {
        (Some(keystore), Some(password), _) => key_of(keystore, password)?,
        (.., Some(local)) => local.key(acting.role.as_deref().unwrap_or(role))?,
        // The parser lets nothing else through.
        _ => return Err(LazaiError::new("keystore", "--keystore is missing")),
    };
    Ok((market(&acting.place, local.as_ref(), &key.address())?, key))
}

/// The market alone, for who needs no account.
pub(crate) fn at_place(place: &Place) -> Result<Arc<Market>, LazaiError> {
    let local = place.local.as_deref().map(Local::open).transpose()?;
    market(place, local.as_ref(), "reader")
}

/// The market, and the account that is looked at, if one is named.
pub(crate) fn reading(reading: &Reading, role: &str) -> Result<(Arc<Market>, Option<String>), LazaiError> {
    let local = reading.place.local.as_deref().map(Local::open).transpose()?;
    let account = match (&reading.account, &reading.keystore, &reading.password_file, &local) {
        (Some(account), ..) => Some(account.clone()),
        (_, Some(keystore), Some(password), _) => Some(key_of(keystore, password)?.address()),
        (.., Some(local)) => Some(local.key(reading.role.as_deref().unwrap_or(role))?.address()),
        _ => None,
    };
    let reader = account.as_deref().unwrap_or("reader");
    Ok((market(&reading.place, local.as_ref(), reader)?, account))
}

/// The account, of those verbs that need one.
pub(crate) fn named(account: Option<String>) -> Result<String, LazaiError> {
    account.ok_or_else(|| {
        LazaiError::new("keystore", "whose account? --account names its address, or --keystore its file")
    })
}

pub(crate) fn key_of(keystore: &Path, password: &Path) -> Result<Arc<LocalKey>, LazaiError> {
    let password = String::from_utf8_lossy(&read(password)?).trim_end_matches(['\r', '\n']).to_owned();
    LocalKey::from_keystore(keystore.to_string_lossy().into_owned(), password)
}

fn market(place: &Place, local: Option<&Local>, account: &str) -> Result<Arc<Market>, LazaiError> {
    if let Some(local) = local {
        return local.market();
    }
    match (&place.market, &place.rpc, &place.deployment) {
        (Some(folder), ..) => Market::open_folder(folder.to_string_lossy().into_owned()),
        (None, Some(rpc), Some(deployment)) => {
            let deployment = String::from_utf8_lossy(&read(deployment)?).into_owned();
            let folder = place.chain.clone().or_else(|| of_chain(&deployment, account));
            Market::on_chain(rpc.clone(), deployment, folder.map(|f| f.to_string_lossy().into_owned()), place.depth)
        }
        // The parser lets nothing else through.
        _ => Err(LazaiError::new("ledger", "neither a folder nor a chain")),
    }
}

/// The folder for an account on a chain's market in the home directory, if that can be written: `.lazai/CHAIN-CONTRACT/ACCOUNT`.
fn of_chain(deployment: &str, account: &str) -> Option<PathBuf> {
    let deployment: Value = serde_json::from_str(deployment).ok()?;
    let chain = deployment["chain_id"].as_u64()?;
    let contract = deployment["contracts"]["parameters"].as_str()?;
    let is_address = contract.len() == 42 && contract.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let name = is_address.then(|| format!("{chain}-{}", contract.to_ascii_lowercase()))?;
    // The account may be a text of the command line's.
    let is_name = account.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let folder = is_name.then(std::env::home_dir)??.join(".lazai").join(name).join(account);
    std::fs::create_dir_all(&folder).ok().map(|()| folder)
}
