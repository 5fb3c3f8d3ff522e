//! JavaScript: classes and functions of one line over the facade, and TypeScript's interfaces of records.

use std::fmt::Write as _;

use super::api::{Api, Enum, Function, Handle, Record, Type};
use super::python::{about, is_shown, is_shown_handle};
use super::text::{camel, camel_in_code, plain, snake};

/// What the smallest build has, written in `bindings/wasm/src/lib.rs`.
const OWN: &[&str] = &["library_version", "verifier_key", "verify_proof"];
/// The records of that build.
const VERIFIER: &[&str] = &["ContributorFacts", "ProofFacts"];

/// `bindings/wasm/src/generated.rs`.
pub fn module(api: &Api) -> String {
    let mut out = String::from(
        "//! Written by `cargo xtask surface write` out of the facade.\n\n\
         use std::sync::Arc;\n\nuse lazai_facade as facade;\nuse wasm_bindgen::prelude::*;\n\n\
         use crate::foreign::{self, record};\nuse crate::{object, thrown};\n",
    );
    for handle in api.handles.iter().filter(|handle| !handle.native && is_shown_handle(handle)) {
        out.push('\n');
        documented(api, &handle.doc, "", &mut out);
        let _ = writeln!(out, "#[wasm_bindgen]\npub struct {0}(pub(crate) Arc<facade::{0}>);\n", handle.name);
        let _ = writeln!(out, "#[wasm_bindgen]\nimpl {} {{", handle.name);
        for method in handle.methods.iter().filter(|method| !method.native && is_shown(method)) {
            one(api, method, Some(handle), &mut out);
        }
        out += "}\n";
    }
    for function in api.functions.iter().filter(|f| !f.native && !OWN.contains(&f.name.as_str())) {
        out.push('\n');
        one(api, function, None, &mut out);
    }
    out
}

/// `bindings/wasm/src/{verifier,records}.ts`.
pub fn records(api: &Api, of_the_verifier: bool) -> String {
    let mut out = String::from("// Written by `cargo xtask surface write`.\n");
    let here = |name: &str| VERIFIER.contains(&name) == of_the_verifier;
    for words in api.enums.iter().filter(|words| !words.native && here(&words.name)) {
        union(api, words, &mut out);
    }
    for record in api.records.iter().filter(|record| !record.native && here(&record.name)) {
        interface(api, record, &mut out);
    }
    out
}

fn documented(api: &Api, doc: &[String], indent: &str, out: &mut String) {
    for line in folded(api, doc) {
        let _ = writeln!(out, "{}", format!("{indent}/// {line}").trim_end());
    }
}

/// Documentation as JavaScript reads it.
fn folded(api: &Api, doc: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = plain(doc).iter().map(|line| camel_in_code(line, |name| api.is_name(name))).collect();
    for line in &mut lines {
        *line = line
            .replace("`False`", "`false`")
            .replace("wiped when dropped", "wiped by `free()`")
            .replace("None if", "`undefined` if");
    }
    lines
}

fn commented(api: &Api, doc: &[String], indent: &str, out: &mut String) {
    let lines = folded(api, doc);
    let _ = writeln!(out, "{indent}/** {} */", lines.join(&format!("\n{indent} * ")));
}

fn union(api: &Api, words: &Enum, out: &mut String) {
    out.push('\n');
    let mut doc = words.doc.clone();
    doc.extend(words.cases.iter().map(|(case, doc)| format!("- `{}`: {}", snake(case), doc.join(" "))));
    commented(api, &doc, "", out);
    let cases = words.cases.iter().map(|(case, _)| format!("\"{}\"", snake(case)));
    let _ = writeln!(out, "export type {} = {};", words.name, cases.collect::<Vec<_>>().join(" | "));
}

fn interface(api: &Api, record: &Record, out: &mut String) {
    out.push('\n');
    commented(api, &record.doc, "", out);
    let _ = writeln!(out, "export interface {} {{", record.name);
    for field in &record.fields {
        commented(api, &field.doc, "    ", out);
        let (mark, kind) = match &field.kind {
            Type::Maybe(inner) => ("?", typed(inner)),
            kind => ("", typed(kind)),
        };
        let _ = writeln!(out, "    {}{mark}: {kind};", camel(&field.name));
    }
    *out += "}\n";
}

/// A type in TypeScript.
fn typed(kind: &Type) -> String {
    match kind {
        Type::Unit => "void".into(),
        Type::Bool => "boolean".into(),
        Type::Whole("u64") => "bigint".into(),
        Type::Whole(_) | Type::Float => "number".into(),
        Type::Text | Type::Path | Type::Amount => "string".into(),
        Type::Bytes | Type::Json => "Uint8Array".into(),
        Type::Maybe(inner) => format!("{} | undefined", typed(inner)),
        Type::List(inner) => format!("{}[]", typed(inner)),
        Type::Named(name) | Type::Handle(name) | Type::Foreign(name) => name.clone(),
        Type::Error => "LazaiError".into(),
    }
}

/// Crosses as a plain object.
fn is_object(kind: &Type) -> bool {
    match kind {
        Type::Named(_) => true,
        Type::Maybe(inner) | Type::List(inner) => is_object(inner),
        _ => false,
    }
}

