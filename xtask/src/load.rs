//! `cargo xtask bench node`: what a node adds to its engine (`overhead` of the benches), and the real engine behind two replicas and a proxy, under the load of a tool that others wrote (Locust), while
//! replicas and their database are killed and started again.

mod account;
#[path = "../../lazai/tests/soak/postgres.rs"]
#[allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "shared with the tests")]
mod postgres;

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};

use crate::checks::FEATURES;
use crate::shell::{cargo, root, run, target};
use crate::{model, peers};

const CLIENTS: u64 = 200;
const SECONDS: u64 = 600;
/// Most tokens of a reply, and of a conversation before it.
const REPLY: &str = "24";
const PROMPT: &str = "1200";
/// Sessions that the proxy has at a time: as many replies wait or are made.
const SESSIONS: &str = "48";
/// Parts of the load, as shares of its time, at which something is killed: a replica's number, or the database.
const KILLS: [(f64, Option<usize>); 5] =
    [(0.2, Some(0)), (0.35, Some(1)), (0.5, None), (0.65, Some(0)), (0.8, Some(1))];

/// `cargo xtask bench node [--seconds N] [--clients N]`.
pub fn measure(file: &Path, options: &[&str]) -> Result<()> {
    let (mut seconds, mut clients) = (SECONDS, CLIENTS);
    for option in options.chunks(2) {
        match *option {
            ["--seconds", number] => seconds = number.parse()?,
            ["--clients", number] => clients = number.parse()?,
            _ => bail!("bench node: unknown option {option:?} (--seconds N, 0 without the load; --clients N)"),
        }
    }
    let overhead = overhead(file)?;
    if seconds == 0 {
        return write(file, &json!({"overhead": overhead}));
    }
    run("the command line", &mut cargo(&["build", "--workspace", "--all-targets", "--features", FEATURES]))?;
    let (base, python) = (model::fetch(None)?, peers::python("load")?);
    let folder = target().join("load");
    let market = folder.join("market");
    mint(&folder, &market, &base)?;

    let database_folder = std::env::temp_dir().join(format!("lazai-load-{}", std::process::id()));
    std::fs::create_dir_all(&database_folder)?;
    let database = postgres::Server::start(&database_folder, port()?).map_err(|missing| anyhow!(missing))?;
    let setup = Setup { folder, market, base, url: database.url(), ports: [port()?, port()?] };
    std::fs::write(setup.url_file(), &setup.url)?;
    let mut replicas = [setup.replica(0)?, setup.replica(1)?];
    let (proxy, endpoint, key) = setup.proxy(port()?)?;
    let before = account::Balances::read(&setup.market)?;

    let told = setup.folder.join("locust.json");
    let mut locust = Command::new(python);
    locust.args(["-m", "locust", "--headless", "--only-summary", "--loglevel", "WARNING", "-f"]);
    locust.arg(root().join("benches/peers/load.py")).args([
        "-u",
        &clients.to_string(),
        "-r",
        "10",
        "-t",
        &format!("{seconds}s"),
    ]);
    locust.envs([("OPENAI_BASE_URL", &endpoint), ("OPENAI_API_KEY", &key)]).env("LAZAI_MODEL", "dat:1:1");
    let mut locust = locust.env("LAZAI_REPORT", &told).stdout(Stdio::null()).spawn().context("Locust")?;
    println!("── {clients} clients for {seconds} s at {endpoint}");
    let begun = Instant::now();
    let mut kills = KILLS.iter().peekable();
    let (mut memory, mut lives) = (Vec::new(), [0; 3]);
    while locust.try_wait()?.is_none() {
        std::thread::sleep(Duration::from_secs(1));
        let at_s = begun.elapsed().as_secs_f64();
        memory.push(Sample { lives, kib: [resident(&replicas[0]), resident(&replicas[1]), resident(&proxy)] });
        let Some((_, what)) = kills.next_if(|(share, _)| at_s >= share * seconds as f64) else { continue };
        match what {
            Some(replica) => {
                println!("   {at_s:.0} s: replica {replica} is killed");
                replicas[*replica].kill()?;
                std::thread::sleep(Duration::from_secs(2));
                replicas[*replica] = setup.replica(*replica)?;
                lives[*replica] += 1;
            }
            None => {
                println!("   {at_s:.0} s: the database is killed");
                database.kill_and_start();
            }
        }
        ensure!(at_s < (2 * seconds + 600) as f64, "Locust does not end");
    }
    setup.still_serves(&endpoint, &key)?;
    proxy.end()?;
    let [one, two] = replicas;
    one.end()?;
    two.end()?;
    let pages = database.ask("SELECT convert_from(page, 'UTF8') FROM lazai_pages");
    let money = account::check(&pages, &setup.proxy_folder(), &setup.market, &before)?;
    drop(database);
    std::fs::remove_dir_all(&database_folder).ok();
    let load: Value = serde_json::from_slice(&std::fs::read(&told)?)?;
    let report = json!({
        "overhead": overhead, "clients": clients, "seconds": seconds, "replicas": 2, "kills": {"replicas": 4, "database": 1},
        "load": load, "money": money, "memory": flat(&memory),
    });
    write(file, &report)
}

