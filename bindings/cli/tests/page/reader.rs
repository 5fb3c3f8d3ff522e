//! A reader of the page: a shell in a fresh folder, with the command line, a base model and PostgreSQL's programs at hand.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::shown::{Block, is_shown};

/// The user that the shell runs as if the test runs as root, which PostgreSQL refuses.
const USER: &str = "postgres";
/// The longest time for the whole page.
const LONGEST: Duration = Duration::from_secs(400);
/// A line that is printed after each block.
const MARK: &str = "-- end of block";

pub struct Reader {
    place: tempfile::TempDir,
    path: String,
    is_user: bool,
}

/// A shell and all that it started in the background, ended with this.
struct Shell<'a>(Child, &'a Path);

impl Reader {
    pub fn new(base: &Path) -> Self {
        let place = tempfile::tempdir().unwrap();
        std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::create_dir(place.path().join("bin")).unwrap();
        std::fs::create_dir(place.path().join("to-try")).unwrap();
        // The user may read neither the build nor the cache: they may be in root's home.
        for (from, to) in [(Path::new(env!("CARGO_BIN_EXE_lazai")), "bin/lazai"), (base, "model.gguf")] {
            let to = place.path().join(to);
            std::fs::hard_link(from, &to).or_else(|_| std::fs::copy(from, &to).map(|_| ())).unwrap();
        }
        std::os::unix::fs::symlink("../model.gguf", place.path().join("to-try/model.gguf")).unwrap();
        let chown = || Command::new("chown").arg(USER).arg(place.path().join("to-try")).output();
        let is_user = is_root() && find("runuser").is_some() && chown().is_ok_and(|done| done.status.success());
        let database = postgres().map(|folder| format!(":{}", folder.display())).unwrap_or_default();
        let (bin, path) = (place.path().join("bin"), std::env::var("PATH").unwrap_or_default());
        let path = format!("{}:{path}{database}", bin.display());
        Self { place, path, is_user }
    }

    /// Why a program of the page cannot be run here.
    pub fn lacks(&self, program: &str) -> Option<String> {
        if std::env::split_paths(&self.path).all(|folder| !folder.join(program).is_file()) {
            return Some(format!("{program} is not on this machine"));
        }
        (is_root() && !self.is_user).then(|| format!("{program} does not run as root, and there is no user {USER}"))
    }

    /// Runs all blocks in one shell, each of which must succeed and print what is shown.
    pub fn runs(&self, blocks: &[Block]) {
        let folder = self.place.path().join("to-try");
        let mut script = "set -eo pipefail\n".to_owned();
        for (place, block) in blocks.iter().enumerate() {
            writeln!(script, "{}\nprintf '\\n{MARK} {place}\\n'", block.commands).unwrap();
        }
        let (written, errors) = (self.place.path().join("page.sh"), self.place.path().join("errors"));
        std::fs::write(&written, script).unwrap();
        let mut shell = Command::new(if self.is_user { "runuser" } else { "bash" });
        if self.is_user {
            shell.args(["-u", USER, "--", "bash"]);
        }
        shell.arg(&written).current_dir(&folder).env("PATH", &self.path).env("HOME", &folder).process_group(0);
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(std::fs::File::create(&errors).unwrap());
        let mut shell = Shell(shell.spawn().unwrap(), &folder);
        let output = shell.0.stdout.take().unwrap();
        let (send, lines) = channel();
        // Servers in the background may hold the output open: nobody waits for its end.
        std::thread::spawn(move || BufReader::new(output).lines().map_while(Result::ok).try_for_each(|l| send.send(l)));
        let until = Instant::now() + LONGEST;
        for (place, Block { commands, shows, .. }) in blocks.iter().enumerate() {
            let (mut found, mark) = (String::new(), format!("{MARK} {place}"));
            let failed = |what: &str, found: &str| -> ! {
                let log = std::fs::read_to_string(&errors).unwrap_or_default();
                panic!(
                    "block {place} {what}\n{commands}\n--- printed\n{found}\n--- errors, of all blocks\n{log}{}",
                    logs(&folder)
                )
            };
            loop {
                match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                    Ok(line) if line == mark => break,
                    Ok(line) => found = found + &line + "\n",
                    Err(RecvTimeoutError::Timeout) => failed("takes too long", &found),
                    Err(RecvTimeoutError::Disconnected) => failed("failed", &found),
                }
            }
            if !is_shown(shows.as_deref().unwrap_or_default(), &found) {
                let shows = shows.as_deref().unwrap_or("nothing");
                failed(&format!("does not print what the page shows:\n{shows}\n--- commands"), &found);
            }
        }
    }
}

impl Drop for Shell<'_> {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.0.wait();
        // PostgreSQL leaves the group.
        if let Ok(file) = std::fs::read_to_string(self.1.join("db/postmaster.pid"))
            && let Some(process) = file.lines().next()
        {
            let _ = Command::new("kill").args(["-QUIT", process]).status();
        }
    }
}

/// The logs that the page's servers write.
fn logs(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let logs = files.filter(|path| path.extension().is_some_and(|end| end == "log"));
    logs.map(|path| format!("--- {}\n{}", path.display(), std::fs::read_to_string(&path).unwrap_or_default())).collect()
}

fn is_root() -> bool {
    // The owner of one's own entry is whom one runs as.
    std::fs::metadata("/proc/self").is_ok_and(|about| about.uid() == 0)
}

/// Where a program is on the path.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// The folder of the newest PostgreSQL's programs, where Debian keeps them out of the path.
fn postgres() -> Option<PathBuf> {
    let known = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|version| version.path().join("bin"));
    known.filter(|bin| bin.join("initdb").is_file()).max()
}
