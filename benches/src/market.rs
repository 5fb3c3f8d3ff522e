//! How fast the embedded ledger applies signed transactions (transfers), beside the limits it stands on: one signature recovery per
//! signature, and one durable write per transaction.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Instant;

use lazai::core::digest::sha256;
use lazai::core::{Address, Amount, Asset, Digest, Domain, LocalSigner, Signer};
use lazai::settle::market::{SignedTransaction, Transaction};
use lazai::settle::{EmbeddedLedger, Genesis, Market, Params, SystemClock};
use serde_json::{Value, json};

use crate::Failure;

const TRANSFERS: u32 = 400;

/// Runs it, in a folder on the disk that is measured.
///
/// # Errors
/// What the ledger or the file system says.
pub fn run(folder: &std::path::Path) -> Result<Value, Failure> {
    let signer = LocalSigner::random()?;
    let genesis = Genesis {
        domain: Domain::random("bench", "1")?,
        validators: BTreeMap::new(),
        voters: BTreeMap::new(),
        balances: vec![(signer.address(), Asset::NATIVE, Amount::from_base_units(1_000_000))],
        params: Params::default(),
        assets: Vec::new(),
        pool: None,
    };
    let transactions = sign_all(&signer, &genesis)?;

    let recover_per_s = per_second(|| {
        for transaction in &transactions {
            transaction.check(&genesis.domain)?;
        }
        Ok(())
    })?;
    let mut market = Market::new(&genesis)?;
    let apply_per_s = per_second(|| {
        for transaction in &transactions {
            market.apply(0, transaction)?;
        }
        Ok(())
    })?;
    let fsync_per_s = per_second(|| {
        let mut file = std::fs::File::create(folder.join("fsync"))?;
        for _ in 0..TRANSFERS {
            file.write_all(&[0; 512])?;
            file.sync_data()?;
        }
        Ok(())
    })?;
    let ledger = EmbeddedLedger::create(&folder.join("ledger"), &genesis, SystemClock)?;
    let durable_per_s = per_second(|| {
        for transaction in &transactions {
            pollster::block_on(ledger.submit(transaction.clone()))?;
        }
        Ok(())
    })?;
    Ok(json!({
        "transactions": TRANSFERS,
        "recover_per_s": recover_per_s,
        "apply_per_s": apply_per_s,
        "apply_over_recover": apply_per_s / recover_per_s,
        "fsync_per_s": fsync_per_s,
        "durable_per_s": durable_per_s,
        "durable_over_fsync": durable_per_s / fsync_per_s,
    }))
}

fn sign_all(signer: &dyn Signer, genesis: &Genesis) -> Result<Vec<SignedTransaction>, Failure> {
    let sign = |n: u32| {
        let amount = Amount::from_base_units(1);
        let transfer = Transaction::Transfer { to: Address::from_bytes([9; 20]), asset: Asset::NATIVE, amount };
        let key: Digest = sha256(&n.to_le_bytes());
        Ok(pollster::block_on(SignedTransaction::sign(signer, &genesis.domain, key, transfer))?)
    };
    (0..TRANSFERS).map(sign).collect()
}

fn per_second(work: impl FnOnce() -> Result<(), Failure>) -> Result<f64, Failure> {
    let started = Instant::now();
    work()?;
    Ok(f64::from(TRANSFERS) / started.elapsed().as_secs_f64())
}
