//! Every habit of this repository as one verb: `cargo xtask help`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks")]

mod agents;
mod api;
mod bench;
mod bindings;
mod book;
mod checks;
mod clients;
mod contracts;
mod cuda;
mod demo;
mod files;
mod fuzz;
mod load;
mod model;
mod openapi;
mod operate;
mod outside;
mod package;
mod peers;
mod ran;
mod readme;
mod said;
mod served;
mod shell;
mod signing;
mod soak;
mod surface;
mod wasm;
mod web;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask VERB

  demo [--ledger embedded|evm] [--short] [--fresh] [--base FILE.gguf | --base hf:REPO/FILE.gguf]
             runs the whole market on real input; killed and run again, it goes on from where it was
             (--ledger evm: on a chain, behind a test node that it starts; needs node and npm)
  test       everything that must hold: format, lints, layers, licences, docs, tests, examples
  bindings LANG
             builds the package of a language and runs its tests (javascript, kotlin, python, swift); devices: types for phones;
             react-native, xcframework (on a Mac); python-aarch64: the wheel for ARM, and tests of crates, under emulation;
             peft: PEFT with an adapter of the Python package's
  bench NAME measures (bindings, data, lora, market, settle, zk), and writes target/reports/bench-NAME.json
  fetch      gets the base voice (16 MB) and the base model (93 MB), once, and prints where they are
  package    packs crates, wheel and npm package as registries get them, checks them, and runs the quick starts from files alone
  fuzz TARGET [SECONDS]
             looks for bytes that make a parser panic (png, charx, card, dialogue, audio, pov, proof, evidence, phonemes)
  soak fuzz [TARGET ...]
             fuzzes each target for twenty minutes, in slices: killed and run again, it goes on from where it was
  contracts  builds the contracts, compares them with the committed artifacts, and runs tests, coverage, slither and proofs
             (contracts write: writes the artifacts; contracts proofs: the proofs alone)
  cuda       compiles the code for CUDA as far as types, with NVIDIA's compiler out of Python packages; needs no card
  soak differential
             a million random operations through the Rust market and the contracts
  soak disputes
             ten thousand markets of nodes, consumers and validators who lie: nobody honest loses
  soak keys  every circuit of the prover, built again: its keys are the pinned ones
  soak market
             ten thousand whole markets on a chain that reorganises, with crashes, losses and cheats
  soak node [--minutes N] [--clients N]
             two hundred clients for ten minutes at a node that is killed twice; many of them do what they must not
  soak replicas [--minutes N] [--clients N]
             the same at two replicas that share a book in PostgreSQL: both are killed twice, and so is the database
  soak power a power cut at every write of the embedded ledger's scenario
  soak proofs
             thirty thousand damaged proofs: none is accepted
  soak schedules
             a thousand random schedules of replies: each is the one that is made alone
  web        shows the example page, on a market and a chain of its own (web test: visits it in Chromium)
  clients    lets the usual stock clients (OpenAI's, LangChain, Alith's) talk through the loopback proxy, and looks at the node's status
             page, counts and units as an operator does
             (clients all: lets all of the book's table talk, 3 GB of packages, and writes target/reports/clients.json;
             clients NAME ...: those, by the names of their scripts;
             clients paid: lets x402's own clients pay a node on a chain, and others' checkers look at it;
             clients files: reads characters, recordings and a model out of packages, unmodified)
  agents     registers a character on a chain of its own, and lets agent0-sdk read it there
  signing    lets the OpenSSF's model_signing check what is signed here, and sign what is checked here; mlcroissant reads
             what datasets say of themselves
  layers     checks which crate may depend on which
  deny       checks bans, licences and sources of dependencies
  outside    builds a crate outside the workspace against lazai's default features, on plain stable
  surface    compares api.txt and the bindings with the facade that they are written out of (surface write: writes them)
  api        compares the crates' public names with docs/api (api write: writes it)
  openapi    compares what node and proxy answer with docs/api/openapi-*.json (openapi write: writes them)
  book       builds the book into target/book with mdBook (fetched once), and checks its links and those of the repository's pages
  readme     writes the README's program, and the book's tables of scenarios, clients and error codes
  help       this text

Files go under target/ and into the cache folder: $LAZAI_CACHE, or ~/.cache/lazai. (`outside` also uses the system's
folder for temporary files, since cargo would find this workspace's settings anywhere inside it.)
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let rest: Vec<&str> = args.iter().skip(1).map(String::as_str).collect();
    let result = match args.first().map(String::as_str) {
        Some("demo") => demo::run(&rest),
        Some("test") => checks::all(),
        Some("agents") => agents::check(),
        Some("api") => api::start(&rest),
        Some("bench") => bench::run(&rest),
        Some("bindings") => bindings::start(&rest),
        Some("book") => book::write(),
        // The model last: scripts take the last line.
        Some("fetch") => model::fetch_voice().and_then(|voice| {
            println!("{}\n{}", voice.display(), model::fetch(None)?.display());
            Ok(())
        }),
        Some("contracts") => contracts::start(&rest),
        Some("cuda") => cuda::check(),
        Some("clients") if rest == ["files"] => files::check(),
        Some("clients") => model::fetch(None).and_then(|base| clients::start(&rest, &base)),
        Some("layers") => checks::layers(),
        Some("deny") => checks::deny(),
        Some("outside") => outside::run(),
        Some("openapi") => openapi::start(&rest),
        Some("package") => package::start(),
        Some("fuzz") => fuzz::start(&rest),
        Some("signing") => signing::check(),
        Some("soak") => soak::run(&rest),
        Some("surface") => surface::start(&rest),
        Some("readme") => readme::write(),
        Some("web") => web::start(&rest),
        None | Some("help" | "--help" | "-h") => {
            println!("{HELP}");
            Ok(())
        }
        Some(other) => Err(anyhow::anyhow!("unknown verb {other:?}\n\n{HELP}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
