//! The facade's surface.

/// All that other languages get.
#[derive(Debug, Default)]
pub struct Api {
    pub functions: Vec<Function>,
    pub records: Vec<Record>,
    pub enums: Vec<Enum>,
    pub handles: Vec<Handle>,
    /// What other languages implement: signers, listeners, transports.
    pub traits: Vec<(String, bool)>,
}

#[derive(Debug)]
pub struct Function {
    pub doc: Vec<String>,
    pub name: String,
    /// Its module in the facade, such as `native::data`; empty at the root.
    pub module: String,
    pub arguments: Vec<Argument>,
    pub output: Type,
    pub fallible: bool,
    pub is_async: bool,
    /// Takes `&self`; otherwise it is a constructor, or a function of a module.
    pub method: bool,
    /// Needs files, threads or a network of its own.
    pub native: bool,
}

#[derive(Debug)]
pub struct Argument {
    pub name: String,
    pub kind: Type,
    /// Its default, as source text: `None`, `12`.
    pub default: Option<String>,
}

#[derive(Debug)]
pub struct Record {
    pub doc: Vec<String>,
    pub name: String,
    pub module: String,
    pub fields: Vec<Field>,
    /// All fields may be left out.
    pub choices: bool,
    pub native: bool,
}

#[derive(Debug)]
pub struct Field {
    pub doc: Vec<String>,
    pub name: String,
    pub kind: Type,
}

#[derive(Debug)]
pub struct Enum {
    pub doc: Vec<String>,
    pub name: String,
    pub module: String,
    /// Each with its documentation.
    pub cases: Vec<(String, Vec<String>)>,
    pub native: bool,
}

#[derive(Debug)]
pub struct Handle {
    pub doc: Vec<String>,
    pub name: String,
    pub module: String,
    pub methods: Vec<Function>,
    pub native: bool,
}

/// A type of the facade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    Unit,
    Bool,
    /// `u8` to `u64`.
    Whole(&'static str),
    Float,
    Text,
    /// Text that names a file or a folder.
    Path,
    /// Decimal text of base units.
    Amount,
    Bytes,
    /// JSON as bytes.
    Json,
    Maybe(Box<Type>),
    List(Box<Type>),
    /// A record, or a flat enum.
    Named(String),
    Handle(String),
    /// An implementation in another language: `Signer`, `Transport`, a listener.
    Foreign(String),
    Error,
}

impl Api {
    /// The names, as `api.txt` lists them.
    pub fn names(&self) -> Vec<String> {
        let mark = |native: bool| if native { "native " } else { "" };
        let mut names = Vec::new();
        names.extend(self.functions.iter().map(|f| format!("{}{}", mark(f.native), f.name)));
        for words in &self.enums {
            let case = |(case, _): &(String, Vec<String>)| format!("{}{}.{case}", mark(words.native), words.name);
            names.extend(words.cases.iter().map(case));
        }
        names.extend(self.traits.iter().map(|(name, native)| format!("{}{name}", mark(*native))));
        for record in &self.records {
            names.extend(record.fields.iter().map(|f| format!("{}{}.{}", mark(record.native), record.name, f.name)));
        }
        for handle in &self.handles {
            let native = |method: &Function| mark(method.native || handle.native);
            let kind = |method: &Function| if method.is_property() { " (property)" } else { "" };
            names.extend(handle.methods.iter().map(|m| format!("{}{}.{}{}", native(m), handle.name, m.name, kind(m))));
        }
        names.sort();
        names
    }

    pub fn record(&self, name: &str) -> Option<&Record> {
        self.records.iter().find(|record| record.name == name)
    }

    /// The module of a record or an enum.
    pub fn module(&self, name: &str) -> &str {
        let record = self.record(name).map(|record| record.module.as_str());
        let words = || self.enums.iter().find(|words| words.name == name).map(|words| words.module.as_str());
        record.or_else(words).unwrap_or_default()
    }

    /// A name of the surface: of a function, a method, an argument, a field or a type.
    pub fn is_name(&self, name: &str) -> bool {
        let of_function = |f: &Function| f.name == name || f.arguments.iter().any(|argument| argument.name == name);
        self.functions.iter().any(of_function)
            || self.handles.iter().any(|handle| handle.name == name || handle.methods.iter().any(of_function))
            || self.records.iter().any(|record| record.name == name || record.fields.iter().any(|f| f.name == name))
    }

    /// The type may be left out: nothing, or nothing chosen.
    pub fn may_be_left_out(&self, kind: &Type) -> bool {
        match kind {
            Type::Maybe(_) => true,
            Type::Named(name) => self.record(name).is_some_and(|record| record.choices),
            _ => false,
        }
    }
}

impl Function {
    /// A method without arguments that only tells something: a property where a language has them.
    pub fn is_property(&self) -> bool {
        let tells = self.output != Type::Unit && !self.fallible && !self.is_async;
        self.method && self.arguments.is_empty() && tells && !self.name.starts_with("to_")
    }

    /// The number of its first arguments that must be given.
    pub fn required(&self, api: &Api) -> usize {
        let given = |argument: &&Argument| argument.default.is_some() || api.may_be_left_out(&argument.kind);
        self.arguments.len() - self.arguments.iter().rev().take_while(given).count()
    }
}
