//! Packages of Debian, fetched and unpacked into a folder: nothing is installed, and no root is needed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Missing;
use crate::shell::{cache, has, run};

/// Where packages come from: another release than this machine's (by Debian's name of it), for another processor, and without
/// what they need.
pub struct Archive {
    pub release: Option<&'static str>,
    pub architecture: Option<&'static str>,
    pub alone: bool,
}

/// This machine's release and processor.
pub const OWN: Archive = Archive { release: None, architecture: None, alone: false };

/// Unpacks packages into a folder of the cache, once.
pub fn unpacked(name: &str, from: &Archive, packages: &[&str], size: &str) -> Result<Result<PathBuf, Missing>> {
    let folder = cache()?.join(name);
    let done = folder.join(".done");
    if std::fs::read_to_string(&done).is_ok_and(|found| found == packages.join(" ")) {
        return Ok(Ok(folder));
    }
    for program in ["apt-get", "dpkg-deb", "dpkg"] {
        if !has(program, "--version") {
            return Ok(Err(format!("{program} is not on this machine")));
        }
    }
    if folder.is_dir() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let apt = Apt::new(&folder.join(".apt"), from)?;
    run(&format!("{name}: Debian's lists of packages"), apt.command().arg("update"))?;
    let archives = apt.folder.join("cache/archives");
    let mut download = apt.command();
    match from.alone {
        true => download.arg("download").current_dir(&archives),
        false => download.args(["install", "-y", "--download-only", "--no-install-recommends"]),
    };
    download.args(packages).stdout(std::process::Stdio::null());
    run(&format!("{name}: download, {size}"), &mut download)?;
    let mut archives: Vec<PathBuf> = std::fs::read_dir(archives)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "deb"))
        .collect();
    // Debian's own layout comes first: it brings links such as /bin.
    archives.sort_by_key(|path| !path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("base-files_")));
    ensure!(!archives.is_empty(), "{name}: nothing was downloaded");
    for archive in archives {
        let unpacked = Command::new("dpkg-deb").arg("-x").arg(&archive).arg(&folder).status()?;
        ensure!(unpacked.success(), "{}: {unpacked}", archive.display());
    }
    std::fs::remove_dir_all(&apt.folder)?;
    std::fs::write(done, packages.join(" "))?;
    Ok(Ok(folder))
}

/// apt with everything it keeps in a folder of its own.
struct Apt {
    folder: PathBuf,
    architecture: String,
}

impl Apt {
    fn new(folder: &Path, from: &Archive) -> Result<Self> {
        for part in ["etc/sources.list.d", "etc/preferences.d", "state/lists/partial", "cache/archives/partial"] {
            std::fs::create_dir_all(folder.join(part))?;
        }
        std::fs::write(folder.join("status"), "")?;
        let own = own_release()?;
        let said = |text: String| from.release.map_or(text.clone(), |release| text.replace(&own, release));
        for (file, to) in [
            ("/etc/apt/sources.list", "etc/sources.list"),
            ("/etc/apt/sources.list.d/debian.sources", "etc/sources.list.d/debian.sources"),
        ] {
            if let Ok(sources) = std::fs::read_to_string(file) {
                std::fs::write(folder.join(to), said(sources))?;
            }
        }
        let architecture = match from.architecture {
            Some(architecture) => architecture.to_owned(),
            None => {
                let output = Command::new("dpkg").arg("--print-architecture").output()?;
                String::from_utf8_lossy(&output.stdout).trim().to_owned()
            }
        };
        Ok(Self { folder: folder.into(), architecture })
    }

    fn command(&self) -> Command {
        let mut apt = Command::new("apt-get");
        let folder = self.folder.display();
        apt.arg("-qq");
        for option in [
            format!("Dir::Etc={folder}/etc"),
            format!("Dir::State={folder}/state"),
            format!("Dir::State::status={folder}/status"),
            format!("Dir::Cache={folder}/cache"),
            format!("APT::Architecture={}", self.architecture),
            format!("APT::Architectures::={}", self.architecture),
            "APT::Sandbox::User=".into(),
            "Debug::NoLocking=1".into(),
        ] {
            apt.args(["-o", &option]);
        }
        apt
    }
}

fn own_release() -> Result<String> {
    let about = std::fs::read_to_string("/etc/os-release")?;
    let name = about.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    name.map(|name| name.trim_matches('"').to_owned()).context("/etc/os-release names no release")
}
