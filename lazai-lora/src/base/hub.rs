//! Reading a folder as Hugging Face keeps models: `config.json`, safetensors in one file or several, `tokenizer.json` and
//! a chat template. Tensors are read one at a time; nothing is mapped.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use lazai_core::Digest;
use lazai_core::digest::{DomainHasher, sha256_reader};
use safetensors::tensor::{Dtype, Metadata};
use serde_json::Value;

use super::hub_config::{hub_family, norm_offset};
use super::load::Source;
use super::weight::Weight;
use super::{ChatTemplate, ModelConfig, Tokenizer};
use crate::error::{ModelError, Result};

const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
pub(crate) const CONFIG: &str = "config.json";
pub(crate) const TOKENIZER: &str = "tokenizer.json";
pub(crate) const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const TEMPLATE: &str = "chat_template.jinja";
/// Largest text file that is read: vocabularies of a quarter of a million tokens take 35 MB.
const MAX_TEXT_BYTES: u64 = 256 << 20;
/// Largest header of a safetensors file, as the format's own library has it.
const MAX_HEADER_BYTES: u64 = 100_000_000;

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let size = std::fs::metadata(path).map_err(ModelError::file(path))?.len();
    if size > MAX_TEXT_BYTES {
        return Err(ModelError::malformed(path.display().to_string(), format!("{size} bytes exceed {MAX_TEXT_BYTES}")));
    }
    std::fs::read(path).map_err(ModelError::file(path))
}

pub(crate) fn json(path: &Path) -> Result<Value> {
    serde_json::from_slice(&read(path)?).map_err(|e| ModelError::malformed(path.display().to_string(), e))
}

pub(super) fn read_config(folder: &Path) -> Result<ModelConfig> {
    ModelConfig::from_hub(&read(&folder.join(CONFIG))?)
}

/// Tokenizer and template of a folder. Its model family, if it names one, is checked first; a folder with a tokenizer alone
/// need not name one.
pub(super) fn read_tokenizer(folder: &Path) -> Result<(Tokenizer, ChatTemplate)> {
    let config = folder.join(CONFIG);
    let family = if config.is_file() { hub_family(&json(&config)?)? } else { "" };
    let settings = json(&folder.join(TOKENIZER_CONFIG))?;
    let eos = named_token(&settings, "eos_token");
    let eos = eos.ok_or_else(|| ModelError::malformed(TOKENIZER_CONFIG, "field \"eos_token\""))?;
    let bos = named_token(&settings, "bos_token");
    let tokenizer = Tokenizer::from_json(&read(&folder.join(TOKENIZER))?, eos, bos)?;
    let path = folder.join(TEMPLATE);
    let source = if path.is_file() {
        Some(String::from_utf8(read(&path)?).map_err(|e| ModelError::malformed(TEMPLATE, e))?)
    } else {
        template_in(&settings["chat_template"]).map(str::to_owned)
    };
    let template = match source {
        Some(source) => ChatTemplate::new(&source, &tokenizer)?,
        None => {
            let missing = || ModelError::malformed(TOKENIZER_CONFIG, "no chat template here nor beside it");
            ChatTemplate::of_family(family, &tokenizer).ok_or_else(missing)??
        }
    };
    Ok((tokenizer, template))
}

/// The text of a token that `tokenizer_config.json` names.
pub(crate) fn named_token<'a>(settings: &'a Value, key: &str) -> Option<&'a str> {
    settings[key].as_str().or(settings[key]["content"].as_str())
}

/// One template, or the default of several.
fn template_in(value: &Value) -> Option<&str> {
    let default = |list: &'_ Vec<Value>| list.iter().position(|t| t["name"] == "default").unwrap_or(0);
    match value {
        Value::String(template) => Some(template),
        Value::Array(list) => list.get(default(list))?["template"].as_str(),
        _ => None,
    }
}

/// The weights of a folder.
pub(crate) struct Folder {
    family: &'static str,
    shards: Vec<Shard>,
    places: HashMap<String, usize>,
}

struct Shard {
    path: PathBuf,
    file: File,
    header: Metadata,
    data: u64,
}

