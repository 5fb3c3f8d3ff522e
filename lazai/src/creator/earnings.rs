//! What share tokens earned, as the ledger has it.

use lazai_core::pov::PublicPart;
use lazai_core::{Address, Amount, Asset, ClassId, TokenId, VersionNumber};
use lazai_settle::Market;
use lazai_settle::ledger::Ledger;
use lazai_settle::market::{MarketError, Token};

use crate::conversation::published;

/// What a token's shares earned in an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareEarnings {
    /// The token.
    pub token: TokenId,
    /// Its class.
    pub class: ClassId,
    /// The version whose revenue its shares have a part of; none in a class without versions.
    pub version: Option<VersionNumber>,
    /// The character's name.
    pub character: Option<String>,
    /// The owner.
    pub owner: Address,
    /// The name under which the owner contributed to the version; none for who bought the token.
    pub contributor: Option<String>,
    /// Its shares.
    pub shares: u64,
    /// All shares of that revenue.
    pub total_shares: u64,
    /// The asset.
    pub asset: Asset,
    /// The amount that was claimed since the token was minted, by all its owners; none in a class without versions.
    pub claimed: Option<Amount>,
    /// The amount that its owner can claim now.
    pub claimable: Amount,
    /// The amount that the ledger's last entries added, and that can be claimed once they are confirmed.
    pub pending: Amount,
}

/// What share tokens earned, by token and asset: of an owner or of all, of a class or of all. Assets in which nothing was ever earned are
/// left out, but for coins.
///
/// # Errors
/// None in practice: the market's error for sums that it cannot hold.
pub fn share_earnings(
    ledger: &dyn Ledger,
    owner: Option<Address>,
    class: Option<ClassId>,
) -> Result<Vec<ShareEarnings>, MarketError> {
    let (market, head) = (ledger.market(), ledger.head());
    let mut all = Vec::new();
    let tokens = (1..=market.counts().1).map(TokenId).filter_map(|id| Some((id, market.token(id)?)));
    let wanted = |token: &Token| {
        token.shares > 0
            && owner.is_none_or(|owner| token.owner == owner)
            && class.is_none_or(|class| token.class == class)
    };
    for (id, token) in tokens.filter(|(_, token)| wanted(token)) {
        let found = market.class(token.class);
        let about = token.version.and_then(|version| found?.version(version)).map(|version| &version.metadata);
        let contributor = token.version.and_then(|version| contributor(&market, token.class, version, token.owner));
        for &asset in market.assets() {
            let sums = |market: &Market| {
                let (claimed, claimable) = (market.claimed_revenue(id, asset)?, market.pending_revenue(id, asset)?);
                let earned = claimed.unwrap_or_default().checked_add(claimable)?;
                Ok::<_, MarketError>((claimed, claimable, earned))
            };
            let ((claimed, claimable, earned), latest) =
                (sums(&market)?, sums(&head).map_or(Amount::ZERO, |sums| sums.2));
            let pending = latest.checked_sub(earned).unwrap_or(Amount::ZERO);
            if asset != Asset::NATIVE && earned == Amount::ZERO && pending == Amount::ZERO {
                continue;
            }
            all.push(ShareEarnings {
                token: id,
                class: token.class,
                version: token.version,
                character: about.map(|about| about.character.clone()),
                owner: token.owner,
                contributor: contributor.clone(),
                shares: token.shares,
                total_shares: found.and_then(|found| found.pot(token.version)).map_or(0, |pot| pot.total_shares),
                asset,
                claimed,
                claimable,
                pending,
            });
        }
    }
    Ok(all)
}

/// The name of a contributor, by the version's public part.
fn contributor(market: &Market, class: ClassId, version: VersionNumber, owner: Address) -> Option<String> {
    let public = PublicPart::from_bytes(published(market, class, version)?.as_bytes()).ok()?;
    public.contributors.into_iter().find(|contributor| contributor.address == owner).map(|found| found.name)
}
