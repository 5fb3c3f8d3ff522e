//! One folder with everything that must outlive the process: keys, ledger, store, each role's files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use lazai::core::digest::DomainHasher;
use lazai::core::seal::UnsealingKey;
use lazai::core::{Address, Amount, Asset, Digest, Domain, LocalSigner, Signer, SubmissionId};
use lazai::settle::ledger::LedgerError;
use lazai::settle::{EmbeddedLedger, Genesis, Ledger, Params, SystemClock};
use lazai::store::{FolderStore, write_privately};
use lazai::{Account, SendError};

use crate::chain::TestChain;
use crate::diva::CONTRIBUTORS;

/// Everyone who takes part, by the name their key is derived from.
pub const VALIDATORS: [&str; 4] = ["validator 1", "validator 2", "validator 3", "validator 4"];
/// Voters of the DAO.
pub const VOTERS: [&str; 3] = ["governor 1", "governor 2", "governor 3"];
/// AI gas that the consumer starts with: 10, at 18 decimals.
pub const CONSUMER_FUNDS: u128 = 10_000_000_000_000_000_000;

/// A home for a market.
pub struct Home {
    folder: PathBuf,
    seed: Digest,
    genesis: Genesis,
    ledger: Arc<dyn Ledger>,
    chain: Option<TestChain>,
}

impl Home {
    /// Opens a home, or founds one: a seed for its keys, and a ledger with a random domain.
    ///
    /// # Errors
    /// What the file system or the ledger says.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let seed = seed(folder)?;
        let genesis = once(&folder.join("genesis.json"), || Ok(serde_json::to_vec_pretty(&found(seed)?)?))?;
        let genesis: Genesis = serde_json::from_slice(&genesis)?;
        let ledger = EmbeddedLedger::open_or_create(&folder.join("ledger"), &genesis, SystemClock)?;
        Ok(Self { folder: folder.into(), seed, genesis, ledger: Arc::new(ledger), chain: None })
    }

    /// Opens a home whose market is on a chain, behind a test node.
    ///
    /// # Errors
    /// What the file system, the node or the ledger says.
    pub fn on_chain(folder: &Path, url: &str) -> anyhow::Result<Self> {
        let seed = seed(folder)?;
        let address = |name: &str| signer(seed, name).address();
        let others = ["deployer", "creator", "exex", "node", "consumer"].into_iter().chain(CONTRIBUTORS);
        let people: Vec<_> = VALIDATORS.into_iter().chain(VOTERS).chain(others).map(address).collect();
        let validators = VALIDATORS.iter().map(|name| (address(name), 1)).collect();
        let voters = VOTERS.map(address);
        let chain = TestChain::open(folder, url, &people, &signer(seed, "deployer"), validators, &voters)?;
        let (genesis, ledger) = (chain.ledger.genesis().clone(), Arc::new(chain.ledger.clone()));
        Ok(Self { folder: folder.into(), seed, genesis, ledger, chain: Some(chain) })
    }

    /// The chain that its market is on, if it is on one.
    #[must_use]
    pub fn chain(&self) -> Option<&TestChain> {
        self.chain.as_ref()
    }

    /// Does something, and lets a chain's time pass where it is too early for it.
    ///
    /// # Errors
    /// What it says, or the chain.
    pub async fn in_time<T, F: Future<Output = Result<T, SendError>>>(
        &self,
        mut attempt: impl FnMut() -> F,
    ) -> anyhow::Result<T> {
        loop {
            match (attempt().await, &self.chain) {
                (Err(SendError::Ledger(LedgerError::TooEarly { at_s, .. })), Some(chain)) => chain.pass_time(at_s)?,
                (done, _) => return Ok(done?),
            }
        }
    }

    /// On a chain, nothing is minted before the time for doubts is over: lets it pass.
    ///
    /// # Errors
    /// If there is no such submission, or what the chain says.
    pub fn let_doubts_pass(&self, submission: SubmissionId) -> anyhow::Result<()> {
        let (Some(chain), market) = (&self.chain, self.ledger.market()) else { return Ok(()) };
        let state = market.submission(submission).context("submission")?;
        let window_s = market.params_of(state.params).map_or(0, |p| p.challenge_window_s);
        chain.pass_time(state.accepted_at_s + window_s)
    }

    /// How its ledger began.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Its ledger.
    #[must_use]
    pub fn ledger(&self) -> Arc<dyn Ledger> {
        self.ledger.clone()
    }

    /// A file or folder in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The store for what is too large for the ledger.
    #[must_use]
    pub fn store(&self) -> Arc<FolderStore> {
        Arc::new(FolderStore::new(self.path("store")))
    }

    /// Somebody's signer. (A real role would hold its own: a keystore file, a wallet, a key service.)
    #[must_use]
    pub fn signer(&self, name: &str) -> Arc<dyn Signer> {
        Arc::new(signer(self.seed, name))
    }

    /// Somebody's key itself.
    #[must_use]
    pub fn key(&self, name: &str) -> LocalSigner {
        signer(self.seed, name)
    }

    /// Somebody's address.
    #[must_use]
    pub fn address(&self, name: &str) -> Address {
        signer(self.seed, name).address()
    }

    /// Somebody's account on the ledger.
    #[must_use]
    pub fn account(&self, name: &str) -> Account {
        Account::new(self.ledger(), self.signer(name))
    }

    /// Somebody's key for reading what is sealed to them.
    #[must_use]
    pub fn unsealing_key(&self, name: &str) -> UnsealingKey {
        UnsealingKey::derive(derived(self.seed, "unsealing", name).as_bytes())
    }

    /// The content of a file that is made once: what an earlier, interrupted run made is used again.
    ///
    /// # Errors
    /// What `make` or the file system says.
    pub fn once(&self, name: &str, make: impl FnOnce() -> anyhow::Result<Vec<u8>>) -> anyhow::Result<Vec<u8>> {
        once(&self.path(name), make)
    }

    /// Keeps a file.
    ///
    /// # Errors
    /// What the file system says.
    pub fn keep(&self, name: &str, value: &impl serde::Serialize) -> anyhow::Result<()> {
        let path = self.path(name);
        write_privately(&path, &serde_json::to_vec_pretty(value)?).with_context(|| path.display().to_string())
    }

    /// Reads a file that was kept; `None` if there is none.
    ///
    /// # Errors
    /// What the file system or the parser says.
    pub fn kept<T: serde::de::DeserializeOwned>(&self, name: &str) -> anyhow::Result<Option<T>> {
        match std::fs::read(self.path(name)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e.into()),
        }
    }
}

