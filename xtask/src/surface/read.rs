//! Reads the facade's source.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Fields, FnArg, GenericArgument, Ident, Item, Lit, Meta, Pat, PathArguments, Token};

use super::api::{Api, Argument, Enum, Field, Function, Handle, Record, Type};
use crate::shell::root;

impl Api {
    /// Reads the facade.
    pub fn read() -> Result<Self> {
        let source = root().join("bindings/facade/src");
        let mut api = Self::default();
        for (folder, native) in [(source.clone(), false), (source.join("native"), true)] {
            let mut files = std::fs::read_dir(folder)?
                .map(|entry| Ok(entry?.path()))
                .filter(|path: &Result<_>| path.as_ref().is_ok_and(|path| path.extension().is_some_and(|e| e == "rs")))
                .collect::<Result<Vec<_>>>()?;
            files.sort();
            for path in files {
                api.file(&path, native).with_context(|| path.display().to_string())?;
            }
        }
        api.records.sort_by(|a, b| a.name.cmp(&b.name));
        api.enums.sort_by(|a, b| a.name.cmp(&b.name));
        api.handles.sort_by(|a, b| a.name.cmp(&b.name));
        api.functions.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(api)
    }

    fn file(&mut self, path: &Path, native: bool) -> Result<()> {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).context("a name")?;
        let mut module = if native { vec!["native"] } else { Vec::new() };
        if !["lib", "mod"].contains(&stem) {
            module.push(stem);
        }
        let module = module.join("::");
        for item in syn::parse_file(&std::fs::read_to_string(path)?)?.items {
            self.item(item, &module, native)?;
        }
        Ok(())
    }

    fn item(&mut self, item: Item, module: &str, native: bool) -> Result<()> {
        match item {
            Item::Macro(item) => {
                let tokens = item.mac.tokens;
                let word = item.mac.path.get_ident().map(ToString::to_string).unwrap_or_default();
                match word.as_str() {
                    "record" | "choices" => {
                        self.records.push(record(syn::parse2(tokens)?, module, native, word == "choices")?);
                    }
                    "words" => self.enums.push(words(syn::parse2(tokens)?, module, native)),
                    "macro_rules" | "passed_on" | "same_words" => {}
                    _ if item.mac.path.segments.first().is_some_and(|s| s.ident == "uniffi") => {}
                    other => bail!("the macro {other:?} is not known here"),
                }
            }
            Item::Struct(item) if derives(&item.attrs, "uniffi :: Object") => {
                self.handle(&item.ident.to_string(), Some((doc(&item.attrs), module.to_owned(), native)), Vec::new())
            }
            Item::Fn(item) => {
                if let Some(defaults) = exported(&item.attrs)? {
                    self.functions.push(function(&item.attrs, &item.sig, module, native, &defaults)?);
                }
            }
            Item::Impl(item) if exported(&item.attrs)?.is_some() => {
                let syn::Type::Path(owner) = &*item.self_ty else { bail!("an impl of no name") };
                let owner = owner.path.segments.last().context("a name")?.ident.to_string();
                let native = native || item.attrs.iter().any(|a| text(a).contains("feature = \"native\""));
                let mut methods = Vec::new();
                for item in item.items {
                    let syn::ImplItem::Fn(item) = item else { continue };
                    let defaults = constructor_defaults(&item.attrs)?;
                    methods.push(function(&item.attrs, &item.sig, module, native, &defaults)?);
                }
                self.handle(&owner, None, methods);
            }
            Item::Trait(item) if exported(&item.attrs)?.is_some() => {
                self.traits.push((item.ident.to_string(), native));
            }
            // What is not exported as it is above would be missing in every language that is written here.
            Item::Struct(syn::ItemStruct { attrs, ident, .. }) | Item::Enum(syn::ItemEnum { attrs, ident, .. }) => {
                let known = ident == "LazaiError" || !attrs.iter().any(|a| text(a).contains("uniffi"));
                ensure!(known, "{ident} is exported by attributes: `record!`, `choices!` and `words!` do it");
            }
            Item::Mod(item) if item.content.is_some() => {
                let tests = item.attrs.iter().any(|a| text(a).contains("test"));
                ensure!(tests, "the module {} stands within a file", item.ident);
            }
            _ => {}
        }
        Ok(())
    }

    /// Adds to a handle, whose parts may stand in several files.
    fn handle(&mut self, name: &str, about: Option<(Vec<String>, String, bool)>, methods: Vec<Function>) {
        let at = self.handles.iter().position(|handle| handle.name == name).unwrap_or_else(|| {
            let (doc, module) = Default::default();
            self.handles.push(Handle { doc, name: name.to_owned(), module, methods: Vec::new(), native: false });
            self.handles.len() - 1
        });
        let handle = &mut self.handles[at];
        if let Some(about) = about {
            (handle.doc, handle.module, handle.native) = about;
        }
        handle.methods.extend(methods);
    }
}

