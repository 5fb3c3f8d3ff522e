//! Arguments of `pay` and `facilitator`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Acting, Hearing};

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples: lazai pay https://server.example/report --ask\n  lazai pay https://server.example/report --network eip155:8453 \
                        --asset 0x8335… --budget 10000 --keystore key --password-file password --book purse.json --total 1000000"
)]
pub(crate) struct Pay {
    /// The URL: https, or http on this machine.
    pub url: String,
    /// Only tells what the server wants: nothing is paid, and no key is needed.
    #[arg(long)]
    pub ask: bool,
    /// The most that this request may cost, in base units.
    #[arg(long, required_unless_present = "ask", value_name = "BASE UNITS")]
    pub budget: Option<String>,
    /// The chain that is paid on, such as eip155:8453.
    #[arg(long, required_unless_present = "ask")]
    pub network: Option<String>,
    /// Address of the ERC-20 that is paid with.
    #[arg(long, required_unless_present = "ask")]
    pub asset: Option<String>,
    /// The file that keeps what was signed: a payment whose answer was lost is sent again by the next call, and not made again.
    #[arg(long, value_name = "FILE")]
    pub book: Option<PathBuf>,
    /// The most that all requests with this book may cost, in base units.
    #[arg(long, requires = "book", value_name = "BASE UNITS")]
    pub total: Option<String>,
    /// The method; GET by default, POST with --data.
    #[arg(long)]
    pub method: Option<String>,
    /// The body, JSON unless a header says otherwise; @FILE is a file's content.
    #[arg(long, value_name = "TEXT")]
    pub data: Option<String>,
    /// A header, as in "accept: text/plain"; may be given several times.
    #[arg(long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// The file for the answer's body.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// A file (PEM) with the certificate authorities that the server's certificate is held to, instead of public ones.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The keystore file (version 3) of the payer.
    #[arg(long, required_unless_present = "ask", requires = "password_file")]
    pub keystore: Option<PathBuf>,
    /// The file with its password.
    #[arg(long, requires = "keystore")]
    pub password_file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Example: lazai facilitator --rpc https://chain.example --deployment deployment.json --keystore key --password-file \
                        password --asset 0x8335… --key-file key.txt\n\nThe account pays the gas of every transfer that it settles."
)]
pub(crate) struct Facilitator {
    #[command(flatten)]
    pub acting: Acting,
    /// Address of an ERC-20 whose transfers are settled; may be given several times.
    #[arg(long, required = true)]
    pub asset: Vec<String>,
    /// A payee whose payments are settled; may be given several times. By default anybody's.
    #[arg(long)]
    pub pay_to: Vec<String>,
    /// The least payment that is settled, in base units: each costs gas.
    #[arg(long, default_value = "1", value_name = "BASE UNITS")]
    pub least: String,
    /// A file that holds the key that servers have to show (`Authorization: Bearer`). Without one, anybody's payments are settled.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// The address to listen at.
    #[arg(long, default_value = "127.0.0.1:8031")]
    pub address: String,
    #[command(flatten)]
    pub hearing: Hearing,
}
