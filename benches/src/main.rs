//! Runs a measurement by its name, and writes it as JSON: `lazai-benches NAME FILE`.
#![allow(clippy::print_stdout, reason = "a command line talks")]

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: lazai-benches market FILE.json";
    let (name, file) = (args.next().ok_or(usage)?, args.next().ok_or(usage)?);
    let folder = std::path::Path::new(&file).with_extension("work");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    let result = match name.as_str() {
        "market" => lazai_benches::market::run(&folder)?,
        _ => return Err(usage.into()),
    };
    std::fs::remove_dir_all(&folder)?;
    let text = serde_json::to_string_pretty(&result)?;
    println!("{text}");
    std::fs::write(file, text)?;
    Ok(())
}
