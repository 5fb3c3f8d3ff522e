//! Any JSON as a quote, and any bytes as a quote of each kind of hardware: nothing panics, and under roots of nobody's nothing holds.
#![no_main]

use std::sync::LazyLock;

use lazai::core::seal::SealingKey;
use lazai::core::{Address, Digest, Domain};
use lazai::enclave::{EnclavePolicy, Quote, SnpMeasurement, SnpProduct, SnpTcb, TdxCollateral, TdxMeasurement};
use lazai::seal::SealTerms;
use libfuzzer_sys::fuzz_target;

/// What Intel signed about a platform: what is fuzzed beside it is the quote.
static COLLATERAL: LazyLock<TdxCollateral> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../vectors/quotes/tdx_quote_collateral.json")).unwrap());

fuzz_target!(|data: &[u8]| {
    let read = Quote::from_json(data).ok();
    let raw = [
        Quote::SevSnp { report: data.to_vec(), vcek: data.get(1_184..).unwrap_or_default().to_vec() },
        Quote::SevSnp {
            report: data.get(..1_184).unwrap_or_default().to_vec(),
            vcek: data.get(1_184..).unwrap_or_default().to_vec(),
        },
        Quote::Tdx { quote: data.to_vec(), collateral: Box::new(COLLATERAL.clone()) },
    ];
    let terms =
        SealTerms { node: Address::ZERO, key_id: 1, public_key: SealingKey(Digest::ZERO), valid_until_s: u64::MAX };
    let domain =
        Domain { name: "fuzz".into(), version: "1".into(), chain_id: 1, verifying_contract: Address::ZERO, salt: None };
    for quote in raw.into_iter().chain(read) {
        // Accepts whatever program is in it, so that all of it is looked at.
        let measured = |at: usize| {
            let bytes = match &quote {
                Quote::SevSnp { report: bytes, .. } | Quote::Tdx { quote: bytes, .. } => bytes,
                _ => return None,
            };
            Some(lazai::enclave::Measurement(bytes.get(at..at + 48)?.try_into().ok()?))
        };
        let tdx = [48 + 136, 54 + 136].into_iter().filter_map(measured);
        let tdx = tdx.map(|mr_td| TdxMeasurement { mr_td, rt_mr: [None; 4], mr_config_id: None }).collect();
        let least_tcb = SnpTcb { fmc: 0, bootloader: 0, tee: 0, snp: 0, microcode: 0 };
        let sev_snp = measured(0x90).map(|measurement| SnpMeasurement {
            product: SnpProduct::Milan,
            measurement,
            least_tcb,
            host_data: None,
            vmpl: 0,
        });
        let policy = EnclavePolicy { tdx, sev_snp: sev_snp.into_iter().collect(), ..EnclavePolicy::default() };
        assert!(policy.check(&quote, &terms, &domain, 1_750_414_563).is_err());
    }
});
