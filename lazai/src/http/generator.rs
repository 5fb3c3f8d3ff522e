//! A generator that delegates replies to another server: vLLM, llama.cpp's, or any server with an OpenAI-compatible API.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use lazai_core::Digest;
use lazai_core::digest::sha256_reader;
use lazai_core::message::Message;
use lazai_core::reply::{FinishReason, ReplyNotes, ResponseFormat};
use lazai_lora::generate::{GenerateJob, Generation, Reply, Sampler};
use lazai_lora::{About, GenerateError, Generator, ModelError};
use serde_json::{Value, json};
use thiserror::Error;

use super::client::{agent, read, refused_or, without_userinfo, without_v1};
use super::{quiet, traces};
use crate::consumer::TokenCounter;
use crate::models::ModelCounter;
use crate::node::{NodeError, ReplySettings};
use crate::wire::openai::CompletionRequest;
use crate::wire::talk::ReplyReader;

/// Why a server cannot answer for a node.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenAiError {
    /// It does not answer, or with an error.
    #[error("{url}: {reason}")]
    Server {
        /// The server's URL.
        url: String,
        /// The reason.
        reason: String,
    },
    /// It does not have the model.
    #[error("{url} has {found:?}, not {model:?}")]
    UnknownModel {
        /// The server's URL.
        url: String,
        /// The model asked for.
        model: String,
        /// The server's models.
        found: Vec<String>,
    },
}

/// The way a server learns of adapters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Server {
    /// vLLM: adapters are loaded by `POST /v1/load_lora_adapter` (if `VLLM_ALLOW_RUNTIME_LORA_UPDATING` is set), from
    /// folders that it can read, and are models from then on.
    Vllm,
    /// llama.cpp's server: adapters are given at its start (`--lora`), found by `GET /lora-adapters` under the folder's
    /// name, and chosen in each request.
    LlamaCpp,
}

/// A generator behind an OpenAI-compatible URL.
///
/// The tokenizer is ours, from the base model's file, so that receipts can be
/// recounted; it turns the server's words into tokens. Nothing here can check that the server runs this base and this
/// adapter: receipts claim so in the name of the node that signs them, as always, and the device is `remote`.
pub struct OpenAiGenerator {
    remote: Arc<Remote>,
    about: About,
    adapters: RwLock<HashMap<Digest, Chosen>>,
}

/// The server.
struct Remote {
    url: String,
    model: String,
    server: Server,
    counter: Arc<ModelCounter>,
    agent: ureq::Agent,
}

/// The adapter of a request.
#[derive(Debug, Clone)]
enum Chosen {
    Model(String),
    Lora(u64),
}

impl OpenAiGenerator {
    /// Connects to a server at a URL such as `http://127.0.0.1:8000`. It must have `model`: the base that `about`
    /// describes.
    ///
    /// # Errors
    /// [`OpenAiError`].
    pub fn connect(
        url: &str,
        model: &str,
        server: Server,
        base_digest: Digest,
        counter: Arc<ModelCounter>,
    ) -> Result<Self, OpenAiError> {
        let url = without_v1(url).to_owned();
        let agent = agent(ureq::tls::RootCerts::WebPki);
        let listed: Result<Value, _> = read(agent.get(format!("{url}/v1/models")).call());
        let told = without_userinfo(&url);
        let listed = listed.map_err(|e| OpenAiError::Server { url: told.clone(), reason: e.to_string() })?;
        let ids = listed["data"].as_array().into_iter().flatten().filter_map(|m| m["id"].as_str());
        let found: Vec<String> = ids.map(str::to_owned).collect();
        if !found.iter().any(|id| id == model) {
            return Err(OpenAiError::UnknownModel { url: told, model: model.into(), found });
        }
        let about = About::new(model.into(), base_digest, counter.digest(), "remote".into());
        let remote = Arc::new(Remote { url, model: model.into(), server, counter, agent });
        Ok(Self { remote, about, adapters: RwLock::default() })
    }
}

impl Remote {
    fn failed(&self, reason: impl std::fmt::Display) -> GenerateError {
        GenerateError::Backend { backend: without_userinfo(&self.url), reason: reason.to_string() }
    }

    /// A server's refusal of a conversation: its message may repeat the words, and the reason goes to the node's log.
    fn refused(&self, error: &NodeError) -> GenerateError {
        self.failed(quiet::node(error))
    }

