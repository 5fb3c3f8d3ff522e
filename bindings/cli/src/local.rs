//! `local`: a market in a folder with a key for every role, for trying.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lazai_facade::native::ExExContact;
use lazai_facade::native::data::keep_file;
use lazai_facade::native::exex::{AccessTerms, ExEx, MintedModel, ModelTerms, PaymentMeans, Rating};
use lazai_facade::native::market::{Founding, Funds, Market};
use lazai_facade::native::model::{BaseModel, TrainingSettings};
use lazai_facade::{LazaiError, LocalKey};
use pollster::block_on;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::args;
use crate::{Done, Output, read};

/// Roles with a key.
const ROLES: [&str; 7] = ["creator", "validator-1", "validator-2", "validator-3", "exex", "node", "consumer"];
/// The voters of the DAO among them.
const VOTERS: [&str; 3] = ["creator", "node", "consumer"];
/// The places of the validators among them.
const VALIDATORS: std::ops::Range<usize> = 1..4;
/// The consumer's first balance, in base units of coins.
const FUNDS: &str = "1000000000000000000";
const PASSWORD: &str = "keys/password";
/// The secret that the ExEx's unsealing key is derived from.
const SECRET: &str = "keys/exex-secret";
const MINTED: &str = "minted.json";
/// The pause before the ledger is looked at again.
const PAUSE: Duration = Duration::from_secs(1);

/// The folder of a market with a key for every role.
pub(crate) struct Local(PathBuf);

/// A version that the ExEx minted, and its adapter's folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Made {
    pub class_id: u64,
    pub version: u32,
    pub adapter: String,
    /// The file of the signed training record.
    pub record: String,
}

impl Local {
    /// A folder that was founded.
    pub fn open(folder: &Path) -> Result<Self, LazaiError> {
        if folder.join("genesis.json").is_file() {
            return Ok(Self(folder.to_owned()));
        }
        let folder = folder.display();
        Err(LazaiError::new("file", format!("{folder}: no local market is here; `lazai local {folder}` founds one")))
    }

