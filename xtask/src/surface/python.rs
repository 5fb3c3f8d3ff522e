//! Python: classes and functions of one line over the facade, and what records need to be Python's.

use std::fmt::Write as _;

use super::api::{Api, Argument, Function, Handle, Record, Type};
use super::text::plain;

/// Handles that Python can close: `bindings/python/src/contexts.rs` has their struct.
pub const CLOSABLE: &[&str] = &["Market"];
/// Context managers (`bindings/python/src/contexts.rs`), and what comes at their end.
pub const CONTEXTS: &[(&str, &str)] = &[
    ("Market", "A context manager: the ledger is closed at its end."),
    ("NodeServer", "A context manager: it stops listening at its end."),
    ("Session", "A context manager: the session is ended at its end, also where something was raised."),
];
/// What the module has beside the facade, written in `bindings/python/src/lib.rs`.
pub const OWN: &[&str] = &["LazaiError", "run_command"];

/// Listeners are callables.
pub fn argument_name(argument: &Argument) -> &str {
    match foreign(&argument.kind) {
        Some("ProgressListener") => "on_progress",
        Some("ReplyListener") => "on_text",
        Some("SpeechListener") => "on_sound",
        Some("Transport") => "node",
        _ => &argument.name,
    }
}

/// The documentation of a function, with what its callback may do.
pub fn about(function: &Function) -> Vec<String> {
    let mut doc = function.doc.clone();
    let told = function.arguments.iter().find_map(|argument| match foreign(&argument.kind) {
        Some("ProgressListener") => Some("`on_progress` gets a `Progress` now and then, and cancels by `False`."),
        Some("ReplyListener") => Some("`on_text` gets each piece of the reply until it gives `False`."),
        Some("SpeechListener") => Some(
            "`on_sound` gets samples (16 bits, little-endian) and their rate as they come, until it gives `False`.",
        ),
        _ => None,
    });
    if let Some(told) = told.map(|told| format!("{told} An error that it raises is raised when the work has ended.")) {
        let at = doc.iter().position(|line| line == "# Errors").unwrap_or(doc.len());
        doc.splice(at..at, [told, String::new()]);
    }
    doc
}

/// The documentation of a class.
pub fn about_class(handle: &Handle) -> Vec<String> {
    let ends = CONTEXTS.iter().filter(|(name, _)| *name == handle.name).map(|(_, ends)| (*ends).to_owned());
    handle.doc.iter().cloned().chain(ends).collect()
}

/// The trait that an argument implements, may it be left out or not.
pub fn foreign(kind: &Type) -> Option<&str> {
    match kind {
        Type::Foreign(name) => Some(name),
        Type::Maybe(inner) => foreign(inner),
        _ => None,
    }
}

/// Upcasts, which only languages with nominal interfaces need, and what such languages implement.
pub fn is_shown(method: &Function) -> bool {
    !matches!(method.output, Type::Foreign(_))
}

pub fn is_shown_handle(handle: &Handle) -> bool {
    handle.name != "BodySink"
}

/// `bindings/python/src/generated.rs`.
pub fn module(api: &Api) -> String {
    let mut out = String::from(
        "//! Written by `cargo xtask surface write` out of the facade. Calls of the facade release the GIL.\n\
         #![allow(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = \"arguments come from Python\")]\n\n\
         use std::sync::Arc;\n\n\
         use lazai_facade as facade;\nuse pollster::block_on;\nuse pyo3::prelude::*;\n\n\
         use crate::contexts::Market;\nuse crate::foreign::{Json, PathText, PySigner, Told, Units};\nuse crate::{free, raised};\n",
    );
    for handle in api.handles.iter().filter(|handle| is_shown_handle(handle)) {
        class(api, handle, &mut out);
    }
    for function in &api.functions {
        function_of_module(api, function, &mut out);
    }
    exports(api, &mut out);
    out
}

fn exports(api: &Api, out: &mut String) {
    *out += "\n/// The compiled part of the package `lazai`.\n#[pymodule]\npub(crate) mod _lazai {\n";
    let mut export = |path: String| {
        let _ = writeln!(out, "    #[pymodule_export]\n    use {path};");
    };
    for own in OWN {
        export(format!("crate::{own}"));
    }
    for handle in api.handles.iter().filter(|handle| is_shown_handle(handle)) {
        export(format!("super::{}", handle.name));
    }
    for function in &api.functions {
        export(format!("super::{}", function.name));
    }
    for record in &api.records {
        export(facade("lazai_facade", &record.module, &record.name));
    }
    for words in &api.enums {
        export(facade("lazai_facade", &words.module, &words.name));
    }
    *out += "}\n";
}