fn seed(folder: &Path) -> anyhow::Result<Digest> {
    std::fs::create_dir_all(folder)?;
    let seed = once(&folder.join("seed.hex"), || Ok(Digest::random()?.to_string().into_bytes()))?;
    Ok(String::from_utf8(seed)?.parse()?)
}

pub(crate) fn once(path: &Path, make: impl FnOnce() -> anyhow::Result<Vec<u8>>) -> anyhow::Result<Vec<u8>> {
    if let Ok(bytes) = std::fs::read(path) {
        return Ok(bytes);
    }
    let bytes = make()?;
    write_privately(path, &bytes).with_context(|| path.display().to_string())?;
    Ok(bytes)
}

fn derived(seed: Digest, purpose: &str, name: &str) -> Digest {
    DomainHasher::new("demo.key").part(seed.as_bytes()).part(purpose.as_bytes()).part(name.as_bytes()).finish()
}

fn signer(seed: Digest, name: &str) -> LocalSigner {
    LocalSigner::from_bytes(*derived(seed, "signing", name).as_bytes()).expect("all but 2^-128 of digests are keys")
}

/// The first state: four validators and three voters of equal weight, a consumer with some AI gas.
fn found(seed: Digest) -> anyhow::Result<Genesis> {
    let weights = |names: &[&str]| -> BTreeMap<Address, u64> {
        names.iter().map(|name| (signer(seed, name).address(), 1)).collect()
    };
    Ok(Genesis {
        domain: Domain::random("LazAI Market", "1")?,
        validators: weights(&VALIDATORS),
        voters: weights(&VOTERS),
        balances: vec![(signer(seed, "consumer").address(), Asset::NATIVE, Amount::from_base_units(CONSUMER_FUNDS))],
        params: Params::default(),
        assets: Vec::new(),
        pool: None,
    })
}