fn write(file: &Path, report: &Value) -> Result<()> {
    std::fs::write(file, format!("{report:#}\n"))?;
    println!("{report:#}");
    Ok(())
}

/// The engine alone, and behind a node, at 1, 16 and 64 clients.
fn overhead(file: &Path) -> Result<Value> {
    let told = file.with_extension("overhead");
    let mut bench = cargo(&["run", "--quiet", "-p", "lazai-benches", "--", "overhead"]);
    run("what a node adds to its engine", bench.env("LAZAI_BASE_MODEL", model::fetch(None)?).arg(&told))?;
    let overhead = serde_json::from_slice(&std::fs::read(&told)?)?;
    std::fs::remove_file(told)?;
    Ok(overhead)
}

/// Has the demo's character made, proved and minted on a market in a folder, once.
fn mint(folder: &Path, market: &Path, base: &Path) -> Result<()> {
    if market.join("minted.json").is_file() {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    let mut people = lazai(&["local"]);
    let people = people.arg(market).args(["--steps", "2", "--base"]).arg(base).stdout(Stdio::null()).spawn()?;
    let _people = Served { child: people, said: None };
    while !market.join("keys/password").is_file() {
        std::thread::sleep(Duration::from_millis(200));
    }
    let (diva, made) = (root().join("examples/cyber-diva"), folder.join("diva"));
    let mut create = lazai(&["create"]);
    create.arg(diva.join("card.json")).arg(diva.join("chat.jsonl")).arg("--local").arg(market).arg("--base").arg(base);
    create.args([
        "--name",
        "Ada",
        "--licence",
        "CC-BY-4.0",
        "--consent",
        "for training this character",
        "--steps",
        "2",
        "--out",
    ]);
    run("create", create.arg(&made))?;
    run("publish", lazai(&["publish"]).arg(&made).arg("--local").arg(market))
}

/// The command line.
fn lazai(args: &[&str]) -> Command {
    let mut command = Command::new(target().join("debug").join(format!("lazai{}", std::env::consts::EXE_SUFFIX)));
    command.args(args);
    command
}

/// A port of this machine that is free now.
fn port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// What the two replicas and the proxy had in memory at a moment, and which life of theirs it was.
struct Sample {
    lives: [usize; 3],
    kib: [u64; 3],
}

struct Setup {
    folder: PathBuf,
    market: PathBuf,
    base: PathBuf,
    url: String,
    ports: [u16; 2],
}

impl Setup {
    fn url_file(&self) -> PathBuf {
        self.folder.join("database")
    }

    fn proxy_folder(&self) -> PathBuf {
        self.folder.join("proxy")
    }

    /// Starts a replica, and waits until it serves.
    fn replica(&self, number: usize) -> Result<Served> {
        let mut serve = lazai(&["serve", "--prompt-price", "1", "--completion-price", "4", "--until-input-ends"]);
        serve.args(["--reply-tokens", REPLY, "--prompt-ceiling", PROMPT]);
        // All clients are one consumer to the node: the proxy's.
        serve.args(["--consumer-requests", "0", "--session-requests", "0"]);
        serve.arg("--local").arg(&self.market).arg("--base").arg(&self.base).arg("--database").arg(self.url_file());
        serve.arg("--book").arg(self.folder.join(format!("replica-{number}")));
        serve.args(["--address", &format!("127.0.0.1:{}", self.ports[number])]);
        let (served, _) = Served::start(&mut serve, 1)?;
        let until = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.ports[number])).is_err() {
            ensure!(Instant::now() < until, "replica {number} does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(served)
    }

    /// Starts the proxy; its URL and its key.
    fn proxy(&self, port: u16) -> Result<(Served, String, String)> {
        std::fs::remove_dir_all(self.proxy_folder()).ok();
        let mut proxy = lazai(&["proxy", "--until-input-ends", "--budget", "1000000000000", "--deposit", "200000"]);
        proxy.args(["--reply", "20000", "--sessions", SESSIONS, "--address", &format!("127.0.0.1:{port}")]);
        proxy
            .arg("--local")
            .arg(&self.market)
            .arg("--tokenizer")
            .arg(&self.base)
            .arg("--folder")
            .arg(self.proxy_folder());
        for port in self.ports {
            proxy.args(["--node", &format!("http://127.0.0.1:{port}")]);
        }
        let (served, told) = Served::start(&mut proxy, 2)?;
        let value = |line: usize| told[line].split_once('=').map(|(_, value)| value.to_owned()).context("NAME=value");
        Ok((served, value(0)?, value(1)?))
    }

    /// After everything: one more reply is had.
    fn still_serves(&self, endpoint: &str, key: &str) -> Result<()> {
        let body = json!({"model": "dat:1:1", "messages": [{"role": "user", "content": "Are you there?"}]}).to_string();
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--fail-with-body", "-m", "120", "-H", "content-type: application/json", "-o"])
            .arg("/dev/null");
        curl.args([
            "-H",
            &format!("authorization: Bearer {key}"),
            "-d",
            &body,
            &format!("{endpoint}/chat/completions"),
        ]);
        run("one more reply", &mut curl)
    }
}

/// A program that serves until its input ends; it ends with this.
struct Served {
    child: Child,
    said: Option<BufReader<ChildStdout>>,
}

impl Served {
    /// Starts one, and waits for so many lines.
    fn start(command: &mut Command, lines: usize) -> Result<(Self, Vec<String>)> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut said = BufReader::new(child.stdout.take().context("no output")?);
        let mut told = Vec::new();
        for _ in 0..lines {
            let mut line = String::new();
            ensure!(said.read_line(&mut line)? > 0, "{command:?} ended at once");
            told.push(line.trim_end().to_owned());
        }
        Ok((Self { child, said: Some(said) }, told))
    }

    fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Ends its input, and waits for its end.
    fn end(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        for line in self.said.take().into_iter().flat_map(BufRead::lines) {
            println!("   {}", line?);
        }
        let status = self.child.wait()?;
        ensure!(status.success(), "a program ended with {status}");
        Ok(())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Resident memory of a program, in KiB, where the system tells (Linux).
fn resident(served: &Served) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    line.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Memory of each program, life by life: the most, and the middle of the second and of the last quarter, in MiB.
fn flat(memory: &[Sample]) -> Value {
    let life = |program: usize, life: usize| {
        let of = memory.iter().filter(|sample| sample.lives[program] == life).map(|sample| sample.kib[program]);
        let all: Vec<u64> = of.filter(|kib| *kib > 0).collect();
        let middle = |part: &[u64]| {
            let mut part = part.to_vec();
            part.sort_unstable();
            part.get(part.len() / 2).map(|kib| kib / 1024)
        };
        let quarter = all.len() / 4;
        json!({
            "seconds": all.len(), "most_mib": all.iter().max().map(|kib| kib / 1024),
            "second_quarter_mib": middle(&all[quarter..2 * quarter]), "last_quarter_mib": middle(&all[3 * quarter..]),
        })
    };
    let lives = |program: usize| {
        let last = memory.last().map_or(0, |sample| sample.lives[program]);
        (0..=last).map(|number| life(program, number)).collect::<Vec<_>>()
    };
    json!({"replica_0": lives(0), "replica_1": lives(1), "proxy": lives(2)})
}
