//! Runs a measurement by its name, and writes it as JSON: `lazai-benches NAME FILE`.
#![allow(clippy::print_stdout, reason = "a command line talks")]

fn main() -> Result<(), lazai_benches::Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let usage = "usage: lazai-benches data|lora|market|overhead|recheck|serve|settle|start|voice|zk FILE.json";
    if args.first().is_some_and(|verb| verb == "data-part") {
        println!("{}", lazai_benches::data::part(&args[1..])?);
        return Ok(());
    }
    if args.first().is_some_and(|verb| verb == "lora-part") {
        println!("{}", lazai_benches::lora::part(&args[1..])?);
        return Ok(());
    }
    if args.first().is_some_and(|verb| verb == "start-part") {
        return lazai_benches::start::part(&args[1..]);
    }
    if args.first().is_some_and(|verb| verb == "voice-part") {
        println!("{}", lazai_benches::voice::part(&args[1..])?);
        return Ok(());
    }
    if args.first().is_some_and(|verb| verb == "zk-part") {
        println!("{}", lazai_benches::zk::part(&args[1..])?);
        return Ok(());
    }
    let [name, file] = &args[..] else { return Err(usage.into()) };
    let folder = std::path::Path::new(file).with_extension("work");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    let result = match name.as_str() {
        "data" => lazai_benches::data::run(&folder)?,
        "lora" => lazai_benches::lora::run(&folder)?,
        "zk" => lazai_benches::zk::run(&folder, std::path::Path::new(file))?,
        "recheck" => lazai_benches::recheck::run(&folder)?,
        "serve" => lazai_benches::serve::run(&folder)?,
        "settle" => lazai_benches::settle::run(&folder)?,
        "start" => lazai_benches::start::run(&folder)?,
        "market" => lazai_benches::market::run(&folder)?,
        "overhead" => lazai_benches::overhead::run(&folder)?,
        "voice" => lazai_benches::voice::run(&folder, std::path::Path::new(file))?,
        _ => return Err(usage.into()),
    };
    std::fs::remove_dir_all(&folder)?;
    let text = serde_json::to_string_pretty(&result)?;
    println!("{text}");
    std::fs::write(file, text)?;
    Ok(())
}
