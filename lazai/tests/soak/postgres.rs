//! A PostgreSQL server in a folder of its own, where the system has the programs.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The user that servers run as if the test runs as root, which they refuse.
const USER: &str = "postgres";

/// A server with a fresh database; it ends with this value.
pub struct Server {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
    process: Mutex<Option<Child>>,
}

impl Server {
    /// Starts one in an empty folder at a port that is free; why there is none, where it cannot be had. If this is root, the folder is
    /// another user's from now on: those above it must be open to everybody.
    pub fn start(folder: &Path, port: u16) -> Result<Self, String> {
        let programs = programs().ok_or("no initdb of PostgreSQL on this machine")?;
        let server = Self { folder: folder.into(), programs, port, process: Mutex::new(None) };
        if is_root() {
            let own = Command::new("chown").arg(USER).arg(&server.folder).status();
            if !own.is_ok_and(|status| status.success()) {
                return Err(format!("root cannot run PostgreSQL, and there is no user {USER}"));
            }
        }
        let made =
            server.command("initdb").args(["-N", "-A", "trust", "-U", "lazai", "-D"]).arg(server.data()).output();
        let made = made.map_err(|e| e.to_string())?;
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        server.up();
        Ok(server)
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("postgresql://lazai@127.0.0.1:{}/postgres", self.port)
    }

    /// What a statement gives, a line for each row; for who looks into it.
    #[allow(dead_code, reason = "storms ask the node")]
    pub fn ask(&self, sql: &str) -> String {
        let mut psql = self.command("psql");
        let asked = psql.args(["-At", "-c", sql, &self.url()]).stdout(Stdio::piped()).output().unwrap();
        assert!(asked.status.success(), "{sql}: {}", String::from_utf8_lossy(&asked.stderr));
        String::from_utf8_lossy(&asked.stdout).into_owned()
    }

    /// Kills all of it (its immediate mode), and starts it again: what was committed is there.
    pub fn kill_and_start(&self) {
        self.down();
        std::thread::sleep(Duration::from_millis(500));
        self.up();
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let mut command = if is_root() { Command::new("runuser") } else { Command::new(&path) };
        if is_root() {
            command.args(["-u", USER, "--"]).arg(path);
        }
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn up(&self) {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-k", ""]);
        let process = command.stderr(Stdio::null()).spawn().unwrap();
        *self.process.lock().unwrap() = Some(process);
        let until = Instant::now() + Duration::from_secs(60);
        let port = self.port.to_string();
        while !self.command("pg_isready").args(["-h", "127.0.0.1", "-p", &port]).status().unwrap().success() {
            assert!(Instant::now() < until, "PostgreSQL does not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn down(&self) {
        let mut stop = self.command("pg_ctl");
        let _ = stop.arg("-D").arg(self.data()).args(["-m", "immediate", "stop"]).stderr(Stdio::null()).status();
        if let Some(mut process) = self.process.lock().unwrap().take() {
            let _ = process.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.down();
    }
}

fn is_root() -> bool {
    // The owner of one's own entry is whom one runs as.
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|about| about.uid() == 0)
}

/// The folder with the programs of the newest version: Debian keeps them out of the path.
fn programs() -> Option<PathBuf> {
    let has = |folder: &Path| folder.join("initdb").is_file();
    let path = std::env::var_os("PATH")?;
    let known = std::fs::read_dir("/usr/lib/postgresql").ok().into_iter().flatten().flatten();
    let mut debian: Vec<PathBuf> = known.map(|version| version.path().join("bin")).filter(|bin| has(bin)).collect();
    debian.sort();
    debian.pop().or_else(|| std::env::split_paths(&path).find(|folder| has(folder)))
}