    fn load(&self, folder: &Path, digest: Digest) -> Result<Chosen, GenerateError> {
        match self.server {
            Server::Vllm => {
                let name = format!("lazai-{}", hex::encode(&digest.as_bytes()[..8]));
                let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.into());
                let body = json!({"lora_name": name, "lora_path": folder}).to_string();
                let post = self.agent.post(format!("{}/v1/load_lora_adapter", self.url));
                let loaded = refused_or(post.header("content-type", "application/json").send(body));
                match loaded {
                    Ok(_) => Ok(Chosen::Model(name)),
                    // An earlier start of this node loaded it: the name follows from the digest.
                    Err(error) if error.to_string().contains("already") => Ok(Chosen::Model(name)),
                    Err(error) => Err(self.failed(error)),
                }
            }
            Server::LlamaCpp => {
                let name = folder.file_name().and_then(|n| n.to_str()).unwrap_or_default();
                let listed: Value =
                    read(self.agent.get(format!("{}/lora-adapters", self.url)).call()).map_err(|e| self.failed(e))?;
                let is_it = |adapter: &&Value| {
                    let path = Path::new(adapter["path"].as_str().unwrap_or_default());
                    let parts = path.components().filter_map(|c| Path::new(c.as_os_str()).file_stem()?.to_str());
                    !name.is_empty() && parts.into_iter().any(|part| part == name)
                };
                let found = listed.as_array().into_iter().flatten().find(is_it);
                let id = found.and_then(|adapter| adapter["id"].as_u64());
                id.map(Chosen::Lora).ok_or_else(|| self.failed(format!("no adapter of a path with {name:?}")))
            }
        }
    }
}

/// The settings that say the same as a sampler: what changes nothing is left out.
///
/// # Errors
/// [`GenerateError::Setting`] for what the server cannot do, or would pass over.
fn settings(sampler: &Sampler, server: Server) -> Result<ReplySettings, GenerateError> {
    let is_vllm = server == Server::Vllm;
    let no_json = matches!(
        sampler.format,
        Some(
            ResponseFormat::Calls(_)
                | ResponseFormat::Regex(_)
                | ResponseFormat::Choice(_)
                | ResponseFormat::Grammar(_)
        )
    );
    for (setting, cannot) in [
        ("dry_multiplier", is_vllm && sampler.dry.multiplier_milli != 0),
        ("min_tokens", !is_vllm && sampler.min_tokens != 0),
        ("response_format", no_json),
        ("stop_token_ids", !is_vllm && !sampler.stop_tokens.is_empty()),
        // Its tokens are not those that are counted here.
        ("top_logprobs", sampler.top_logprobs.is_some()),
        ("typical_p", is_vllm && sampler.typical_p_milli != 1_000),
    ] {
        if cannot {
            let reason = format!("{server:?} cannot do this for the node");
            return Err(GenerateError::Setting { setting: setting.into(), reason });
        }
    }
    let dry = (sampler.dry.multiplier_milli != 0).then_some(&sampler.dry);
    Ok(ReplySettings {
        max_tokens: Some(sampler.max_tokens),
        temperature_milli: Some(sampler.temperature_milli),
        top_p_milli: Some(sampler.top_p_milli),
        top_k: (sampler.top_k != 0).then_some(sampler.top_k),
        min_p_milli: (sampler.min_p_milli != 0).then_some(sampler.min_p_milli),
        repetition_penalty_milli: (sampler.repetition_penalty_milli != 1_000)
            .then_some(sampler.repetition_penalty_milli),
        presence_penalty_milli: (sampler.presence_penalty_milli != 0).then_some(sampler.presence_penalty_milli),
        frequency_penalty_milli: (sampler.frequency_penalty_milli != 0).then_some(sampler.frequency_penalty_milli),
        typical_p_milli: (sampler.typical_p_milli != 1_000).then_some(sampler.typical_p_milli),
        dry_multiplier_milli: dry.map(|dry| dry.multiplier_milli),
        dry_base_milli: dry.map(|dry| dry.base_milli),
        dry_allowed_length: dry.map(|dry| dry.allowed_length),
        dry_sequence_breakers: dry.map(|dry| dry.sequence_breakers.clone()),
        logit_bias_milli: sampler.logit_bias_milli.clone(),
        stop: sampler.stop.clone(),
        stop_token_ids: sampler.stop_tokens.clone(),
        min_tokens: (sampler.min_tokens != 0).then_some(sampler.min_tokens),
        response_format: sampler.format.clone(),
        ..ReplySettings::default()
    })
}

/// A schema as these servers read it, in place of its text.
fn as_response_format(body: &mut Value) -> Result<(), serde_json::Error> {
    let Some(text) = body.as_object_mut().and_then(|body| body.remove("guided_json")) else { return Ok(()) };
    let schema: Value = serde_json::from_str(text.as_str().unwrap_or_default())?;
    let named = json!({"name": "reply", "strict": true, "schema": schema});
    body["response_format"] = json!({"type": "json_schema", "json_schema": named});
    Ok(())
}

impl Remote {
    fn prompt_tokens(&self, messages: &[Message]) -> Result<u64, GenerateError> {
        self.counter.prompt_tokens(messages).ok_or_else(|| self.failed("the conversation cannot be counted"))
    }

