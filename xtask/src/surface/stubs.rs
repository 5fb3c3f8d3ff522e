//! Python's stub: what type checkers and editors know of the module.

use std::fmt::Write as _;

use super::api::{Api, Function, Handle, Record, Type};
use super::python::{CONTEXTS, OWN, about, about_class, argument_name, foreign, is_shown, is_shown_handle};
use super::text::{plain, snake};

const HEAD: &str = r#"# Written by `cargo xtask surface write`.
"""The compiled part of the package `lazai`."""

from collections.abc import Callable, Sequence
from os import PathLike
from types import TracebackType
from typing import ClassVar, Literal, final

from lazai.signer import Signer

__all__ = [
ALL]

class LazaiError(Exception):
    """Why something did not happen: `code` does not change, `message` may."""
    code: str
    message: str

def run_command(arguments: Sequence[str]) -> int:
    """Runs a command line; returns the exit code."""
"#;

/// `bindings/python/python/lazai/_lazai.pyi`.
pub fn stub(api: &Api) -> String {
    let mut out = HEAD.replace("ALL", &all(api));
    for words in &api.enums {
        let _ = writeln!(out, "\n@final\nclass {}:", words.name);
        documented(&words.doc, "    ", &mut out);
        for (case, doc) in &words.cases {
            let _ = writeln!(out, "    {}: ClassVar[{}]", snake(case).to_uppercase(), words.name);
            documented(doc, "    ", &mut out);
        }
        let _ = writeln!(out, "    def __new__(cls, word: str) -> {}: ...", words.name);
        out += "    def __eq__(self, other: object, /) -> bool: ...\n    def __hash__(self, /) -> int: ...\n";
        out += "    def __int__(self, /) -> int: ...\n    def __str__(self, /) -> str: ...\n";
    }
    for record in &api.records {
        record_class(api, record, &mut out);
    }
    for handle in api.handles.iter().filter(|handle| is_shown_handle(handle)) {
        handle_class(api, handle, &mut out);
    }
    for function in &api.functions {
        out.push('\n');
        one(api, function, "", None, &mut out);
    }
    out
}

/// What `from lazai import *` brings.
fn all(api: &Api) -> String {
    let mut names: Vec<&str> = OWN.to_vec();
    names.extend(api.enums.iter().map(|words| words.name.as_str()));
    names.extend(api.records.iter().map(|record| record.name.as_str()));
    names.extend(api.handles.iter().filter(|handle| is_shown_handle(handle)).map(|handle| handle.name.as_str()));
    names.extend(api.functions.iter().map(|function| function.name.as_str()));
    names.sort_unstable();
    names.iter().map(|name| format!("    \"{name}\",\n")).collect()
}

fn documented(doc: &[String], indent: &str, out: &mut String) {
    let lines = plain(doc);
    match lines.as_slice() {
        [] => {}
        [line] => {
            let _ = writeln!(out, "{indent}\"\"\"{line}\"\"\"");
        }
        lines => {
            let _ = writeln!(out, "{indent}\"\"\"");
            for line in lines {
                let _ = writeln!(out, "{}", format!("{indent}{line}").trim_end());
            }
            let _ = writeln!(out, "{indent}\"\"\"");
        }
    }
}

fn record_class(api: &Api, record: &Record, out: &mut String) {
    let _ = writeln!(out, "\n@final\nclass {}:", record.name);
    documented(&record.doc, "    ", out);
    *out +=
        "    def __eq__(self, other: object, /) -> bool: ...\n    def __ne__(self, other: object, /) -> bool: ...\n";
    let (optional, required): (Vec<_>, Vec<_>) =
        record.fields.iter().partition(|field| matches!(field.kind, Type::Maybe(_)));
    let mut parameters = vec!["cls".to_owned()];
    parameters.extend(required.iter().map(|field| format!("{}: {}", field.name, given(api, &field.kind))));
    if !optional.is_empty() {
        parameters.push("*".into());
        parameters.extend(optional.iter().map(|field| format!("{}: {} = None", field.name, given(api, &field.kind))));
    }
    let _ = writeln!(out, "    def __new__({}) -> {}: ...", parameters.join(", "), record.name);
    for field in &record.fields {
        let _ = writeln!(out, "    @property\n    def {}(self, /) -> {}:", field.name, got(&field.kind, None));
        documented(&field.doc, "        ", out);
    }
}

