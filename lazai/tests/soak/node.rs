//! The node: a process of its own, so that it can be killed.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use lazai::Account;
use lazai::http::Front;
use lazai::lora::generate::Sampler;
use lazai::provider::{PostgresBook, Provider};
use lazai::settle::{EmbeddedLedger, SystemClock};
use lazai_core::digest::sha256;
use lazai_core::{ClassId, VersionNumber};
use pollster::block_on;
use serde::{Deserialize, Serialize};

use super::desk::{self, Stats};
use super::line;
use super::market::terms;
use super::stand_in::{MAX_TOKENS, StandIn};
use super::world::{NODE, signer};

/// The variable that tells the process what it is.
pub const VARIABLE: &str = "LAZAI_SOAK_NODE";

/// Has glibc give back what is freed: an arena a thread, kept for later, would look like a leak and hide one.
const ALLOCATOR: [(&str, &str); 2] = [("MALLOC_ARENA_MAX", "2"), ("MALLOC_MMAP_THRESHOLD_", "131072")];

/// What the process is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Setup {
    pub folder: PathBuf,
    pub port: u16,
    pub desk: u16,
    pub session_s: u64,
    /// The database that replicas share, by its URL; one node alone keeps a folder.
    pub database: Option<String>,
}

impl Setup {
    pub fn ledger(&self) -> PathBuf {
        self.folder.join("ledger")
    }
}

/// The node's provider, whose pages are in a folder beside its ledger, unless it gets another book.
pub fn provider(ledger: Arc<EmbeddedLedger>, model: Arc<StandIn>, folder: &Path) -> Provider {
    let account = Account::new(ledger, Arc::new(signer(NODE)));
    Provider::new(account, model, folder.join("node"))
        .with_adapter(ClassId(1), VersionNumber(1), folder, sha256(b"adapter"))
        .unwrap()
        .with_sampler(Sampler { max_tokens: MAX_TOKENS, ..Sampler::default() })
}

/// Is the node, until it is told to stop or whoever started it is gone.
pub fn run() {
    let told = std::env::var(VARIABLE).unwrap();
    let setup: Setup = serde_json::from_str(&told).unwrap();
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(3);
    });
    let ledger = Arc::new(EmbeddedLedger::open(&setup.ledger(), SystemClock).unwrap());
    let model = Arc::new(StandIn::new());
    let provider = provider(ledger.clone(), model.clone(), &setup.folder);
    let provider = Arc::new(match &setup.database {
        None => provider,
        Some(url) => {
            let book = block_on(PostgresBook::connect(url, provider.address(), None)).unwrap();
            provider.with_book(book)
        }
    });
    let front = Front::new(provider.clone(), vec![terms(setup.session_s)]);
    let serving = front.spawn((Ipv4Addr::LOCALHOST, setup.port)).unwrap();
    let (stop, stopped) = mpsc::channel();
    let told = provider.clone();
    let stats = move || Stats {
        begun: model.begun.load(Ordering::SeqCst),
        left: model.left.load(Ordering::SeqCst),
        lines: lines(&told),
        entries: 0,
    };
    desk::serve(setup.desk, ledger, Arc::new(stats), stop);
    stopped.recv().unwrap();
    drop(serving);
    let refused = block_on(provider.redeem_all()).unwrap();
    assert!(refused.is_empty(), "the ledger refused {refused:?}");
    std::process::exit(0);
}

/// In how many lines requests stand at the provider: it says so in its `Debug` text.
fn lines(provider: &Provider) -> u64 {
    let text = format!("{provider:?}");
    let (_, number) = text.rsplit_once("lines: ").unwrap();
    number.trim_end_matches([' ', '}']).parse().unwrap()
}

/// The process, as who started it sees it.
pub struct Process {
    child: Child,
    /// The process ends with it; waiting for a child closes what it still has.
    _input: Option<ChildStdin>,
    errors: PathBuf,
}

impl Process {
    /// Starts it, and waits until it answers; says how long that took.
    pub fn start(setup: &Setup) -> (Self, Duration) {
        let started = Instant::now();
        let errors = setup.folder.join(format!("errors-{}.txt", setup.port));
        let file: File = OpenOptions::new().create(true).append(true).open(&errors).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_node", "--ignored", "--nocapture"])
            .env(VARIABLE, serde_json::to_string(setup).unwrap())
            .envs(ALLOCATOR)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap();
        let _input = child.stdin.take();
        let mut process = Self { child, _input, errors };
        while line::health(setup.port).is_err() {
            let ended = process.child.try_wait().unwrap();
            assert!(ended.is_none(), "the node ended with {ended:?}: {}", process.errors());
            assert!(started.elapsed() < Duration::from_secs(60), "the node does not come up: {}", process.errors());
            std::thread::sleep(Duration::from_millis(20));
        }
        (process, started.elapsed())
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Kills it: SIGKILL, on Unix.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// How it ended, after it was told to stop.
    pub fn end(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// What all processes so far said of panics and the like.
    pub fn errors(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As many ports that are free now, and that no outgoing connection takes while the node is away: below those that systems give out.
/// None is given out twice.
pub fn ports(count: usize) -> Vec<u16> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap();
    // Processes that are started one after the other have ports of their own.
    let first = 20_000 + u16::try_from(std::process::id() % 1_000).unwrap() * 10;
    let is_free = |port: &u16| !given.contains(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let ports: Vec<u16> = (first..32_000).filter(is_free).take(count).collect();
    given.extend(&ports);
    ports
}

/// Resident memory in KiB, and open files, of a process: where the system tells (Linux).
pub fn usage(id: u32) -> Option<(u64, u64)> {
    let folder = Path::new("/proc").join(id.to_string());
    let status = std::fs::read_to_string(folder.join("status")).ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))?;
    Some((resident.trim().parse().ok()?, std::fs::read_dir(folder.join("fd")).ok()?.count() as u64))
}
