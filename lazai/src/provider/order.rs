//! Who is answered first where replies must wait: who pays more for a token waits less.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use lazai_core::Asset;
use lazai_lora::generate::GenerateJob;
use lazai_settle::session::Offer;

use super::page::lock;

/// Nobody's patience is shorter, whatever is paid: who pays less is answered in the end.
const SHORTEST: Duration = Duration::from_millis(500);

/// The least that was paid for a token of a reply since the node was started, in each asset.
#[derive(Debug, Default)]
pub(super) struct Order(Mutex<BTreeMap<Asset, u128>>);

impl Order {
    /// The patience of a reply under an offer: as many times shorter as the price is higher than the lowest.
    pub(super) fn patience(&self, offer: &Offer) -> Duration {
        let price = offer.completion_price.base_units();
        if price == 0 {
            return GenerateJob::PATIENCE;
        }
        let mut lowest = lock(&self.0);
        let lowest = lowest.entry(offer.asset).or_insert(price);
        *lowest = price.min(*lowest);
        let most = GenerateJob::PATIENCE.as_millis();
        // A price may be 128 bits wide: where the product is not, the quotient loses nothing that counts.
        let product = most.checked_mul(*lowest);
        let millis = product.map_or_else(|| *lowest / (price / most).max(1), |product| product / price);
        Duration::from_millis(u64::try_from(millis.min(most)).unwrap_or(u64::MAX)).max(SHORTEST)
    }
}

#[cfg(test)]
mod tests {
    use lazai_core::{Address, Amount, ClassId, VersionNumber};

    use super::*;

    fn offer(asset: Asset, price: u128) -> Offer {
        Offer {
            node: Address::ZERO,
            class: ClassId(1),
            version: VersionNumber(1),
            asset,
            prompt_price: Amount::ZERO,
            completion_price: Amount::from_base_units(price),
            prompt_ceiling: 1,
            completion_ceiling: 1,
            session_s: 1,
            valid_until_s: 1,
            min_deposit: Amount::ZERO,
            quota_deposit: Amount::ZERO,
            series: 0,
        }
    }

    #[test]
    fn who_pays_more_waits_less() {
        let (order, other) = (Order::default(), Asset(Address::from_bytes([1; 20])));
        let of = |asset, price| order.patience(&offer(asset, price)).as_millis();
        assert_eq!(of(Asset::NATIVE, 0), 10_000, "free");
        assert_eq!(of(Asset::NATIVE, 4), 10_000, "the only price");
        assert_eq!(of(Asset::NATIVE, 8), 5_000);
        assert_eq!(of(Asset::NATIVE, 2), 10_000, "the lowest now");
        assert_eq!(of(Asset::NATIVE, 4), 5_000);
        assert_eq!(of(Asset::NATIVE, u128::MAX), 500, "nobody is passed over for ever");
        assert_eq!(of(other, u128::MAX), 10_000, "assets are not compared");
        assert_eq!(of(other, u128::MAX - 1), 10_000, "without overflow");
    }
}
