//! Names of chains.

use super::Version;

/// The chains that version 1 knows by name, as npm's `@x402/evm` 2.27 has them. Sorted.
const NAMES: [(&str, u64); 21] = [
    ("abstract", 2_741),
    ("abstract-testnet", 11_124),
    ("avalanche", 43_114),
    ("avalanche-fuji", 43_113),
    ("base", 8_453),
    ("base-sepolia", 84_532),
    ("educhain", 41_923),
    ("ethereum", 1),
    ("iotex", 4_689),
    ("megaeth", 4_326),
    ("monad", 143),
    ("peaq", 3_338),
    ("polygon", 137),
    ("polygon-amoy", 80_002),
    ("sei", 1_329),
    ("sei-testnet", 1_328),
    ("sepolia", 11_155_111),
    ("skale-base-sepolia", 324_705_682),
    ("stable", 988),
    ("stable-testnet", 2_201),
    ("story", 1_514),
];

/// The number of a chain (EIP-155) that a server names: by CAIP-2, and in version 1 also by name. `None` for other kinds of chains.
#[must_use]
pub fn chain_id(version: Version, network: &str) -> Option<u64> {
    if version == Version::One
        && let Ok(place) = NAMES.binary_search_by_key(&network, |(name, _)| *name)
    {
        return Some(NAMES[place].1);
    }
    let number: u64 = network.strip_prefix("eip155:")?.parse().ok()?;
    // One spelling: it is compared, and shown.
    (network == format!("eip155:{number}")).then_some(number)
}

/// The name of a chain (EIP-155): that of CAIP-2, and in version 1 its own if it has one.
#[must_use]
pub fn network_name(version: Version, chain_id: u64) -> String {
    let own = NAMES.iter().find(|(_, id)| version == Version::One && *id == chain_id);
    own.map_or_else(|| format!("eip155:{chain_id}"), |(name, _)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_found_in_version_one_alone() {
        assert!(NAMES.is_sorted());
        for (name, id) in NAMES {
            assert_eq!((chain_id(Version::One, name), chain_id(Version::Two, name)), (Some(id), None));
            assert_eq!(network_name(Version::One, id), name);
            assert_eq!(chain_id(Version::Two, &network_name(Version::Two, id)), Some(id));
        }
        assert_eq!(chain_id(Version::One, "eip155:31337"), Some(31_337));
        for bad in ["eip155:", "eip155:+1", "eip155:01", "eip155:99999999999999999999", "solana:x", "mainnet", ""] {
            assert_eq!((chain_id(Version::One, bad), chain_id(Version::Two, bad)), (None, None), "{bad}");
        }
    }
}