/// A path in the facade.
fn facade(root: &str, module: &str, name: &str) -> String {
    if module.is_empty() { format!("{root}::{name}") } else { format!("{root}::{module}::{name}") }
}

fn documented(doc: &[String], indent: &str, out: &mut String) {
    for line in plain(doc) {
        let _ = writeln!(out, "{}", format!("{indent}/// {line}").trim_end());
    }
}

fn class(api: &Api, handle: &Handle, out: &mut String) {
    let (name, inner) = (&handle.name, facade("facade", &handle.module, &handle.name));
    out.push('\n');
    if !CLOSABLE.contains(&name.as_str()) {
        documented(&about_class(handle), "", out);
        let _ = writeln!(out, "#[pyclass(frozen, module = \"lazai\")]\npub struct {name}(pub(crate) Arc<{inner}>);\n");
    }
    let _ = writeln!(out, "#[pymethods]\nimpl {name} {{");
    for method in handle.methods.iter().filter(|method| is_shown(method)) {
        documented(&about(method), "    ", out);
        *out += match method.method {
            true if method.is_property() => "    #[getter]\n",
            true => "",
            false if method.name == "new" => "    #[new]\n",
            false => "    #[staticmethod]\n",
        };
        let path = match method.method {
            true if CLOSABLE.contains(&name.as_str()) => format!("inner.{}", method.name),
            true => format!("self.0.{}", method.name),
            false => format!("{inner}::{}", method.name),
        };
        one_call(api, method, &path, Some(handle), "    ", out);
    }
    out.truncate(out.trim_end().len());
    *out += "\n}\n";
}

fn function_of_module(api: &Api, function: &Function, out: &mut String) {
    out.push('\n');
    documented(&about(function), "", out);
    *out += "#[pyfunction]\n";
    let path = facade("facade", &function.module, &function.name);
    one_call(api, function, &path, None, "", out);
}

/// A function whose body is one call of the facade.
fn one_call(api: &Api, function: &Function, path: &str, handle: Option<&Handle>, indent: &str, out: &mut String) {
    let required = function.required(api);
    if required < function.arguments.len() {
        let shown = function.arguments.iter().enumerate().map(|(at, argument)| {
            let name = argument_name(argument);
            match &argument.default {
                _ if at < required => name.to_owned(),
                Some(default) => format!("{name}={default}"),
                None => format!("{name}=None"),
            }
        });
        let _ = writeln!(out, "{indent}#[pyo3(signature = ({}))]", shown.collect::<Vec<_>>().join(", "));
    }
    let mut parameters = Vec::new();
    if function.method {
        parameters.push("&self".to_owned());
    }
    parameters.push("py: Python<'_>".to_owned());
    let (mut before, mut given, mut told) = (String::new(), Vec::new(), None);
    for (at, argument) in function.arguments.iter().enumerate() {
        let name = argument_name(argument);
        let left_out = at >= required && !matches!(argument.kind, Type::Maybe(_)) && argument.default.is_none();
        let (taken, passed) = taken(api, name, &argument.kind, &mut before);
        let (taken, passed) = if left_out {
            (format!("Option<{taken}>"), format!("{passed}.unwrap_or_default()"))
        } else {
            (taken, passed)
        };
        parameters.push(format!("{name}: {taken}"));
        told =
            told.or_else(|| foreign(&argument.kind).is_some_and(|f| f.ends_with("Listener")).then(|| name.to_owned()));
        given.push(passed);
    }
    let returned = returned(api, &function.output, handle);
    let _ = writeln!(out, "{indent}fn {}({}) -> PyResult<{returned}> {{", function.name, parameters.join(", "),);
    *out += &before;
    if path.starts_with("inner.") {
        let _ = writeln!(out, "{indent}    let inner = self.inner()?;");
    }
    let mut call = format!("{path}({})", given.join(", "));
    if function.is_async {
        call = format!("block_on({call})");
    }
    if function.output == Type::Unit && !function.fallible {
        call = format!("{{ {call}; Ok(()) }}");
    } else if !function.fallible {
        call = format!("Ok({call})");
    }
    // A constructor without arguments is itself what is called.
    let bare = call.strip_suffix("()").filter(|_| !function.method && !function.is_async);
    call = bare.map_or_else(|| format!("free(py, || {call})"), |bare| format!("free(py, {bare})"));
    if let Some(told) = told {
        call = format!("{told}.or_raise({call})");
    }
    let _ = writeln!(out, "{indent}    {call}{}\n{indent}}}\n", wrapped(&function.output, handle));
}

