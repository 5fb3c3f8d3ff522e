//! Measures of governance, and money that crosses between the market and its chain.

use lazai_core::{Address, Amount, Asset, ParamsVersion};
use serde::{Deserialize, Serialize};

use super::state::Market;
use super::{Event, MarketError};
use crate::governance::{MAX_ASSETS, Measure, Params};
use crate::quorum::{MAX_VALIDATORS, MAX_WEIGHT, validator_change_digest};

/// Money that enters or leaves the market. On an embedded ledger none does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "crossing", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Crossing {
    /// Somebody brought money into an account.
    Deposit {
        /// The account whose balance grows.
        account: Address,
        /// The asset.
        asset: Asset,
        /// The amount.
        amount: Amount,
    },
    /// Somebody took money out.
    Withdraw {
        /// The account whose balance shrinks.
        account: Address,
        /// The asset.
        asset: Asset,
        /// The amount.
        amount: Amount,
    },
}

impl Market {
    /// Carries out a decision of governance: after a vote here, or as a chain's timelock says.
    ///
    /// # Errors
    /// [`MarketError`]; then nothing has changed.
    pub fn enact(&mut self, measure: &Measure) -> Result<Vec<Event>, MarketError> {
        match measure {
            Measure::AcceptAsset { asset } => {
                self.accept_asset(*asset)?;
                Ok(vec![Event::AssetAccepted { asset: *asset }])
            }
            Measure::ApplyParameters(params) => self.apply_parameters(params),
            Measure::SetValidator { validator, weight } => self.set_validator(*validator, *weight),
            Measure::Spend { to, asset, amount } => self.transfer(self.pool, *to, *asset, *amount),
        }
    }

    /// Counts money that a chain saw enter or leave.
    ///
    /// # Errors
    /// [`MarketError`]; then nothing has changed.
    pub fn cross(&mut self, crossing: Crossing) -> Result<(), MarketError> {
        match crossing {
            Crossing::Deposit { account, asset, amount } => {
                self.check_asset(asset)?;
                self.bring_in(account, asset, amount)
            }
            Crossing::Withdraw { account, asset, amount } => {
                let rest = self.balance_less(account, asset, amount)?;
                let supply = self.supply.get(&asset).copied().unwrap_or_default().checked_sub(amount)?;
                self.supply.insert(asset, supply);
                self.balances.insert((account, asset), rest);
                Ok(())
            }
        }
    }

    /// New money for an account. Bounded here, sums of balances can overflow nowhere else.
    pub(super) fn bring_in(&mut self, account: Address, asset: Asset, amount: Amount) -> Result<(), MarketError> {
        let supply = self.supply.get(&asset).copied().unwrap_or_default().checked_add(amount)?;
        self.credit(account, asset, amount)?;
        self.supply.insert(asset, supply);
        Ok(())
    }

    fn apply_parameters(&mut self, params: &Params) -> Result<Vec<Event>, MarketError> {
        params.check()?;
        // Sessions on chain keep their version in sixteen bits.
        if self.params.len() == usize::from(u16::MAX) {
            return Err(MarketError::TooMany { what: "versions of parameters" });
        }
        self.params.push(params.clone());
        let version = ParamsVersion(u32::try_from(self.params.len()).unwrap_or(u32::MAX));
        Ok(vec![Event::ParamsChanged { params: version, split: params.split }])
    }

    fn set_validator(&mut self, validator: Address, weight: u64) -> Result<Vec<Event>, MarketError> {
        self.check_weight(validator, weight)?;
        if weight == 0 {
            self.validators.remove(&validator);
        } else {
            self.validators.insert(validator, weight);
        }
        self.validator_history = validator_change_digest(self.validator_history, validator, weight);
        Ok(vec![Event::ValidatorSet { validator, weight }])
    }

    pub(super) fn check_weight(&self, validator: Address, weight: u64) -> Result<(), MarketError> {
        let joins = weight != 0 && !self.validators.contains_key(&validator);
        if self.validators.len() + usize::from(joins) > MAX_VALIDATORS {
            return Err(MarketError::TooMany { what: "validators" });
        }
        if weight > MAX_WEIGHT {
            return Err(MarketError::TooMany { what: "units of weight" });
        }
        Ok(())
    }

    pub(super) fn accept_asset(&mut self, asset: Asset) -> Result<(), MarketError> {
        if self.assets.contains(&asset) || self.assets.len() == MAX_ASSETS {
            return Err(MarketError::AssetNotAccepted { asset });
        }
        self.assets.push(asset);
        Ok(())
    }

    pub(super) fn check_asset(&self, asset: Asset) -> Result<(), MarketError> {
        if self.assets.contains(&asset) { Ok(()) } else { Err(MarketError::AssetNotAccepted { asset }) }
    }
}
