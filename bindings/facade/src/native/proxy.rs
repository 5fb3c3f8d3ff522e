//! The loopback proxy: an endpoint on this machine for stock clients of OpenAI's dialect.

use std::io::{BufRead, Write};
use std::sync::{Arc, Mutex, PoisonError};

use lazai::consumer::Consumer;
use lazai::core::Amount;
use lazai::http::{Budget, Loopback, LoopbackError, Memories, Serving};

use super::data::file_error;
use super::market::Market;
use super::memory::encoder;
use super::node::NodeClient;
use crate::memory::key_of;
use crate::sign::Foreign;
use crate::{BaseUnits, FilePath, LazaiError, Signer, TokenCounter};

/// The spending limits of a proxy, in base units of coins.
#[derive(Debug, Clone)]
pub struct ProxyBudget {
    /// The most that is spent or reserved in all, over every start of the proxy on its folder.
    pub total: BaseUnits,
    /// The deposit of one session; the unused rest comes back.
    pub deposit: BaseUnits,
    /// The most that one reply may cost.
    pub reply: BaseUnits,
    /// The most that is spent in a day (UTC).
    pub day: Option<BaseUnits>,
    /// The most that is spent for one character.
    pub character: Option<BaseUnits>,
    /// The most replies of a character that are made at a time, each in a session of its own.
    pub sessions: u32,
    /// The longest session that is opened, in seconds.
    pub session_s: u64,
}

impl ProxyBudget {
    fn parse(self) -> Result<Budget, LazaiError> {
        let units = |text: String| text.parse::<Amount>();
        Ok(Budget {
            total: units(self.total)?,
            deposit: units(self.deposit)?,
            max_step: units(self.reply)?,
            day: self.day.map(units).transpose()?,
            character: self.character.map(units).transpose()?,
            sessions: self.sessions,
            max_session_s: self.session_s,
            ..Budget::default()
        })
    }
}

/// A proxy: at an address on threads of its own until it is stopped, or for one agent.
#[derive(Debug)]
pub struct ProxyServer {
    proxy: Loopback,
    serving: Mutex<Option<Serving>>,
}

impl ProxyServer {
    /// A proxy to the characters of some nodes; nobody reaches it yet. The signer pays; a folder keeps the proxy's book, its conversations
    /// and its key.
    ///
    /// # Errors
    /// `file` for a folder that cannot be had, `money.not_decimal`, `signer.…`.
    pub fn open(
        market: &Market,
        signer: Arc<dyn Signer>,
        nodes: &[Arc<NodeClient>],
        budget: ProxyBudget,
        folder: FilePath,
        counter: Option<&TokenCounter>,
    ) -> Result<Self, LazaiError> {
        let account = market.account(signer.clone())?;
        let mut consumer = Consumer::new(account, Arc::new(Foreign::new(signer)?));
        if let Some(counter) = counter {
            consumer = consumer.with_counter(counter.0.clone());
        }
        let nodes = nodes.iter().map(|node| node.http().clone()).collect();
        let proxy = Loopback::open(consumer, nodes, budget.parse()?, folder).map_err(|error| match error {
            LoopbackError::NoRandomness => LazaiError::new("signer.no_randomness", error),
            _ => LazaiError::new("file", error),
        })?;
        Ok(Self { proxy, serving: Mutex::default() })
    }

    /// Serves at an address of this machine; returns the server's URL.
    ///
    /// # Errors
    /// `io` for an address that cannot be had, or that others reach.
    pub fn listen(&self, address: &str) -> Result<String, LazaiError> {
        let serving = self.proxy.spawn(address).map_err(|e| LazaiError::new("io", file_error(address, e).detail()))?;
        let url = serving.url();
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner) = Some(serving);
        Ok(url)
    }

    /// Answers one agent by MCP, a message a line, until its input ends.
    ///
    /// # Errors
    /// `io`.
    pub fn serve_lines(&self, input: Box<dyn BufRead + Send>, output: &mut dyn Write) -> Result<(), LazaiError> {
        self.proxy.serve_lines(input, output).map_err(|error| LazaiError::new("io", error))
    }

    /// Lets agents look at the files of a folder.
    pub fn allow_files(&self, folder: FilePath) {
        drop(self.proxy.clone().with_files(folder));
    }

    /// Writes evidence of each reply to a folder, in files for their owner alone.
    pub fn keep_evidence(&self, folder: FilePath) {
        drop(self.proxy.clone().with_evidence(folder));
    }

    /// Recalls what was said before into each request, within so many tokens, and remembers each reply: a memory for each character, in
    /// a folder, sealed to the signer's key. With the folder of a sentence encoder, it is found by meaning, too.
    ///
    /// # Errors
    /// `signer.…`, `model`.
    pub async fn remember(
        &self,
        folder: FilePath,
        signer: Arc<dyn Signer>,
        max_tokens: u32,
        counter: Option<&TokenCounter>,
        encoder_folder: Option<FilePath>,
    ) -> Result<(), LazaiError> {
        let counter = counter.map(|counter| counter.0.clone() as Arc<dyn lazai::conversation::TokenCounter>);
        let mut memories = Memories::new(folder, key_of(signer).await?, max_tokens, counter);
        if let Some(folder) = encoder_folder {
            memories = memories.with_meaning(encoder(&folder)?);
        }
        drop(self.proxy.clone().with_memory(memories));
        Ok(())
    }

    /// The key that clients must send.
    #[must_use]
    pub fn key(&self) -> String {
        self.proxy.key().unwrap_or_default().to_owned()
    }

    /// The amount spent so far, over all starts.
    ///
    /// # Errors
    /// `money.…` if the sum has no result.
    pub async fn spent(&self) -> Result<BaseUnits, LazaiError> {
        let spent = self.proxy.spent().await.map_err(|error| LazaiError::new("money.overflow", error))?;
        Ok(spent.to_string())
    }

    /// Stops listening; replies in progress are finished.
    pub fn stop(&self) {
        drop(self.serving.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}