fn record(item: syn::ItemStruct, module: &str, native: bool, choices: bool) -> Result<Record> {
    let Fields::Named(fields) = item.fields else { bail!("{}: fields without names", item.ident) };
    let fields = fields.named.iter().map(|field| {
        let name = field.ident.as_ref().context("a name")?.to_string();
        Ok(Field { doc: doc(&field.attrs), name, kind: kind(&field.ty)? })
    });
    Ok(Record {
        doc: doc(&item.attrs),
        name: item.ident.to_string(),
        module: module.to_owned(),
        fields: fields.collect::<Result<_>>()?,
        choices,
        native,
    })
}

fn words(item: syn::ItemEnum, module: &str, native: bool) -> Enum {
    let cases = item.variants.iter().map(|case| (case.ident.to_string(), doc(&case.attrs)));
    Enum {
        doc: doc(&item.attrs),
        name: item.ident.to_string(),
        module: module.to_owned(),
        cases: cases.collect(),
        native,
    }
}

fn function(
    attributes: &[Attribute],
    signature: &syn::Signature,
    module: &str,
    native: bool,
    defaults: &BTreeMap<String, String>,
) -> Result<Function> {
    let (mut method, mut arguments) = (false, Vec::new());
    for argument in &signature.inputs {
        match argument {
            FnArg::Receiver(_) => method = true,
            FnArg::Typed(typed) => {
                let Pat::Ident(name) = &*typed.pat else { bail!("{}: a pattern", signature.ident) };
                let name = name.ident.to_string();
                let default = defaults.get(&name).cloned();
                arguments.push(Argument { kind: kind(&typed.ty).with_context(|| name.clone())?, default, name });
            }
        }
    }
    let (output, fallible) = match &signature.output {
        syn::ReturnType::Default => (Type::Unit, false),
        syn::ReturnType::Type(_, output) => match inside(output, "Result") {
            Some(output) => (kind(output)?, true),
            None => (kind(output)?, false),
        },
    };
    Ok(Function {
        doc: doc(attributes),
        name: signature.ident.to_string(),
        module: module.to_owned(),
        arguments,
        output,
        fallible,
        is_async: signature.asyncness.is_some(),
        method,
        native,
    })
}

/// The first argument of a generic type of that name.
fn inside<'t>(from: &'t syn::Type, name: &str) -> Option<&'t syn::Type> {
    let syn::Type::Path(path) = from else { return None };
    let segment = path.path.segments.last().filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    })
}

