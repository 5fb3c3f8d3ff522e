//! The binary `lazai`.

fn main() -> std::process::ExitCode {
    lazai_cli::quiet_panics();
    let code = lazai_cli::run(
        std::env::args_os(),
        Box::new(std::io::BufReader::new(std::io::stdin())),
        &mut std::io::stdout().lock(),
    );
    std::process::ExitCode::from(code)
}
