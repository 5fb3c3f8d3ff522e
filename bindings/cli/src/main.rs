//! The binary `lazai`.

fn main() -> std::process::ExitCode {
    // What goes wrong beside an answer. No prompt, key or word of a reply is in it.
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false);
    log.with_max_level(tracing_subscriber::filter::LevelFilter::WARN).init();
    let code = lazai_cli::run(
        std::env::args_os(),
        Box::new(std::io::BufReader::new(std::io::stdin())),
        &mut std::io::stdout().lock(),
    );
    std::process::ExitCode::from(code)
}
