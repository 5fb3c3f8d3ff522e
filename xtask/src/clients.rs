//! The clients that people already have, unmodified, at the loopback proxy.

mod held;
mod paid;
pub mod table;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::checks::FEATURES;
use crate::served::Served;
use crate::shell::{cache, cargo, root, run, target, without_npm};
use crate::{bindings, operate, peers};

/// A client of others, and the script that it is driven by.
pub struct Client {
    /// Its name in the table.
    pub name: &'static str,
    script: &'static str,
    packages: Packages,
    /// True if every test run lets it talk.
    is_usual: bool,
    /// True if it imports this library's package for Python.
    has_ours: bool,
}

/// Where a client is from. The first package is the client's.
enum Packages {
    /// A set of [`peers`].
    Python(&'static str),
    /// Packages of npm, and their size.
    Node(&'static [&'static str], &'static str),
}

/// In the table's order.
pub const CLIENTS: [Client; 16] = [
    Client::usual("OpenAI for Python", "openai_client.py", Packages::Python("openai")),
    Client::usual("OpenAI for Node", "openai_client.mjs", Packages::Node(&["openai@7.59.0"], "35 MB")),
    Client::other("OpenAI Agents SDK", "agents_client.py", Packages::Python("agents")),
    Client::usual("LangChain", "langchain_client.py", Packages::Python("langchain")),
    Client::other("LiteLLM", "litellm_client.py", Packages::Python("litellm")),
    Client::other(
        "Vercel AI SDK",
        "ai_sdk.mjs",
        Packages::Node(&["ai@7.0.173", "@ai-sdk/openai-compatible@3.0.92", "zod@4.6.7"], "25 MB"),
    ),
    Client::usual("Alith for Python", "alith_agent.py", Packages::Python("alith")),
    Client::other("Alith for Node", "alith_agent.mjs", Packages::Node(&["alith@0.12.3"], "235 MB")),
    Client::usual("MCP SDK for Python", "mcp_client.py", Packages::Python("mcp")),
    Client::other(
        "MCP Inspector",
        "mcp_inspector.mjs",
        Packages::Node(&["@modelcontextprotocol/inspector@2.12.0"], "115 MB"),
    ),
    Client::usual("Alith for Python, by MCP", "alith_mcp.py", Packages::Python("alith")),
    Client::other("Alith for Node, by MCP", "alith_mcp.mjs", Packages::Node(&["alith@0.12.3"], "235 MB")),
    Client::usual("Alith for Python, with `lazai.alith`", "alith_tools.py", Packages::Python("alith")).with_ours(),
    Client::usual("A2A SDK for Python", "a2a_client.py", Packages::Python("a2a")),
    Client::other("SillyTavern", "sillytavern.mjs", Packages::Node(&["sillytavern@1.19.0"], "430 MB")),
    Client::other("Open WebUI", "open_webui.py", Packages::Python("open-webui")),
];

/// `cargo xtask clients`.
pub fn start(args: &[&str], base: &Path) -> Result<()> {
    let mut wanted = Vec::new();
    for name in args.iter().filter(|name| !matches!(**name, "all" | "paid")) {
        let found = CLIENTS.iter().find(|client| client.stem() == *name);
        let known = || CLIENTS.iter().map(Client::stem).collect::<Vec<_>>().join(", ");
        wanted.push(found.with_context(|| format!("clients: unknown {name:?}; known: all, {}", known()))?);
    }
    let wanted_of_build: &[&str] =
        if args == ["paid"] { &["--example", "shop", "--bin", "lazai"] } else { &["--all-targets"] };
    let mut build = cargo(&["build", "--workspace", "--features", FEATURES]);
    run("what the clients talk to", build.args(wanted_of_build))?;
    match args {
        [] => check(base),
        ["paid"] => paid::check(base),
        ["all"] => {
            talking(base, |endpoint| CLIENTS.iter().try_for_each(|client| client.talk(endpoint)))?;
            table::end()
        }
        _ => talking(base, |endpoint| wanted.iter().try_for_each(|client| client.talk(endpoint))),
    }
}

/// Lets the usual clients talk to the endpoint of the examples, and looks at what its operator sees.
pub fn check(base: &Path) -> Result<()> {
    talking(base, |endpoint| {
        for client in CLIENTS.iter().filter(|client| client.is_usual) {
            match without_npm().filter(|_| matches!(client.packages, Packages::Node(..))) {
                Some(reason) => println!("── skipped: {}: {reason}", client.name),
                None => client.talk(endpoint)?,
            }
        }
        let mut metrics = python("openai", "metrics.py")?;
        run("Prometheus' parser", endpoint.told(&mut metrics))?;
        operate::check(endpoint)?;
        let (node_url, proxy_url) = (endpoint.value("LAZAI_NODE_URL"), endpoint.value("OPENAI_BASE_URL"));
        let proxy_url = proxy_url.and_then(|url| url.strip_suffix("/v1")).context("the endpoint told no proxy")?;
        held::to_its_document("the node", node_url.context("the endpoint told no node")?, None)?;
        held::to_its_document("the proxy", proxy_url, endpoint.value("OPENAI_API_KEY"))
    })
}

impl Client {
    const fn usual(name: &'static str, script: &'static str, packages: Packages) -> Self {
        Self { name, script, packages, is_usual: true, has_ours: false }
    }