fn handle_class(api: &Api, handle: &Handle, out: &mut String) {
    let _ = writeln!(out, "\n@final\nclass {}:", handle.name);
    documented(&about_class(handle), "    ", out);
    for method in handle.methods.iter().filter(|method| is_shown(method)) {
        one(api, method, "    ", Some(handle), out);
    }
    if handle.name == "LocalKey" {
        *out += "    def sign(self, /, request: SigningRequest) -> str:\n        \"\"\"Signs a request to a signer.\"\"\"\n";
    }
    if CONTEXTS.iter().any(|(name, _)| *name == handle.name) {
        let _ = writeln!(out, "    def __enter__(self, /) -> {}: ...", handle.name);
        *out += "    def __exit__(self, /, kind: type[BaseException] | None = None, \
                 error: BaseException | None = None, trace: TracebackType | None = None) -> None: ...\n";
    }
}

fn one(api: &Api, function: &Function, indent: &str, handle: Option<&Handle>, out: &mut String) {
    let mut parameters = Vec::new();
    let mut name = function.name.as_str();
    if function.method {
        if function.is_property() {
            let _ = writeln!(out, "{indent}@property");
        }
        parameters.push("self".to_owned());
        parameters.push("/".to_owned());
    } else if handle.is_some() && name == "new" {
        name = "__new__";
        parameters.push("cls".to_owned());
    } else if handle.is_some() {
        let _ = writeln!(out, "{indent}@staticmethod");
    }
    let required = function.required(api);
    for (at, argument) in function.arguments.iter().enumerate() {
        let kind = given(api, &argument.kind);
        let default = match argument.default.as_deref() {
            Some("true") => "True",
            Some("false") => "False",
            other => other.unwrap_or("None"),
        };
        // What may be left out may be `None`.
        let kind = if argument.default.is_none() && at >= required && !kind.ends_with("None") {
            kind + " | None"
        } else {
            kind
        };
        let default = if at < required { String::new() } else { format!(" = {default}") };
        parameters.push(format!("{}: {kind}{default}", argument_name(argument)));
    }
    let _ = writeln!(out, "{indent}def {name}({}) -> {}:", parameters.join(", "), got(&function.output, handle));
    documented(&about(function), &format!("{indent}    "), out);
}

/// What may be given for a type.
fn given(api: &Api, kind: &Type) -> String {
    match kind {
        Type::Path => "str | PathLike[str]".into(),
        Type::Json => "str | bytes".into(),
        Type::Foreign(name) if name == "Signer" => "Signer".into(),
        Type::Foreign(_) => "NodeClient".into(),
        Type::Maybe(inner) => match foreign(inner) {
            Some("ReplyListener") => "Callable[[str], object] | None".into(),
            Some("SpeechListener") => "Callable[[bytes, int], object] | None".into(),
            Some("ProgressListener") => "Callable[[Progress], object] | None".into(),
            _ => format!("{} | None", given(api, inner)),
        },
        Type::List(inner) => format!("Sequence[{}]", given(api, inner)),
        Type::Named(name) => match api.enums.iter().find(|words| words.name == *name) {
            Some(words) => {
                let words = words.cases.iter().map(|(case, _)| format!("\"{}\"", snake(case)));
                format!("{name} | Literal[{}]", words.collect::<Vec<_>>().join(", "))
            }
            None => name.clone(),
        },
        kind => got(kind, None),
    }
}

/// What comes back for a type.
fn got(kind: &Type, handle: Option<&Handle>) -> String {
    match kind {
        Type::Unit => "None".into(),
        Type::Bool => "bool".into(),
        Type::Whole(_) | Type::Amount => "int".into(),
        Type::Float => "float".into(),
        Type::Text | Type::Path => "str".into(),
        Type::Bytes | Type::Json => "bytes".into(),
        Type::Maybe(inner) => format!("{} | None", got(inner, handle)),
        Type::List(inner) => format!("list[{}]", got(inner, handle)),
        Type::Handle(name) if name == "Self" => handle.map_or_else(String::new, |handle| handle.name.clone()),
        Type::Named(name) | Type::Handle(name) | Type::Foreign(name) => name.clone(),
        Type::Error => "LazaiError".into(),
    }
}