fn kind(from: &syn::Type) -> Result<Type> {
    if let Some(inner) = inside(from, "Option") {
        return Ok(Type::Maybe(Box::new(kind(inner)?)));
    }
    if let Some(inner) = inside(from, "Vec") {
        let inner = kind(inner)?;
        return Ok(if inner == Type::Whole("u8") { Type::Bytes } else { Type::List(Box::new(inner)) });
    }
    if let Some(inner) = inside(from, "Arc") {
        return Ok(match inner {
            syn::Type::TraitObject(object) => {
                let syn::TypeParamBound::Trait(bound) = object.bounds.first().context("a trait")? else {
                    bail!("a bound that is no trait")
                };
                Type::Foreign(bound.path.segments.last().context("a name")?.ident.to_string())
            }
            inner => Type::Handle(name(inner)?),
        });
    }
    if let syn::Type::Tuple(tuple) = from {
        ensure!(tuple.elems.is_empty(), "a tuple");
        return Ok(Type::Unit);
    }
    Ok(match name(from)?.as_str() {
        "bool" => Type::Bool,
        "u8" => Type::Whole("u8"),
        "u16" => Type::Whole("u16"),
        "u32" => Type::Whole("u32"),
        "u64" => Type::Whole("u64"),
        "i32" => Type::Whole("i32"),
        "f64" => Type::Float,
        "String" => Type::Text,
        "FilePath" => Type::Path,
        "BaseUnits" => Type::Amount,
        "JsonBytes" => Type::Json,
        "LazaiError" => Type::Error,
        other => {
            ensure!(other.starts_with(char::is_uppercase), "{other} is a type that no language has yet");
            Type::Named(other.to_owned())
        }
    })
}

fn name(of: &syn::Type) -> Result<String> {
    let syn::Type::Path(path) = of else { bail!("a type without a name") };
    Ok(path.path.segments.last().context("a name")?.ident.to_string())
}

/// An attribute as text.
fn text(attribute: &Attribute) -> String {
    match &attribute.meta {
        Meta::List(list) => list.tokens.to_string(),
        _ => String::new(),
    }
}

fn derives(attributes: &[Attribute], what: &str) -> bool {
    attributes.iter().any(|attribute| text(attribute).contains(what))
}

/// Defaults of arguments, if the item is exported.
fn exported(attributes: &[Attribute]) -> Result<Option<BTreeMap<String, String>>> {
    let Some(attribute) = attributes.iter().find(|a| text(a).contains("uniffi :: export")) else { return Ok(None) };
    defaults(attribute).map(Some)
}

fn constructor_defaults(attributes: &[Attribute]) -> Result<BTreeMap<String, String>> {
    let named = |word: &'static str| attributes.iter().find(move |attribute| text(attribute).contains(word));
    named("uniffi :: constructor").or_else(|| named("uniffi :: method")).map_or_else(|| Ok(BTreeMap::new()), defaults)
}

/// What stands in `cfg_attr(feature = "uniffi", uniffi::export(default(name = value, …)))`.
fn defaults(attribute: &Attribute) -> Result<BTreeMap<String, String>> {
    let list = attribute.meta.require_list()?;
    let parts = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(list.tokens.clone())?;
    let mut found = BTreeMap::new();
    for part in parts {
        let Meta::List(export) = part else { continue };
        for inner in Punctuated::<Meta, Token![,]>::parse_terminated.parse2(export.tokens)? {
            let Meta::List(inner) = inner else { continue };
            let pairs = Punctuated::<Preset, Token![,]>::parse_terminated.parse2(inner.tokens)?;
            found.extend(pairs.into_iter().map(|pair| (pair.name, pair.value)));
        }
    }
    Ok(found)
}

/// `name = value`.
struct Preset {
    name: String,
    value: String,
}

impl syn::parse::Parse for Preset {
    fn parse(input: syn::parse::ParseStream<'_>) -> syn::Result<Self> {
        let name: Ident = input.parse()?;
        input.parse::<Token![=]>()?;
        let value = match input.parse::<Expr>()? {
            Expr::Lit(literal) => match literal.lit {
                Lit::Int(number) => number.base10_digits().to_owned(),
                Lit::Bool(flag) => flag.value.to_string(),
                _ => return Err(input.error("a number, true, false or None")),
            },
            Expr::Path(path) if path.path.is_ident("None") => "None".to_owned(),
            _ => return Err(input.error("a number, true, false or None")),
        };
        Ok(Self { name: name.to_string(), value })
    }
}

/// The lines of documentation.
fn doc(attributes: &[Attribute]) -> Vec<String> {
    let lines = attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).filter_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else { return None };
        let Expr::Lit(literal) = &pair.value else { return None };
        let Lit::Str(line) = &literal.lit else { return None };
        Some(line.value().strip_prefix(' ').map_or_else(|| line.value(), str::to_owned))
    });
    lines.collect()
}
