//! Peers that are measured beside us: Python packages, each set in an environment of its own in the cache folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::model;
use crate::shell::{cache, root, run};

/// Sets, how large they are once they are there, and their packages.
const SETS: &[(&str, &str, &[&str])] = &[
    ("contracts", "200 MB", &["slither-analyzer==0.11.6", "eth-account==0.14.0"]),
    ("proofs", "260 MB", &["halmos==0.3.3", "cvc5==1.4.2"]),
    (
        "python",
        "450 MB",
        &[
            "pytest",
            "mypy",
            "numpy",
            "safetensors",
            "eth-account==0.14.0",
            "tqdm",
            "matplotlib",
            "nbclient",
            "ipykernel",
        ],
    ),
    // zig is the C compiler and the linker of wheels for Linux.
    ("wheels", "475 MB", &["maturin==1.16.0", "ziglang==0.17.1", "cargo-zigbuild==0.24.1", "auditwheel==6.8.2"]),
    ("package", "40 MB", &["twine==7.0.0"]),
    ("croissant", "370 MB", &["mlcroissant==1.1.1"]),
    // It does not name pyOpenSSL, which it needs.
    ("signing", "100 MB", &["model-signing==1.1.1", "pyopenssl==26.4.0"]),
    ("uniffi", "35 MB", &["uniffi-bindgen==0.31.0"]),
    ("openai", "70 MB", &["openai==3.57.0", "prometheus-client==0.26.0"]),
    ("x402", "150 MB", &["x402[evm,httpx]==2.25.0", "x402-conformance==1.6.0", "x402-conformance-suite==0.5.2"]),
    ("schemathesis", "60 MB", &["schemathesis==4.32.5"]),
    ("langchain", "140 MB", &["langchain-openai==1.7.4"]),
    ("load", "60 MB", &["locust==2.47.0"]),
    ("alith", "210 MB", &["alith==0.12.3"]),
    ("mcp", "70 MB", &["mcp==2.3.0"]),
    ("a2a", "110 MB", &["a2a-sdk==1.3.0", "a2a-lint==0.1.1"]),
    ("agent0", "130 MB", &["agent0-sdk==1.7.1"]),
    ("agents", "120 MB", &["openai-agents==0.24.0"]),
    // The last version whose proxy has all that it needs in the registry.
    ("litellm", "740 MB", &["litellm[proxy]==1.105.0"]),
    // All that it names but PyTorch and what PyTorch brings, 3 GB more: it starts without.
    (
        "open-webui",
        "1.8 GB",
        &["open-webui==0.12.4", "--no-deps", "--no-compile", "-r", "examples/clients/open-webui-0.12.4.txt"],
    ),
    // PyTorch's package for Linux brings libraries for cards.
    ("lora", "5.7 GB", &["torch==2.15.0", "transformers==5.24.0", "peft==0.21.2", "gguf"]),
    // NVIDIA's compiler.
    (
        "cuda",
        "130 MB",
        &[
            "nvidia-cuda-nvcc==13.5.37",
            "nvidia-cuda-crt==13.5.37",
            "nvidia-nvvm==13.5.37",
            "nvidia-cuda-runtime==13.5.37",
            "nvidia-cuda-cccl==13.3.5.0.6",
            "nvidia-curand==10.4.5.25",
        ],
    ),
    // All that its packages name but PyTorch and librosa: of Resemblyzer only the weights are read.
    ("voice", "705 MB", &["--no-deps", "--no-compile", "-r", "benches/peers/voice.txt"]),
    ("data", "1 GB", &["datasets==4.4.1", "tokenizers==0.23.1", "librosa==0.11.0", "rensa==0.5.0"]),
];

/// The Python of an environment in a folder; made on first use.
pub fn environment_at(folder: &Path) -> Result<PathBuf> {
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if !python.is_file() {
        run("an environment for Python", model::python()?.args(["-m", "venv"]).arg(folder))?;
    }
    Ok(python)
}

/// The packages of a set.
pub fn packages(set: &str) -> Result<&'static [&'static str]> {
    let (.., packages) = SETS.iter().find(|(name, ..)| *name == set).context("no such set of peers")?;
    Ok(packages)
}

/// The Python of a set; made on first use.
pub fn python(set: &str) -> Result<PathBuf> {
    let (_, size, packages) = SETS.iter().find(|(name, ..)| *name == set).context("no such set of peers")?;
    let environment = cache()?.join("peers").join(set);
    let python = environment_at(&environment)?;
    let (wanted, installed) = (packages.join("\n"), environment.join("installed"));
    if std::fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(*packages).current_dir(root());
    run(&format!("peers: {}; {size}", packages.join(", ")), &mut pip)?;
    std::fs::write(&installed, wanted)?;
    Ok(python)
}
