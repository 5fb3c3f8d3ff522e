//! The clients that people already have, unmodified, at the loopback proxy: OpenAI's official ones, LangChain, Alith's agents, and
//! SillyTavern.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::checks::FEATURES;
use crate::served::Served;
use crate::shell::{cache, cargo, root, run, target, without_npm};
use crate::{bindings, peers};

/// Clients in Python: the set of their packages, their scripts, and whose they are.
const PYTHON_CLIENTS: [(&str, &str, &str); 4] = [
    ("openai", "openai_client.py", "OpenAI's client for Python"),
    ("langchain", "langchain_client.py", "LangChain"),
    ("alith", "alith_agent.py", "Alith's agent"),
    ("openai", "metrics.py", "Prometheus' parser"),
];

/// OpenAI's client for Node, and its size.
const NODE_CLIENT: (&str, &str) = ("openai@6.49.0", "9 MB");

/// SillyTavern with its server.
const SILLYTAVERN: (&str, &str) = ("sillytavern@1.19.0", "430 MB");

/// `cargo xtask clients`.
pub fn start(args: &[&str], base: &Path) -> Result<()> {
    run("example endpoint", &mut cargo(&["build", "--workspace", "--all-targets", "--features", FEATURES]))?;
    match args {
        [] => check(base),
        ["sillytavern"] => talking(base, |endpoint| {
            let mut client = node("sillytavern", SILLYTAVERN)?.map_err(anyhow::Error::msg)?;
            run("SillyTavern", endpoint.told(&mut client))
        }),
        other => bail!("clients: unknown {other:?}; sillytavern, or nothing for all others"),
    }
}

/// Lets each client that can be had talk to the endpoint of the examples.
pub fn check(base: &Path) -> Result<()> {
    talking(base, |endpoint| {
        for (set, script, whose) in PYTHON_CLIENTS {
            let mut client = Command::new(peers::python(set)?);
            // Alith writes logs at the root of the project that it is started in.
            let folder = cache()?.join("clients");
            std::fs::create_dir_all(&folder)?;
            client.current_dir(folder);
            run(whose, endpoint.told(client.arg(root().join("examples/clients").join(script))))?;
        }
        let (node_url, proxy_url) = (endpoint.value("LAZAI_NODE_URL"), endpoint.value("OPENAI_BASE_URL"));
        let proxy_url = proxy_url.and_then(|url| url.strip_suffix("/v1")).context("the endpoint told no proxy")?;
        held_to_its_document("the node", node_url.context("the endpoint told no node")?, None)?;
        held_to_its_document("the proxy", proxy_url, endpoint.value("OPENAI_API_KEY"))?;
        match node("openai_client", NODE_CLIENT)? {
            Ok(mut node) => run("OpenAI's client for Node", endpoint.told(&mut node)),
            Err(reason) => {
                println!("── skipped: OpenAI's client for Node: {reason}");
                Ok(())
            }
        }
    })
}

/// Sends what a server's OpenAPI document allows, and what it does not, for half a minute: no answer may be one that the document does
/// not tell, and none may say that the server failed.
fn held_to_its_document(whose: &str, url: &str, key: Option<&str>) -> Result<()> {
    let mut schemathesis = Command::new(peers::python("schemathesis")?);
    schemathesis.args(["-m", "schemathesis.cli", "run"]).arg(format!("{url}/openapi.json"));
    schemathesis.args(["--seed", "1", "--max-time", "30", "--max-examples", "30", "--workers", "1", "--no-color"]);
    schemathesis.args([
        "--phases",
        "examples,coverage,fuzzing",
        "--continue-on-failure",
        "--generation-database",
        "none",
    ]);
    schemathesis.args(["--warnings", "off", "--request-timeout", "60", "--checks"]);
    schemathesis.arg(
        "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance",
    );
    if let Some(key) = key {
        schemathesis.arg("--header").arg(format!("Authorization: Bearer {key}"));
    }
    // The example's one character.
    schemathesis.env("LAZAI_MODEL", "dat:1:1").env("SCHEMATHESIS_HOOKS", "schemathesis_hooks");
    schemathesis.env("PYTHONPATH", root().join("examples/clients")).env("PYTHONDONTWRITEBYTECODE", "1");
    schemathesis.current_dir(cache()?.join("clients"));
    run(&format!("schemathesis at {whose}"), &mut schemathesis)
}

/// Starts the endpoint, lets somebody talk, and checks that everything was redeemed.
fn talking(base: &Path, talk: impl FnOnce(&Served) -> Result<()>) -> Result<()> {
    let mut endpoint = Served::start("endpoint", 4, |command| {
        command.env("LAZAI_BASE_MODEL", base).env("LAZAI_ENCODER", root().join("vectors/embed/tiny-bert"));
    })?;
    talk(&endpoint)?;
    ensure!(endpoint.stop()?.contains(" 0 sessions not redeemed"), "not everything was redeemed");
    Ok(())
}

/// Node with a script in a folder where its package is, or why there is none.
fn node(script: &str, (package, size): (&str, &str)) -> Result<Result<Command, String>> {
    if let Some(reason) = without_npm() {
        return Ok(Err(reason));
    }
    let folder = target().join("clients").join(script);
    bindings::npm(&folder, &[package], size)?;
    // Node looks for packages beside the script.
    let name = format!("{script}.mjs");
    std::fs::copy(root().join("examples/clients").join(&name), folder.join(&name))?;
    let mut node = Command::new("node");
    node.arg(folder.join(name));
    Ok(Ok(node))
}