fn one(api: &Api, function: &Function, handle: Option<&Handle>, out: &mut String) {
    documented(api, &about(function), "", out);
    let mut attributes = Vec::new();
    if handle.is_some() && function.name == "new" {
        attributes.push("constructor".to_owned());
    } else if camel(&function.name) != function.name {
        attributes.push(format!("js_name = {}", camel(&function.name)));
    }
    if is_object(&function.output) || function.output == Type::Error {
        attributes.push(format!("unchecked_return_type = \"{}\"", typed(&function.output)));
    }
    let attributes = if attributes.is_empty() { String::new() } else { format!("({})", attributes.join(", ")) };
    if handle.is_none() || !attributes.is_empty() {
        let _ = writeln!(out, "#[wasm_bindgen{attributes}]");
    }
    let (mut parameters, mut given) = (Vec::new(), Vec::new());
    if function.method {
        parameters.push("&self".to_owned());
    }
    for argument in &function.arguments {
        let (name, shown, kind, passed) = taken(&argument.name, &argument.kind);
        let mut attributes = Vec::new();
        if camel(&name) != name {
            attributes.push(format!("js_name = {}", camel(&name)));
        }
        attributes.extend(shown);
        let attributes =
            if attributes.is_empty() { String::new() } else { format!("#[wasm_bindgen({})] ", attributes.join(", ")) };
        parameters.push(format!("{attributes}{name}: {kind}"));
        given.push(passed);
    }
    let path = match handle {
        Some(_) if function.method => format!("self.0.{}", function.name),
        Some(handle) => format!("facade::{}::{}", handle.name, function.name),
        None => format!("facade::{}", function.name),
    };
    let mut call = format!("{path}({})", given.join(", "));
    if function.is_async {
        call += ".await";
    }
    let (returned, body) = body(function, handle, call, given.iter().any(|passed| passed.ends_with('?')));
    let word = if function.is_async { "async " } else { "" };
    let _ = writeln!(out, "pub {word}fn {}({}){returned} {{\n    {body}\n}}\n", function.name, parameters.join(", "));
}

/// The return type, and the function's body.
fn body(function: &Function, handle: Option<&Handle>, call: String, may_fail: bool) -> (String, String) {
    let call = if function.fallible { format!("{call}.map_err(thrown)") } else { call };
    match &function.output {
        Type::Handle(name) => {
            let class = if name == "Self" { handle.map_or(name.as_str(), |handle| &handle.name) } else { name };
            if function.fallible {
                (format!(" -> Result<{class}, JsValue>"), format!("{call}.map({class})"))
            } else {
                (format!(" -> {class}"), format!("{class}({call})"))
            }
        }
        Type::Error => (" -> JsValue".into(), format!("thrown({call})")),
        kind if is_object(kind) => {
            let done = if function.fallible { format!("object(&{call}?)") } else { format!("object(&{call})") };
            (" -> Result<JsValue, JsValue>".into(), done)
        }
        kind => {
            let word = word(kind);
            match (function.fallible, may_fail) {
                (true, _) => (format!(" -> Result<{word}, JsValue>"), call),
                (false, true) => (format!(" -> Result<{word}, JsValue>"), format!("Ok({call})")),
                (false, false) if *kind == Type::Unit => (String::new(), format!("{call};")),
                (false, false) => (format!(" -> {word}"), call),
            }
        }
    }
}

/// A type as wasm-bindgen converts it.
fn word(kind: &Type) -> String {
    match kind {
        Type::Unit => "()".into(),
        Type::Bool => "bool".into(),
        Type::Whole(word) => (*word).into(),
        Type::Float => "f64".into(),
        Type::Bytes | Type::Json => "Vec<u8>".into(),
        Type::Maybe(inner) => format!("Option<{}>", word(inner)),
        Type::List(inner) => format!("Vec<{}>", word(inner)),
        _ => "String".into(),
    }
}

/// An argument: its name, what TypeScript is told of it, its type here, and how it is passed on.
fn taken(name: &str, kind: &Type) -> (String, Option<String>, String, String) {
    let object = |what: &str, typed: String, kind: &str, passed: String| {
        (name.to_owned(), Some(format!("{what} = \"{typed}\"")), kind.to_owned(), passed)
    };
    match kind {
        Type::Foreign(foreign) if foreign == "Signer" => {
            object("unchecked_param_type", "Signer".into(), "JsValue", format!("foreign::signer({name})?"))
        }
        Type::Foreign(foreign) => {
            object("unchecked_param_type", foreign.clone(), "js_sys::Function", format!("foreign::transport({name})"))
        }
        Type::Maybe(inner) if **inner == Type::Foreign("SpeechListener".into()) => (
            "on_sound".into(),
            Some(
                "unchecked_optional_param_type = \"(samples: Uint8Array, sampleRate: number) => boolean | void\""
                    .into(),
            ),
            "Option<js_sys::Function>".into(),
            "on_sound.map(foreign::hearing)".into(),
        ),
        Type::Maybe(inner) if matches!(**inner, Type::Foreign(_)) => (
            "on_text".into(),
            Some("unchecked_optional_param_type = \"(text: string) => boolean | void\"".into()),
            "Option<js_sys::Function>".into(),
            "on_text.map(foreign::listener)".into(),
        ),
        Type::Handle(handle) => (name.into(), None, format!("&{handle}"), format!("{name}.0.clone()")),
        kind if is_object(kind) => object("unchecked_param_type", typed(kind), "JsValue", format!("record({name})?")),
        kind => (name.into(), None, word(kind), name.into()),
    }
}
