//! A character in a registry of agents on a chain, and what agent0-sdk reads there. The registries are stand-ins.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use lazai::agent::{Agent, Registration, data_uri};
use lazai::core::Address;
use lazai::core::digest::keccak256;
use lazai::settle::agent::{self, Binding, Feedback};
use lazai::settle::ledger::evm::{HttpRpc, Rpc};
use lazai_examples::Stage;
use pollster::block_on;
use serde_json::{Value, json};

fn named(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name}: `cargo xtask agents` names it"))
}

/// The code of a contract among the stand-ins, by the compiler that npm brings.
fn compiled(contract: &str) -> String {
    let folder = PathBuf::from(named("LAZAI_CONTRACTS"));
    let source = std::fs::read_to_string(folder.join("test/support/AgentRegistries.sol")).unwrap();
    let asked = json!({
        "language": "Solidity",
        "sources": {"AgentRegistries.sol": {"content": source}},
        "settings": {"viaIR": true, "optimizer": {"enabled": true}, "outputSelection": {"*": {"*": ["evm.bytecode.object"]}}},
    });
    let mut solc = Command::new("node");
    let solc = solc.arg(folder.join("solc.mjs")).arg("--standard-json");
    let mut solc = solc.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    solc.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let told: Value = serde_json::from_slice(&solc.wait_with_output().unwrap().stdout).unwrap();
    let code = told["contracts"]["AgentRegistries.sol"][contract]["evm"]["bytecode"]["object"].as_str();
    code.unwrap_or_else(|| panic!("{}", told["errors"])).to_owned()
}

struct Chain(HttpRpc, Address);

impl Chain {
    fn new(url: &str) -> Self {
        let rpc = HttpRpc::new(url);
        for _ in 0..100 {
            if let Ok(accounts) = rpc.request("eth_accounts", json!([])) {
                let account = accounts[0].as_str().unwrap().parse().unwrap();
                return Self(rpc, account);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{url} does not answer")
    }

    /// Sends calldata, or makes a contract; the receipt, which says that it was done.
    fn send(&self, to: Option<Address>, data: &[u8]) -> Value {
        let mut call = json!({"from": self.1, "data": hex(data)});
        if let Some(to) = to {
            call["to"] = json!(to);
        }
        let sent = self.0.request("eth_sendTransaction", json!([call])).unwrap();
        for _ in 0..100 {
            let receipt = self.0.request("eth_getTransactionReceipt", json!([sent])).unwrap();
            if receipt.is_object() {
                assert_eq!(receipt["status"], "0x1", "{receipt}");
                return receipt;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("no receipt of {sent}")
    }

    fn deploy(&self, contract: &str) -> Address {
        let receipt = self.send(None, &bytes(&compiled(contract)));
        receipt["contractAddress"].as_str().unwrap().parse().unwrap()
    }

    fn ask(&self, to: Address, data: &[u8]) -> Vec<u8> {
        let told = self.0.request("eth_call", json!([{"to": to, "data": hex(data)}, "latest"])).unwrap();
        bytes(told.as_str().unwrap())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.strip_prefix("0x").unwrap_or(hex);
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// `bind` of the stand-in: the draft leaves open how a contract comes to know the token.
fn bind(number: u8, contract: Address, token: u8) -> Vec<u8> {
    let word = |bytes: &[u8]| [&vec![0; 32 - bytes.len()][..], bytes].concat();
    let selector = keccak256(b"bind(uint256,uint8,address,uint256)").as_bytes()[..4].to_vec();
    [selector, word(&[number]), word(&[0]), word(contract.as_bytes()), word(&[token])].concat()
}

#[test]
#[ignore = "needs a chain, npm and agent0-sdk: `cargo xtask agents`"]
fn agent0_reads_a_character_that_was_registered() {
    let url = named("LAZAI_CHAIN_URL");
    let chain = Chain::new(&url);
    let chain_id = 31_337;
    let (registry, bindings) = (chain.deploy("AgentRegistry"), chain.deploy("AgentBindings"));

    let stage = Stage::new().unwrap();
    let minted = block_on(stage.minted()).unwrap();
    let market = stage.home.ledger().market();
    let version = market.class(minted.class).and_then(|class| class.version(minted.version)).unwrap();
    let urls = ["https://node.example".to_owned()];
    let file = |registrations: &[Registration]| {
        let description = "A singer of the city.";
        Agent {
            ledger: market.ledger(),
            domain: market.domain(),
            class: minted.class,
            version: minted.version,
            metadata: &version.metadata,
            description,
            image: None,
            urls: &urls,
            x402: true,
            registrations,
        }
        .file()
    };

    // Registered, and then told its own number.
    let receipt = chain.send(Some(registry), &agent::register(&data_uri(&file(&[]))));
    let number = u8::from_str_radix(&receipt["logs"][0]["topics"][1].as_str().unwrap()[64..], 16).unwrap();
    let registration = Registration { chain_id, registry, agent: number.into() };
    chain.send(Some(registry), &agent::set_uri(number.into(), &data_uri(&file(&[registration]))));

    // Bound to a token.
    let token = Address::from_bytes([5; 20]);
    chain.send(Some(bindings), &bind(number, token, 3));
    chain.send(Some(registry), &agent::set_binding(number.into(), bindings));
    let binding = agent::read_binding(&chain.ask(registry, &agent::get_binding(number.into()))).unwrap();
    let bound = agent::read_binding_of(&chain.ask(binding, &agent::binding_of(number.into())));
    assert_eq!((binding, bound), (bindings, Some(Binding { standard: 0, contract: token, token: 3 })));

    // Feedback names the file behind it by its digest.
    let (evidence, uri) = (&b"{\"evidence\":1}"[..], "https://a.example/evidence.json");
    let told = Feedback {
        agent: number.into(),
        value: 9_500,
        decimals: 2,
        tags: ["chat", ""],
        endpoint: &urls[0],
        uri,
        file: Some(evidence),
    };
    let receipt = chain.send(Some(registry), &agent::give_feedback(&told));
    let logged = receipt["logs"][0]["data"].as_str().unwrap();
    assert!(logged.contains(keccak256(evidence).to_string().trim_start_matches("0x")), "{logged}");

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("agents/agent0.py");
    let mut python = Command::new(named("LAZAI_AGENT0_PYTHON"));
    let python = python.arg(script).args([&url, &chain_id.to_string(), &registry.to_string(), &number.to_string()]);
    let read = python.stderr(Stdio::inherit()).output().unwrap();
    assert!(read.status.success());
    let found: Value = serde_json::from_slice(&read.stdout).unwrap();
    let card = format!("https://node.example/a2a/dat:{}:{}/.well-known/agent-card.json", minted.class, minted.version);
    assert_eq!(found["name"], json!(version.metadata.character));
    assert_eq!((&found["x402"], &found["active"]), (&json!(true), &json!(true)));
    assert_eq!((&found["endpoints"], &found["trust"]), (&json!([["A2A", card]]), &json!(["reputation"])));
    let owner = found["owners"][0].as_str().unwrap().to_lowercase();
    assert_eq!(owner, chain.1.to_string().to_lowercase());
}