    /// Founds the market; what is there stays.
    fn found(folder: &Path) -> Result<Self, LazaiError> {
        let local = Self(folder.to_owned());
        if !local.0.join(PASSWORD).is_file() {
            // The keys are worth nothing elsewhere: the password keeps the files in the shape that wallets read.
            let password = LocalKey::random()?.address();
            keep_file(&local.path(PASSWORD), password.as_bytes())?;
        }
        if !local.0.join(SECRET).is_file() {
            // Half of a fresh key's signature is 32 bytes that nobody can guess.
            let signed = LocalKey::random()?.sign_digest(format!("0x{}", "00".repeat(32)))?;
            keep_file(&local.path(SECRET), &signed.as_bytes()[..66])?;
        }
        for role in ROLES {
            if !local.0.join("keys").join(role).is_file() {
                LocalKey::random()?.to_keystore(local.path("keys"), role.to_owned(), local.password()?)?;
            }
        }
        let of = |roles: &[&str]| {
            roles.iter().map(|role| Ok(local.key(role)?.address())).collect::<Result<Vec<_>, LazaiError>>()
        };
        let account = local.key("consumer")?.address();
        let founding = Founding {
            validators: of(&ROLES[VALIDATORS])?,
            voters: of(&VOTERS)?,
            funds: vec![Funds { account, asset: args::COINS.into(), amount: FUNDS.into() }],
        };
        Market::found_folder(local.path(""), founding)?;
        Ok(local)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    pub fn market(&self) -> Result<Arc<Market>, LazaiError> {
        Market::open_folder(self.path(""))
    }

    /// The folder of the store.
    pub fn store(&self) -> String {
        self.path("store")
    }

    pub fn key(&self, role: &str) -> Result<Arc<LocalKey>, LazaiError> {
        if !ROLES.contains(&role) {
            return Err(LazaiError::new(
                "keystore",
                format!("{role}: no role here; the roles are {}", ROLES.join(", ")),
            ));
        }
        LocalKey::from_keystore(self.path(&format!("keys/{role}")), self.password()?)
    }

    fn password(&self) -> Result<String, LazaiError> {
        Ok(String::from_utf8_lossy(&read(Path::new(&self.path(PASSWORD)))?).into_owned())
    }

    /// The ExEx that datasets are sealed to.
    pub fn contact(&self, market: &Arc<Market>) -> Result<ExExContact, LazaiError> {
        self.exex(market.clone()).map(|exex| exex.contact())
    }

    fn exex(&self, market: Arc<Market>) -> Result<Arc<ExEx>, LazaiError> {
        let secret = String::from_utf8_lossy(&read(Path::new(&self.path(SECRET)))?).into_owned();
        ExEx::new(market, self.key("exex")?, secret, self.store(), self.path("exex"))
    }

    /// The version of a class that was minted here.
    pub fn made(&self, class_id: u64, version: u32) -> Result<Made, LazaiError> {
        let made = self.all_made()?.into_iter().find(|made| made.class_id == class_id && made.version == version);
        made.ok_or_else(|| {
            LazaiError::new("dat.unknown", format!("class {class_id}, version {version} was not minted here"))
        })
    }

    fn all_made(&self) -> Result<Vec<Made>, LazaiError> {
        match std::fs::read(self.path(MINTED)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(LazaiError::new("file", format!("{}: {error}", self.path(MINTED)))),
        }
    }
}

pub(crate) fn local(verb: &args::Local, out: &mut Output<'_>) -> Done {
    let local = Local::found(&verb.folder)?;
    let market = local.market()?;
    let keys = ROLES.iter().map(|role| Ok((*role, local.key(role)?))).collect::<Result<Vec<_>, LazaiError>>()?;
    let roles: Vec<_> = keys.iter().map(|(role, key)| (role, key.address())).collect();
    let founded = json!({"folder": local.path(""), "ledger": market.ledger_id(), "roles": roles, "voters": VOTERS});
    out.tell(&founded, |_| {
        let votes = |role: &str| if VOTERS.contains(&role) { " (votes)" } else { "" };
        let roles: String =
            roles.iter().map(|(role, address)| format!("\n  {role:12} {address}{}", votes(role))).collect();
        format!("market {} in {}{roles}", market.ledger_id(), verb.folder.display())
    })?;
    let Some(base) = &verb.base else { return Ok(true) };
    let base = BaseModel::open(base.to_string_lossy().into_owned())?;
    let settings = TrainingSettings { max_steps: verb.steps, ..TrainingSettings::default() };
    let exex = local.exex(market.clone())?;
    let mut failed = BTreeSet::new();
    loop {
        let attested = attest(&local, &market, &keys[VALIDATORS], &mut failed, out)?;
        let mut minted = 0;
        for id in block_on(exex.follow())? {
            if failed.contains(&id) {
                continue;
            }
            let listener = crate::trust::listener(out.json);
            match exex.fine_tune(id.clone(), base.clone(), settings.clone(), terms(), listener) {
                Ok(model) => {
                    local.keep(&model)?;
                    minted += 1;
                    let told = json!({"submission": id, "minted": model});
                    out.tell(&told, |_| {
                        format!(
                            "minted: class {}, version {}, in {}",
                            model.class_id, model.version, model.adapter.folder
                        )
                    })?;
                }
                Err(error) => refuse(id, &error, &mut failed, out)?,
            }
        }
        if verb.once && attested + minted == 0 {
            return Ok(failed.is_empty());
        }
        if attested + minted == 0 {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Each validator attests what waits for it; tells how many did.
fn attest(
    local: &Local,
    market: &Arc<Market>,
    validators: &[(&str, Arc<LocalKey>)],
    failed: &mut BTreeSet<String>,
    out: &mut Output<'_>,
) -> Result<usize, LazaiError> {
    let mut attested = 0;
    for (role, validator) in validators {
        for id in block_on(market.pending(validator.address()))? {
            if failed.contains(&id) {
                continue;
            }
            match block_on(market.attest(validator.clone(), local.store(), id.clone(), None)) {
                Ok(state) => {
                    attested += 1;
                    out.tell(&json!({"submission": id, "attestedBy": role, "status": state.status}), |_| {
                        format!("{role} attests {id}: {}", state.status)
                    })?;
                }
                Err(error) => refuse(id, &error, failed, out)?,
            }
        }
    }
    Ok(attested)
}

/// Nobody asks for it again in this run.
fn refuse(
    id: String,
    error: &LazaiError,
    failed: &mut BTreeSet<String>,
    out: &mut Output<'_>,
) -> Result<(), LazaiError> {
    let mut told = crate::refusal(error);
    told["submission"] = id.clone().into();
    out.tell(&told, |_| format!("{id}: {} ({})", error.detail(), error.code()))?;
    failed.insert(id);
    Ok(())
}

impl Local {
    /// Remembers where a version's adapter is.
    fn keep(&self, model: &MintedModel) -> Result<(), LazaiError> {
        let (class_id, version) = (model.class_id, model.version);
        let mut all = self.all_made()?;
        all.retain(|made| (made.class_id, made.version) != (class_id, version));
        all.push(Made { class_id, version, adapter: model.adapter.folder.clone(), record: model.record.clone() });
        keep_file(&self.path(MINTED), &serde_json::to_vec_pretty(&all)?)
    }
}

/// The terms of a model that is minted for trying.
fn terms() -> ModelTerms {
    ModelTerms {
        base_name: "the base model that `lazai local` was given".into(),
        base_licence: "unknown".into(),
        access: AccessTerms {
            rating: Rating::Mature,
            minimum_age: 18,
            payment: PaymentMeans::Gas,
            consent: "as the contributors gave it".into(),
            report_contact: "mailto:nobody@localhost".into(),
        },
        endpoints: vec!["http://127.0.0.1:8028".into()],
    }
}
