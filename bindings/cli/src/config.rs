//! The file of `serve --config`: TOML, whose keys stand for options of the command line. What the command line says stands over it.

mod keys;
mod said;

use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory};
use lazai_facade::LazaiError;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::args::Args;
use keys::{KEYS, Key, Kind};
pub(crate) use said::Said;

/// Options that each exclude the others: one of them on the command line stands over all of the file's.
const PLACES: [&str; 3] = ["local", "market", "rpc"];
/// Options that mean nothing without one of these.
const OF_PLACES: [&str; 6] = ["local", "role", "market", "rpc", "deployment", "chain"];

/// The command line with what its file says, if `serve` names one, and where the file says it. A command line that is wrong stays as it
/// is: the parser says why.
pub(crate) fn with_file(args: Vec<OsString>) -> Result<(Vec<OsString>, Option<Said>), LazaiError> {
    let lenient = Args::command().ignore_errors(true).try_get_matches_from(&args);
    let Some(serve) = lenient.ok().and_then(|mut found| found.remove_subcommand()).filter(|(verb, _)| verb == "serve")
    else {
        return Ok((args, None));
    };
    let Some(path) = serve.1.try_get_one::<PathBuf>("config").ok().flatten() else { return Ok((args, None)) };
    let text = String::from_utf8(crate::read(path)?);
    let text = text.map_err(|_| LazaiError::new("config", format!("{}: is not UTF-8", path.display())))?;
    let said = options(path, &text)?;
    let stands = |id: &str| is_given(&serve.1, id);
    let elsewhere = PLACES.iter().any(|place| stands(place));
    let passed_over = |id: &str| {
        let with_role = id == "role" && stands("keystore");
        let with_key = ["keystore", "password_file"].contains(&id) && stands("role");
        stands(id) || with_role || with_key || elsewhere && OF_PLACES.contains(&id)
    };
    let taken: Vec<Setting> = said.into_iter().filter(|said| !passed_over(said.key.option)).collect();
    let lines = taken.iter().map(|said| (said.key, said.line)).collect();
    let args = args.into_iter().chain(taken.into_iter().flat_map(|said| said.words)).collect();
    Ok((args, Some(Said { path: path.clone(), lines })))
}

/// What a file says of a key.
struct Setting {
    key: &'static Key,
    line: usize,
    /// The options that it stands for.
    words: Vec<OsString>,
}

fn is_given(found: &ArgMatches, id: &str) -> bool {
    found.value_source(id) == Some(ValueSource::CommandLine)
}