/// What Python gives for a type, and how it is passed on.
fn taken(api: &Api, name: &str, kind: &Type, before: &mut String) -> (String, String) {
    match kind {
        Type::Foreign(kind) if kind == "Signer" => {
            let _ = writeln!(before, "    let {name} = PySigner::of(&{name})?;");
            ("Bound<'_, PyAny>".into(), name.into())
        }
        // The network is the library's own.
        Type::Foreign(_) => {
            let _ = writeln!(before, "    let {name} = {name}.0.clone();");
            ("&NodeClient".into(), name.into())
        }
        Type::Maybe(inner) if foreign(inner).is_some() => {
            let _ = writeln!(before, "    let {name} = Told::of(py, {name})?;");
            let of = match foreign(inner) {
                Some("ReplyListener") => "of_reply",
                Some("SpeechListener") => "of_speech",
                _ => "of_progress",
            };
            ("Option<Py<PyAny>>".into(), format!("{name}.{of}()"))
        }
        Type::List(inner) if foreign(inner).is_some() => {
            let _ =
                writeln!(before, "    let {name} = {name}.iter().map(PySigner::of).collect::<PyResult<Vec<_>>>()?;");
            ("Vec<Bound<'_, PyAny>>".into(), name.into())
        }
        Type::Maybe(inner) if matches!(&**inner, Type::Handle(handle) if !CLOSABLE.contains(&handle.as_str())) => {
            let Type::Handle(handle) = &**inner else { return taken(api, name, inner, before) };
            let _ = writeln!(before, "    let {name} = {name}.map(|{name}| {name}.0.clone());");
            (format!("Option<&{handle}>"), name.into())
        }
        Type::Handle(handle) => {
            let closable = CLOSABLE.contains(&handle.as_str());
            let inner = if closable { ".inner()?" } else { ".0.clone()" };
            let _ = writeln!(before, "    let {name} = {name}{inner};");
            (format!("&{handle}"), name.into())
        }
        Type::Path | Type::Amount | Type::Json => (word(api, kind), format!("{name}.0")),
        Type::Maybe(inner) if **inner == Type::Path || **inner == Type::Amount => {
            (format!("Option<{}>", word(api, inner)), format!("{name}.map(|{name}| {name}.0)"))
        }
        Type::List(inner) if **inner == Type::Path => {
            ("Vec<PathText>".into(), format!("{name}.into_iter().map(|{name}| {name}.0).collect()"))
        }
        kind => (word(api, kind), name.into()),
    }
}

/// A type as PyO3 converts it.
fn word(api: &Api, kind: &Type) -> String {
    match kind {
        Type::Unit => "()".into(),
        Type::Bool => "bool".into(),
        Type::Whole(word) => (*word).into(),
        Type::Float => "f64".into(),
        Type::Text => "String".into(),
        Type::Path => "PathText".into(),
        Type::Amount => "Units".into(),
        Type::Bytes => "Vec<u8>".into(),
        Type::Json => "Json".into(),
        Type::Maybe(inner) => format!("Option<{}>", word(api, inner)),
        Type::List(inner) => format!("Vec<{}>", word(api, inner)),
        Type::Named(name) => facade("facade", api.module(name), name),
        Type::Handle(name) | Type::Foreign(name) => name.clone(),
        Type::Error => "PyErr".into(),
    }
}

fn returned(api: &Api, kind: &Type, handle: Option<&Handle>) -> String {
    match kind {
        Type::Path => "String".into(),
        Type::Amount => "u128".into(),
        Type::Maybe(inner) => format!("Option<{}>", returned(api, inner, handle)),
        Type::Handle(_) => handle_word(kind, handle),
        kind => word(api, kind),
    }
}

fn handle_word(kind: &Type, handle: Option<&Handle>) -> String {
    match (kind, handle) {
        (Type::Handle(name), Some(handle)) if name == "Self" || *name == handle.name => "Self".into(),
        (Type::Handle(name), _) => name.clone(),
        _ => String::new(),
    }
}

/// What makes the result Python's.
fn wrapped(kind: &Type, handle: Option<&Handle>) -> String {
    match kind {
        Type::Handle(name) => {
            let name = if name == "Self" { handle.map_or(name.as_str(), |handle| &handle.name) } else { name };
            if CLOSABLE.contains(&name) { format!(".map({name}::of)") } else { format!(".map({name})") }
        }
        Type::Amount => ".and_then(|units| Units(units).whole())".into(),
        Type::Error => ".map(raised)".into(),
        _ => String::new(),
    }
}