    const fn with_ours(self) -> Self {
        Self { has_ours: true, ..self }
    }

    const fn other(name: &'static str, script: &'static str, packages: Packages) -> Self {
        Self { is_usual: false, ..Self::usual(name, script, packages) }
    }

    fn stem(&self) -> &'static str {
        self.script.split('.').next().unwrap_or(self.script)
    }

    /// The client's own package, with the version that is pinned.
    pub fn package(&self) -> Result<(&'static str, &'static str)> {
        let (package, at) = match self.packages {
            Packages::Python(set) => (peers::packages(set)?.first().copied(), "=="),
            Packages::Node(packages, _) => (packages.first().copied(), "@"),
        };
        package.and_then(|package| package.rsplit_once(at)).with_context(|| format!("{} is not pinned", self.name))
    }

    fn talk(&self, endpoint: &Served) -> Result<()> {
        let mut command = match self.packages {
            Packages::Python(set) => python(set, self.script)?,
            Packages::Node(packages, size) => self.node(packages, size)?,
        };
        if self.has_ours {
            command.env("PYTHONPATH", bindings::python::package(Path::new(command.get_program()), None)?);
        }
        command.env("LAZAI_CLI", target().join("debug").join(format!("lazai{}", std::env::consts::EXE_SUFFIX)));
        run(self.name, endpoint.told(table::SAID.told(&mut command)))
    }

    /// Node with the script in a folder where its packages are.
    fn node(&self, packages: &[&str], size: &str) -> Result<Command> {
        if let Some(reason) = without_npm() {
            bail!("{}: {reason}", self.name);
        }
        let folder = target().join("clients").join(self.stem());
        bindings::npm(&folder, packages, size)?;
        // Node looks for packages beside the script.
        for script in [self.script, "told.mjs", "lazai_mcp.mjs", "scripted_model.mjs"] {
            std::fs::copy(scripts().join(script), folder.join(script))?;
        }
        let mut node = Command::new("node");
        node.arg(folder.join(self.script));
        Ok(node)
    }
}

fn scripts() -> PathBuf {
    root().join("examples/clients")
}

/// The Python of a set with a script, in a folder of the cache: some clients write logs where they are started.
fn python(set: &str, script: &str) -> Result<Command> {
    let mut python = Command::new(peers::python(set)?);
    let folder = cache()?.join("clients");
    std::fs::create_dir_all(&folder)?;
    python.current_dir(folder).env("PYTHONDONTWRITEBYTECODE", "1").arg(scripts().join(script));
    Ok(python)
}

/// Starts the endpoint, lets somebody talk, and checks that everything was redeemed.
fn talking(base: &Path, talk: impl FnOnce(&Served) -> Result<()>) -> Result<()> {
    table::SAID.begin()?;
    let mut endpoint = Served::start("endpoint", 5, |command| {
        command.env("LAZAI_BASE_MODEL", base).env("LAZAI_ENCODER", root().join("vectors/embed/tiny-bert"));
    })?;
    talk(&endpoint)?;
    ensure!(endpoint.stop()?.contains(" 0 sessions not redeemed"), "not everything was redeemed");
    Ok(())
}
