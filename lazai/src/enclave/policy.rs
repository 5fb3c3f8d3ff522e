//! What a consumer accepts: measurements of programs, states of firmware, and the vendors' roots.

use std::fmt;
use std::str::FromStr;

use lazai_core::id::HexError;
use serde::{Deserialize, Serialize};

/// A measurement of what runs: a SHA-384 digest, written as 96 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Measurement(pub [u8; 48]);

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Measurement {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        let what = "measurement";
        let not_hex = |_| HexError::NotHex { what, text: text.chars().take(80).collect() };
        let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(text)).map_err(not_hex)?;
        let found = bytes.len();
        bytes.try_into().map(Self).map_err(|_| HexError::Length { what, expected: 48, found })
    }
}

impl Serialize for Measurement {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Measurement {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What a consumer accepts as an enclave. An empty policy accepts nothing.
///
/// As JSON:
///
/// ```
/// let policy: lazai::enclave::EnclavePolicy = serde_json::from_str(
///     r#"{
///     "tdx": [{
///         "mr_td": "91eb2b44d141d4ece09f0c75c2c53d247a3c68edd7fafe8a3520c942a604a407de03ae6dc5f87f27428b2538873118b7",
///         "rt_mr": ["e0b8e8a3a8b2f2d0a1f6b8f0d9a6d1f2e0b8e8a3a8b2f2d0a1f6b8f0d9a6d1f2e0b8e8a3a8b2f2d0a1f6b8f0d9a6d1f2", null, null, null]
///     }],
///     "sev_snp": [{
///         "product": "milan",
///         "measurement": "7a1e5c266c0108dbc9bb94fa926951320940915d0aafb42464bd88b579ea158d3e1a0dc39b2c60bd95b9c480cd81841f",
///         "least_tcb": {"bootloader": 3, "tee": 0, "snp": 8, "microcode": 115}
///     }]
/// }"#,
/// )?;
/// assert_eq!((policy.tdx.len(), policy.sev_snp.len()), (1, 1));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnclavePolicy {
    /// Programs that are accepted under Intel TDX: one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tdx: Vec<TdxMeasurement>,
    /// States of TDX's firmware that are accepted beside [`TdxTcb::UpToDate`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tdx_tcb: Vec<TdxTcb>,
    /// Programs that are accepted under AMD SEV-SNP: one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sev_snp: Vec<SnpMeasurement>,
    /// The vendors' roots, if not those that are compiled in. No file can name them.
    #[serde(skip)]
    pub roots: Option<EnclaveRoots>,
}

/// A program under Intel TDX.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TdxMeasurement {
    /// The measurement of what was launched: on most hosts the firmware, and no more.
    pub mr_td: Measurement,
    /// The measurements of what was started since (RTMR 0 to 3): kernel, its command line, programs. `None` accepts any.
    pub rt_mr: [Option<Measurement>; 4],
    /// The configuration that the host gave at launch (MRCONFIGID). `None` accepts any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mr_config_id: Option<Measurement>,
}

/// A program under AMD SEV-SNP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnpMeasurement {
    /// The processor's product line: its root signs its chips' keys.
    pub product: SnpProduct,
    /// The measurement of what was launched.
    pub measurement: Measurement,
    /// The oldest firmware that is accepted.
    pub least_tcb: SnpTcb,
    /// What the host gave at launch, as 64 hexadecimal digits. `None` accepts any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_data: Option<lazai_core::Digest>,
    /// The level of privilege that the report was asked for from: 0 is the highest.
    #[serde(default)]
    pub vmpl: u32,
}

/// A product line of AMD's processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SnpProduct {
    /// EPYC 9004, and those with its root.
    Genoa,
    /// EPYC 7003.
    Milan,
    /// EPYC 9005.
    Turin,
}

impl fmt::Display for SnpProduct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Genoa => "Genoa",
            Self::Milan => "Milan",
            Self::Turin => "Turin",
        })
    }
}

/// Versions of AMD's firmware: each part only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnpTcb {
    /// The firmware of the security processor's loader, on Turin and later; 0 elsewhere.
    #[serde(default)]
    pub fmc: u8,
    /// The loader of the security processor.
    pub bootloader: u8,
    /// Its operating system.
    pub tee: u8,
    /// SEV-SNP's firmware.
    pub snp: u8,
    /// The microcode of the cores.
    pub microcode: u8,
}

impl SnpTcb {
    /// Tells whether no part is older than another's.
    #[must_use]
    pub fn is_at_least(&self, least: &Self) -> bool {
        let parts = |tcb: &Self| [tcb.fmc, tcb.bootloader, tcb.tee, tcb.snp, tcb.microcode];
        parts(self).iter().zip(parts(least)).all(|(own, least)| *own >= least)
    }
}

impl fmt::Display for SnpTcb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fmc, bootloader, tee, snp, microcode } = self;
        write!(f, "fmc {fmc}, bootloader {bootloader}, tee {tee}, snp {snp}, microcode {microcode}")
    }
}

/// Intel's word for the state of a platform's firmware. A platform that is revoked is never accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TdxTcb {
    /// Its settings, and its software, have to be changed.
    ConfigurationAndSwHardeningNeeded,
    /// Its settings have to be changed.
    ConfigurationNeeded,
    /// An older one, with known faults.
    OutOfDate,
    /// An older one, and settings that have to be changed.
    OutOfDateConfigurationNeeded,
    /// Its software has to be hardened.
    SwHardeningNeeded,
    /// The machine was launched under older firmware, which was renewed since.
    TdRelaunchAdvised,
    /// The same, and settings that have to be changed.
    TdRelaunchAdvisedConfigurationNeeded,
    /// The newest.
    UpToDate,
}

impl fmt::Display for TdxTcb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConfigurationAndSwHardeningNeeded => "configuration_and_sw_hardening_needed",
            Self::ConfigurationNeeded => "configuration_needed",
            Self::OutOfDate => "out_of_date",
            Self::OutOfDateConfigurationNeeded => "out_of_date_configuration_needed",
            Self::SwHardeningNeeded => "sw_hardening_needed",
            Self::TdRelaunchAdvised => "td_relaunch_advised",
            Self::TdRelaunchAdvisedConfigurationNeeded => "td_relaunch_advised_configuration_needed",
            Self::UpToDate => "up_to_date",
        })
    }
}

/// The roots that vendors sign under. Those that are compiled in count where a policy names none: these are for tests, and for whoever
/// runs hardware under a root of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnclaveRoots {
    /// Intel's root certificate, in DER. `None` accepts no quote of TDX.
    pub intel: Option<Vec<u8>>,
    /// AMD's roots of each product line. A product without one is not accepted.
    pub amd: Vec<AmdRoot>,
}

/// AMD's certificates for a product line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmdRoot {
    /// The product line.
    pub product: SnpProduct,
    /// The root (ARK), in DER.
    pub ark: Vec<u8>,
    /// The key that signs those of chips (ASK), in DER.
    pub ask: Vec<u8>,
}