    /// Asks the server, and listens to the reply.
    fn ask(
        &self,
        job: &GenerateJob,
        chosen: Option<&Chosen>,
        trace: &[(String, String)],
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Reply, GenerateError> {
        let prompt_tokens = self.prompt_tokens(&job.messages)?;
        let vocab_size = self.counter.tokenizer().vocab_size();
        GenerateError::check_tokens("logit_bias", job.sampler.logit_bias_milli.keys(), vocab_size)?;
        let settings = ReplySettings {
            // Servers read it as a signed number, some in 32 bits.
            seed: Some(job.seed & u64::from(u32::MAX >> 1)),
            ..settings(&job.sampler, self.server)?
        };
        let model = match chosen {
            Some(Chosen::Model(name)) => name.clone(),
            _ => self.model.clone(),
        };
        let asked = CompletionRequest {
            model,
            messages: job.messages.clone(),
            settings,
            tools: Vec::new(),
            choices: 1,
            stream: true,
            include_usage: false,
            audio: None,
        };
        let mut body = asked.body();
        as_response_format(&mut body)
            .map_err(|e| GenerateError::Setting { setting: "response_format".into(), reason: e.to_string() })?;
        if let (Server::LlamaCpp, chosen) = (self.server, chosen) {
            body["lora"] = match chosen {
                Some(Chosen::Lora(id)) => json!([{"id": id, "scale": 1.0}]),
                _ => json!([]),
            };
        }
        let post = self.agent.post(format!("{}/v1/chat/completions", self.url));
        let post = trace.iter().fold(post, |post, (name, value)| post.header(name, value));
        let response = refused_or(post.header("content-type", "application/json").send(body.to_string()));
        let mut stream = response.map_err(|e| self.refused(&e))?.into_body().into_reader();
        let (text, finish_reason) = self.listen(&mut stream, on_text)?;
        let tokenizer = self.counter.tokenizer();
        let mut tokens = tokenizer.encode(&text)?;
        // Written-out control tokens carry no text: they are not charged.
        tokens.retain(|token| !tokenizer.is_control(*token));
        // Another tokenizer may have needed fewer tokens: those above the ceiling are neither sent nor charged.
        let most = job.sampler.max_tokens as usize;
        let finish_reason = if tokens.len() > most { FinishReason::Length } else { finish_reason };
        tokens.truncate(most);
        let text = tokenizer.decode(&tokens)?;
        Ok(Reply { text, tokens, prompt_tokens, notes: ReplyNotes { finish_reason, logprobs: None }, trail: None })
    }

    fn listen(
        &self,
        stream: &mut impl Read,
        on_text: &mut dyn FnMut(&str) -> bool,
    ) -> Result<(String, FinishReason), GenerateError> {
        let (mut reader, mut buffer, mut text) = (ReplyReader::default(), [0; 4096], String::new());
        while !reader.is_done() {
            let count = stream.read(&mut buffer).map_err(|e| self.failed(e))?;
            if count == 0 {
                return Err(self.failed("the reply broke off"));
            }
            for piece in reader.push(&buffer[..count]).map_err(|e| self.refused(&e))? {
                text.push_str(&piece);
                if !on_text(&piece) {
                    return Ok((text, FinishReason::Length));
                }
            }
        }
        Ok((text, reader.notes().finish_reason))
    }
}

impl Generator for OpenAiGenerator {
    fn about(&self) -> &About {
        &self.about
    }

    fn load_adapter(&self, folder: &Path) -> Result<Digest, GenerateError> {
        let path = folder.join("adapter_model.safetensors");
        let file = |source| ModelError::File { path: path.clone(), source };
        let digest = sha256_reader(std::fs::File::open(&path).map_err(file)?).map_err(file)?;
        let chosen = self.remote.load(folder, digest)?;
        self.adapters.write().unwrap_or_else(PoisonError::into_inner).insert(digest, chosen);
        Ok(digest)
    }

    fn prompt_tokens(&self, messages: &[Message]) -> Result<u64, GenerateError> {
        self.remote.prompt_tokens(messages)
    }

    fn generate(&self, job: GenerateJob) -> Generation {
        let chosen = match job.adapter {
            None => None,
            Some(digest) => {
                let adapters = self.adapters.read().unwrap_or_else(PoisonError::into_inner);
                match adapters.get(&digest) {
                    Some(chosen) => Some(chosen.clone()),
                    None => return Generation::failed(GenerateError::UnknownAdapter { digest }),
                }
            }
        };
        let (remote, trace) = (self.remote.clone(), traces::outgoing());
        Generation::on_thread(move |on_text| remote.ask(&job, chosen.as_ref(), &trace, on_text))
    }
}

impl std::fmt::Debug for OpenAiGenerator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "OpenAiGenerator {{ url: {:?}, model: {:?}, server: {:?} }}",
            without_userinfo(&self.remote.url),
            self.remote.model,
            self.remote.server
        )
    }
}