impl Shard {
    fn open(path: PathBuf) -> Result<Self> {
        let malformed = |reason: String| ModelError::malformed(path.display().to_string(), reason);
        let mut file = File::open(&path).map_err(ModelError::file(&path))?;
        let size = file.metadata().map_err(ModelError::file(&path))?.len();
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(|e| malformed(e.to_string()))?;
        let header_bytes = u64::from_le_bytes(length);
        if header_bytes > MAX_HEADER_BYTES.min(size) {
            return Err(malformed(format!("header of {header_bytes} bytes")));
        }
        let mut buffer = vec![0; header_bytes as usize];
        file.read_exact(&mut buffer).map_err(|e| malformed(e.to_string()))?;
        // The library checks that places follow one another and are as long as shapes say.
        let header: Metadata = serde_json::from_slice(&buffer).map_err(|e| malformed(e.to_string()))?;
        let (data, expected) = (8 + header_bytes, header.data_len() as u64);
        let found = size.saturating_sub(data);
        if found != expected {
            return Err(malformed(format!("{found} bytes of tensors, expected {expected}")));
        }
        Ok(Self { path, file, header, data })
    }
}

impl Folder {
    pub(crate) fn open(folder: &Path, family: &'static str) -> Result<Self> {
        let names = if folder.join(WEIGHTS).is_file() || !folder.join(INDEX).is_file() {
            vec![WEIGHTS.to_owned()]
        } else {
            let index = json(&folder.join(INDEX))?;
            let map = index["weight_map"].as_object().ok_or_else(|| ModelError::malformed(INDEX, "no weight map"))?;
            let mut names: Vec<String> = map.values().filter_map(|v| v.as_str().map(str::to_owned)).collect();
            names.sort();
            names.dedup();
            names
        };
        // A name is that of a file beside the index, and of nothing else.
        if let Some(name) = names.iter().find(|n| Path::new(n).file_name() != Some(n.as_ref())) {
            return Err(ModelError::malformed(INDEX, format!("{name:?} is no file's name")));
        }
        let shards: Vec<Shard> = names.iter().map(|name| Shard::open(folder.join(name))).collect::<Result<_>>()?;
        let places = shards.iter().enumerate();
        let places = places.flat_map(|(i, s)| s.header.tensors().into_keys().map(move |name| (name, i)));
        let places = places.collect();
        Ok(Self { family, shards, places })
    }

    /// Digest of the configuration, the tokenizer and every weight file, by name.
    pub(crate) fn digest(&self, folder: &Path) -> Result<Digest> {
        let mut hasher = DomainHasher::new("lazai.base.folder.v1");
        let paths = [CONFIG, TOKENIZER].map(|name| folder.join(name));
        for path in paths.iter().chain(self.shards.iter().map(|s| &s.path)) {
            let file = File::open(path).map_err(ModelError::file(path))?;
            let digest = sha256_reader(&file).map_err(ModelError::file(path))?;
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            hasher = hasher.part(name).part(digest.as_bytes());
        }
        Ok(hasher.finish())
    }
}

impl Source for Folder {
    fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    fn norm_offset(&self) -> f64 {
        norm_offset(self.family)
    }

    fn read(&mut self, name: &str) -> Result<Weight> {
        let place = self.places.get(name).ok_or_else(|| ModelError::malformed(name, "no such tensor"))?;
        let shard = &mut self.shards[*place];
        let info = shard.header.info(name).ok_or_else(|| ModelError::malformed(name, "no such tensor"))?;
        let dtype = match info.dtype {
            Dtype::F32 => DType::F32,
            Dtype::BF16 => DType::BF16,
            Dtype::F16 => DType::F16,
            other => {
                let found = format!("{other:?} of {name}");
                return Err(ModelError::Unsupported { what: "dtype", found, known: "F32, BF16, F16" });
            }
        };
        let (start, end) = info.data_offsets;
        let shape = info.shape.clone();
        let mut bytes = vec![0; end - start];
        let path = shard.path.clone();
        shard.file.seek(SeekFrom::Start(shard.data + start as u64)).map_err(ModelError::file(&path))?;
        shard.file.read_exact(&mut bytes).map_err(ModelError::file(&path))?;
        Ok(Weight::Dense(Tensor::from_raw_buffer(&bytes, dtype, &shape, &Device::Cpu)?))
    }
}
