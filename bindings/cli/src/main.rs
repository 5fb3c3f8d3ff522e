//! The binary `lazai`.

fn main() -> std::process::ExitCode {
    let code = lazai_cli::run(std::env::args_os(), &mut std::io::stdin().lock(), &mut std::io::stdout().lock());
    std::process::ExitCode::from(code)
}