/// `bindings/facade/src/python/records.rs`.
pub fn records(api: &Api) -> String {
    let mut out = String::from(
        "//! Written by `cargo xtask surface write` out of the records.\n\
         #![allow(clippy::too_many_arguments, reason = \"constructors take the fields\")]\n\n\
         use pyo3::prelude::*;\n\n\
         use super::{PathText, Units, repr};\n",
    );
    for record in &api.records {
        // Proofs need more than records.
        let needs = match record.module.as_str() {
            "native::prove" => "#[cfg(feature = \"prove\")]\n",
            _ if record.native => "#[cfg(feature = \"native\")]\n",
            _ => "",
        };
        let _ = writeln!(out, "\n{needs}mod {} {{", super::text::snake(&record.name));
        let _ = writeln!(out, "    use super::*;\n    use {};\n", facade("crate", &record.module, &record.name));
        record_methods(api, record, &mut out);
        out += "}\n";
    }
    out
}

fn record_methods(api: &Api, record: &Record, out: &mut String) {
    let name = &record.name;
    let (optional, required): (Vec<_>, Vec<_>) =
        record.fields.iter().partition(|field| matches!(field.kind, Type::Maybe(_)));
    let mut signature: Vec<String> = required.iter().map(|field| field.name.clone()).collect();
    if !optional.is_empty() {
        signature.push("*".into());
        signature.extend(optional.iter().map(|field| format!("{}=None", field.name)));
    }
    let taken = |kind: &Type| field_word(api, kind);
    let parameters = required.iter().chain(&optional).map(|field| format!("{}: {}", field.name, taken(&field.kind)));
    let fields = record.fields.iter().map(|field| match &field.kind {
        Type::Path | Type::Amount => format!("{0}: {0}.0", field.name),
        Type::Maybe(inner) if **inner == Type::Amount => format!("{0}: {0}.map(|units| units.0)", field.name),
        _ => field.name.clone(),
    });
    let _ = writeln!(
        out,
        "    #[pymethods]\n    impl {name} {{\n        #[new]\n        #[pyo3(signature = ({}))]\n        fn from_python({}) -> Self {{\n            Self {{ {} }}\n        }}\n",
        signature.join(", "),
        parameters.collect::<Vec<_>>().join(", "),
        fields.collect::<Vec<_>>().join(", "),
    );
    for field in &record.fields {
        documented(&field.doc, "        ", out);
        let (kind, value) = match &field.kind {
            Type::Amount => ("PyResult<u128>".to_owned(), format!("Units(self.{}.clone()).whole()", field.name)),
            Type::Maybe(inner) if **inner == Type::Amount => {
                let whole = format!("self.{}.clone().map(|units| Units(units).whole()).transpose()", field.name);
                ("PyResult<Option<u128>>".to_owned(), whole)
            }
            Type::Path => ("String".to_owned(), format!("self.{}.clone()", field.name)),
            kind @ (Type::Whole(_) | Type::Bool | Type::Float) => {
                (field_word(api, kind), format!("self.{}", field.name))
            }
            kind => (field_word(api, kind), format!("self.{}.clone()", field.name)),
        };
        let copied = matches!(&field.kind, Type::Named(name) if api.enums.iter().any(|e| e.name == *name))
            || matches!(&field.kind, Type::Maybe(inner) if matches!(**inner, Type::Whole(_) | Type::Bool | Type::Float));
        let value = if copied { format!("self.{}", field.name) } else { value };
        let _ = writeln!(
            out,
            "        #[getter({0})]\n        fn python_{0}(&self) -> {kind} {{\n            {value}\n        }}\n",
            field.name
        );
    }
    let names = record.fields.iter().map(|field| format!("\"{}\"", field.name)).collect::<Vec<_>>().join(", ");
    let _ = writeln!(
        out,
        "        fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {{\n            repr(slf.as_any(), \"{name}\", &[{names}])\n        }}\n    }}",
    );
}

fn field_word(api: &Api, kind: &Type) -> String {
    match kind {
        Type::Maybe(inner) => format!("Option<{}>", field_word(api, inner)),
        Type::List(inner) => format!("Vec<{}>", field_word(api, inner)),
        Type::Named(name) => facade("crate", api.module(name), name),
        kind => word(api, kind),
    }
}
