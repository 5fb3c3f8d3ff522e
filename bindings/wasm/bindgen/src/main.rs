//! `bindgen IN.wasm FOLDER NAME web|nodejs`: what JavaScript needs around a module.

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [input, folder, name, target] = args.as_slice() else { bail!("bindgen IN.wasm FOLDER NAME web|nodejs") };
    let mut bindgen = Bindgen::new();
    bindgen.input_path(input).out_name(name).typescript(true).omit_default_module_path(false);
    match target.as_str() {
        "web" => bindgen.web(true)?,
        "nodejs" => bindgen.nodejs_module(true)?,
        other => bail!("unknown target {other:?}"),
    };
    bindgen.generate(folder).with_context(|| format!("binding {input}"))
}