/// The options that a file stands for. Paths in it are seen from its folder.
fn options(path: &Path, text: &str) -> Result<Vec<Setting>, LazaiError> {
    let line_of = |span: Range<usize>| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1;
    let at = |span: Range<usize>, reason: String| {
        LazaiError::new("config", format!("{}: line {}: {reason}", path.display(), line_of(span)))
    };
    let table =
        DeTable::parse(text).map_err(|error| at(error.span().unwrap_or_default(), error.message().to_owned()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut options = Vec::new();
    for (section, content) in table.get_ref() {
        let name = section.get_ref().as_ref();
        if !KEYS.iter().any(|key| key.section == name) {
            let known: Vec<_> = keys::sections().map(|section| format!("[{section}]")).collect();
            return Err(at(section.span(), format!("unknown section {name:?}; known: {}", known.join(", "))));
        }
        let DeValue::Table(content) = content.get_ref() else {
            return Err(at(section.span(), format!("{name:?} is a section: write [{name}], and its keys below")));
        };
        for (key, value) in content {
            let found = KEYS.iter().find(|known| known.section == name && known.name == key.get_ref().as_ref());
            let Some(known) = found else {
                let all: Vec<_> = KEYS.iter().filter(|known| known.section == name).map(|known| known.name).collect();
                let reason = format!("unknown key {:?} in [{name}]; known: {}", key.get_ref(), all.join(", "));
                return Err(at(key.span(), reason));
            };
            let words = known.words(value, folder).map_err(|expected| {
                at(value.span(), format!("{name}.{} is {expected}; found {}", known.name, shown(text, value)))
            })?;
            options.push(Setting { key: known, line: line_of(key.span()), words });
        }
    }
    Ok(options)
}

/// A value as it stands in the file, as far as it is short.
fn shown(text: &str, value: &Spanned<DeValue<'_>>) -> String {
    text.get(value.span()).unwrap_or_default().chars().take(60).collect()
}

impl Key {
    /// The arguments that a value stands for; else what it should be.
    fn words(&self, value: &Spanned<DeValue<'_>>, folder: &Path) -> Result<Vec<OsString>, &'static str> {
        let expected = || self.kind.expected();
        let option = |value: OsString| {
            let mut word = OsString::from(format!("--{}=", self.option.replace('_', "-")));
            word.push(value);
            word
        };
        let whole = |most: u64| {
            let number = value.get_ref().as_integer().filter(|number| number.radix() == 10);
            number.and_then(|number| number.as_str().parse::<u64>().ok()).filter(|number| *number <= most)
        };
        let text = |value: &DeValue<'_>| value.as_str().filter(|text| !text.is_empty()).map(OsString::from);
        let one = |value: Option<OsString>| value.map(|value| vec![option(value)]).ok_or_else(expected);
        match self.kind {
            Kind::Address => one(text(value.get_ref()).filter(|at| {
                let parts = at.to_str().and_then(|at| at.rsplit_once(':'));
                parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
            })),
            Kind::Amount => {
                let units = |text: &OsString| text.to_str().is_some_and(|text| text.parse::<u128>().is_ok());
                let text = || text(value.get_ref()).filter(units);
                one(whole(u64::MAX).map(|number| number.to_string().into()).or_else(text))
            }
            Kind::Flag => match value.get_ref().as_bool() {
                Some(true) => Ok(vec![format!("--{}", self.option.replace('_', "-")).into()]),
                Some(false) => Ok(Vec::new()),
                None => Err(expected()),
            },
            Kind::List => {
                let items = value.get_ref().as_array().ok_or_else(expected)?;
                items.iter().map(|item| text(item.get_ref()).map(option).ok_or_else(expected)).collect()
            }
            // A store may be behind a URL.
            Kind::Path if value.get_ref().as_str().is_some_and(|text| text.contains("://")) => {
                one(text(value.get_ref()))
            }
            Kind::Path => one(text(value.get_ref()).map(|path| folder.join(path).into_os_string())),
            Kind::Text => one(text(value.get_ref())),
            Kind::Whole(most) => one(whole(most).map(|number| number.to_string().into())),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Serve, Verb};

    fn file(text: &str) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.toml");
        std::fs::write(&path, text).unwrap();
        (folder, path.display().to_string())
    }

    fn parsed(words: &[&str]) -> Result<Serve, String> {
        let args = ["lazai", "serve"].iter().chain(words).map(OsString::from).collect();
        let (args, said) = with_file(args).map_err(|error| error.to_string())?;
        let told = |error: clap::Error| match said.as_ref().and_then(|said| said.error(&error)) {
            Some(told) => told.to_string(),
            None => error.to_string(),
        };
        match Args::try_parse_from(args).map_err(told)?.verb {
            Verb::Serve(serve) => Ok(*serve),
            other => panic!("{other:?}"),
        }
    }

    const NODE: &str = r#"
        [market]
        rpc = "https://one.example"
        deployment = "deployment.json"
        [account]
        keystore = "/keys/node"
        password_file = "password"
        [character]
        base = "model.gguf"
        adapter = "adapter"
        class = 7
        [terms]
        prompt_price = 1000000000000
        completion_price = "340282366920938463463374607431768211455"
        session_s = 3600
        [book]
        folder = "book"
        [limits]
        trusted_proxies = ["10.0.0.0/8", "127.0.0.1"]
        limit_loopback = true
        "#;

    #[test]
    fn a_file_stands_for_options_and_the_command_line_over_it() {
        let (folder, path) = file(NODE);
        let seen = |name: &str| Some(folder.path().join(name));
        let serve = parsed(&["--config", &path]).unwrap();
        assert_eq!((serve.class, serve.session_s, serve.prompt_price.as_str()), (Some(7), 3_600, "1000000000000"));
        assert_eq!(serve.completion_price, u128::MAX.to_string());
        assert_eq!((Some(serve.base), Some(serve.book)), (seen("model.gguf"), seen("book")), "seen from the file");
        assert_eq!(serve.acting.keystore, Some("/keys/node".into()));
        assert_eq!((serve.trusted_proxy.len(), serve.limit_loopback, serve.check), (2, true, false));

        let serve = parsed(&["--class=9", "--config", &path, "--session-s", "60", "--trusted-proxy", "::1", "--check"]);
        let serve = serve.unwrap();
        assert_eq!((serve.class, serve.session_s, serve.trusted_proxy), (Some(9), 60, vec!["::1".to_owned()]));
        assert_eq!((serve.version, serve.check), (1, true));
        // Another market on the command line: the file's is not spoken of.
        let serve = parsed(&["--config", &path, "--market", "elsewhere"]).unwrap();
        assert_eq!(
            (serve.acting.place.rpc, serve.acting.place.deployment, serve.acting.place.market),
            (None, None, Some("elsewhere".into()))
        );
        let serve = parsed(&["--config", &path, "--local", "market", "--role", "node"]).unwrap();
        assert_eq!((serve.acting.keystore, serve.acting.role.as_deref()), (None, Some("node")));
    }

    #[test]
    fn what_the_parser_says_of_a_file_is_told_by_key_and_line() {
        // What neither says is missing.
        let (_folder, path) = file("[terms]\nprompt_price = 1\n");
        let missing = parsed(&["--config", &path]).unwrap_err();
        assert!(missing.starts_with(&format!("{path}: missing: ")) && missing.ends_with(" (config)"), "{missing}");
        for key in [
            "terms.completion_price",
            "character.base",
            "book.folder",
            "account.keystore",
            "market.folder or market.rpc",
        ] {
            assert!(missing.contains(key), "{missing}");
        }
        assert!(!missing.contains("prompt_price") && !missing.contains("--"), "{missing}");
        for (text, reason) in [
            (NODE.replace("deployment = \"deployment.json\"", ""), "missing: market.deployment"),
            (NODE.replace("[book]", "[tls]\ncertificates = \"c.pem\"\n[book]"), "missing: tls.key"),
            (NODE.replace("rpc =", "folder = \"x\"\nrpc ="), " cannot stand beside market."),
            (NODE.replace("keystore =", "role = \"node\"\nkeystore ="), "account.role"),
        ] {
            let (_folder, path) = file(&text);
            let error = parsed(&["--config", &path]).unwrap_err();
            assert!(
                error.starts_with(&path) && error.contains(reason) && error.ends_with("(config)"),
                "{error}: {reason}"
            );
            assert!(!error.contains("--"), "{error}");
        }
        // What the command line alone says wrong is told as it was written.
        let (_folder, path) = file(NODE);
        for wrong in [&["--clas", "7"][..], &["--class", "x"], &["--local"]] {
            let error = parsed(&[&["--config", &path], wrong].concat()).unwrap_err();
            assert!(error.contains(wrong[0]) && !error.ends_with("(config)"), "{error}");
        }
    }

    #[test]
    fn what_a_file_should_not_say_is_refused_by_name_and_line() {
        for (text, reason) in [
            ("[listen]\naddress = \"x:1\"\n\n[lsten]\n", "line 4: unknown section \"lsten\"; known: [market]"),
            ("[tls]\nkeyy = \"x\"", "line 2: unknown key \"keyy\" in [tls]; known: certificates, key"),
            ("[terms]\nprompt_price = 1.5", "line 2: terms.prompt_price is a whole number, or one as text; found 1.5"),
            ("[terms]\nprompt_price = \"1 coin\"", "line 2: terms.prompt_price is a whole number, or one as text"),
            ("[listen]\naddress = \"127.0.0.1\"", "line 2: listen.address is an address with a port"),
            ("[listen]\noperations = \"localhost:x\"", "line 2: listen.operations is an address with a port"),
            (
                "[terms]\nprompt_ceiling = 4294967296",
                "line 2: terms.prompt_ceiling is a whole number from 0 to 4294967295",
            ),
            ("[terms]\nprompt_ceiling = \"9\"", "found \"9\""),
            ("[character]\nbase = true", "character.base is a path as text"),
            ("[limits]\nlimit_loopback = 1", "limits.limit_loopback is true or false"),
            ("[limits]\ntrusted_proxies = \"::1\"", "limits.trusted_proxies is a list of texts"),
            ("listen = 1", "line 1: \"listen\" is a section"),
            ("[listen]\n[listen]\n", "line 2: "),
            ("[listen]\nport 80", "line 2: "),
        ] {
            let (_folder, path) = file(text);
            let error = parsed(&["--config", &path]).unwrap_err();
            assert!(
                error.starts_with(&path) && error.contains(reason) && error.ends_with("(config)"),
                "{error}: {reason}"
            );
        }
        let (_folder, path) = file("");
        std::fs::write(&path, [0xff]).unwrap();
        assert!(parsed(&["--config", &path]).unwrap_err().contains("UTF-8"));
        std::fs::remove_file(&path).unwrap();
        assert!(parsed(&["--config", &path]).unwrap_err().ends_with("(file)"));
        // Another verb has no such file.
        let other = with_file(["lazai", "balance", "--config", "x"].map(OsString::from).into());
        assert_eq!(other.unwrap().0.len(), 4);
    }
}
