// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TokenBase} from "./TokenBase.sol";

/// @title Revenue of a class among its share tokens, to the unit
/// @notice ERC-8028's accumulator, scaled by 10^18. Two remainders are kept instead of dropped: what does not divide by
/// the total share is carried to the class's next settlement, and what a claim floors stays in the token's debt. So for
/// each class and asset, always: sum of (share * accumulator - debt) + carry = unclaimed * 10^18.
abstract contract RevenueShares is TokenBase {
    error AssetNotAccepted(address asset);
    error TooManyExpiring(uint256 classId);

    struct Account {
        // What one share has earned since the beginning, times 10^18.
        uint256 perShare;
        // Settled and not claimed yet, the carried part included.
        uint128 unclaimed;
        // What did not divide, times 10^18: less than the total share at that time.
        uint64 carry;
    }

    uint256 internal constant SCALE = 1e18;
    /// @notice Share tokens of a class that expire: they are processed before each settlement.
    uint256 public constant MAX_EXPIRING = 64;

    mapping(uint256 classId => mapping(address asset => Account)) private _revenue;
    /// The accumulator times the shares that a token has had its part of, times 10^18.
    mapping(uint256 tokenId => mapping(address asset => uint256)) private _debt;
    /// The accumulator when an expired token's expiry was observed: it earns no more.
    mapping(uint256 tokenId => mapping(address asset => uint256)) private _frozen;
    mapping(uint256 tokenId => bool) private _isFrozen;

    /// @notice What a token's owner could claim now.
    function pendingRevenue(uint256 tokenId, address asset) public view returns (uint256) {
        return _pendingScaled(tokenId, asset) / SCALE;
    }

    /// @notice ERC-8028's accumulator: what one share of a class has earned since the beginning, times 10^18.
    function accRevenuePerShare(uint256 classId, address asset) external view returns (uint256) {
        return _revenue[classId][asset].perShare;
    }

    /// @notice What a class has not paid out yet, and the part of it (times 10^18) that did not divide.
    function unclaimedRevenue(uint256 classId, address asset) external view returns (uint128 unclaimed, uint64 carry) {
        Account storage account = _revenue[classId][asset];
        return (account.unclaimed, account.carry);
    }

    /// @notice Whether a token's shares count.
    function countedInShare(uint256 tokenId) external view returns (bool) {
        return _token(tokenId).shareRatio != 0 && !_isFrozen[tokenId];
    }

    /// @notice Settles coins that come with the call on a class.
    function settleRevenueETH(uint256 classId) external payable nonReentrant {
        _settle(classId, address(0), msg.value);
        settlement.takeAsRevenue{value: msg.value}(msg.sender, address(0), msg.value);
    }

    /// @notice Settles an accepted ERC-20 on a class, by allowance to the settlement. What takes a fee is refused.
    function settleRevenueERC20(uint256 classId, address asset, uint256 amount) external nonReentrant {
        if (asset == address(0)) revert AssetNotAccepted(asset);
        _settle(classId, asset, amount);
        settlement.takeAsRevenue(msg.sender, asset, amount);
    }

    /// @notice Counts revenue that is in the settlement already; by the settlement. Where no share counts, the account
    /// that is to have it instead: the class's owner. Never reverts for a class with sessions.
    function creditRevenue(uint256 classId, address asset, uint128 amount) external returns (address instead) {
        if (msg.sender != address(settlement)) revert NotAllowed(msg.sender);
        return _credit(classId, asset, amount);
    }

    /// @notice Pays a token's revenue out; by its owner, or to her by her operator in the class.
    function claim(uint256 tokenId, address asset, address payable to) external nonReentrant returns (uint256 amount) {
        Token storage token = _token(tokenId);
        address owner = ownerOf(tokenId);
        bool operator = isApprovedForClass(owner, token.classId, msg.sender) && to == owner;
        if (msg.sender != owner && !operator) revert NotAllowed(msg.sender);
        amount = _take(tokenId, asset);
        emit Claimed(tokenId, to, asset, amount);
        settlement.payFromRevenue(to, asset, amount);
    }

    /// @notice Observes the expiries of a class; anyone may, and each settlement does.
    function processExpiries(uint256 classId) public {
        Class storage class = _class(classId);
        uint256[] storage expiring = class.expiring;
        uint256 count = expiring.length;
        if (count == 0) return;
        address[] memory assets = parameters.acceptedAssets();
        for (uint256 i = count; i > 0; --i) {
            uint256 tokenId = expiring[i - 1];
            Token storage token = _tokens[tokenId];
            if (!_hasExpired(token)) continue;
            // Nothing was settled since it expired, so the accumulators are still those of its expiry.
            for (uint256 j = 0; j < assets.length; ++j) {
                uint256 perShare = _revenue[classId][assets[j]].perShare;
                if (perShare != 0) _frozen[tokenId][assets[j]] = perShare;
            }
            _isFrozen[tokenId] = true;
            class.totalShare -= token.shareRatio;
            expiring[i - 1] = expiring[expiring.length - 1];
            expiring.pop();
            emit Expired(tokenId);
        }
    }

    /// Lets a new token's shares count, from now on: it takes no part in the past, in any asset.
    function _join(uint256 tokenId, uint256 classId, uint64 shareRatio, uint64 expireAt) internal {
        Class storage class = _classes[classId];
        uint256 total = uint256(class.totalShare) + shareRatio;
        if (total > type(uint64).max) revert OutOfRange("total share", total);
        class.totalShare = uint64(total);
        address[] memory assets = parameters.acceptedAssets();
        for (uint256 j = 0; j < assets.length; ++j) {
            uint256 perShare = _revenue[classId][assets[j]].perShare;
            if (perShare != 0) _debt[tokenId][assets[j]] = perShare * shareRatio;
        }
        if (expireAt == 0) return;
        if (class.expiring.length == MAX_EXPIRING) revert TooManyExpiring(classId);
        class.expiring.push(tokenId);
    }

    /// Credits what a token has earned to the one who has it, before it changes hands.
    function _creditOwner(uint256 tokenId, address owner) internal {
        if (_tokens[tokenId].shareRatio == 0) return;
        address[] memory assets = parameters.acceptedAssets();
        for (uint256 j = 0; j < assets.length; ++j) {
            uint256 amount = _take(tokenId, assets[j]);
            if (amount == 0) continue;
            emit Claimed(tokenId, owner, assets[j], amount);
            // slither-disable-next-line reentrancy-no-eth: the settlement only counts, and calls nobody.
            settlement.creditFromRevenue(owner, assets[j], amount);
        }
    }

    function _settle(uint256 classId, address asset, uint256 amount) private {
        if (!parameters.isAccepted(asset)) revert AssetNotAccepted(asset);
        if (amount > type(uint128).max) revert OutOfRange("amount", amount);
        address instead = _credit(classId, asset, uint128(amount));
        // The settlement credits whom we name when it has the money.
        if (instead != address(0)) settlement.creditFromRevenue(instead, asset, amount);
    }

    function _credit(uint256 classId, address asset, uint128 amount) private returns (address instead) {
        processExpiries(classId);
        Class storage class = _classes[classId];
        emit RevenueSettled(classId, asset, amount);
        if (class.totalShare == 0) return class.owner;
        Account storage account = _revenue[classId][asset];
        uint256 available = uint256(amount) * SCALE + account.carry;
        account.perShare += available / class.totalShare;
        account.unclaimed += amount;
        account.carry = uint64(available % class.totalShare);
    }

    function _take(uint256 tokenId, address asset) private returns (uint256 amount) {
        // slither-disable-next-line divide-before-multiply: what is floored stays owed to the token.
        amount = _pendingScaled(tokenId, asset) / SCALE;
        if (amount == 0) return 0;
        _debt[tokenId][asset] += amount * SCALE;
        _revenue[_tokens[tokenId].classId][asset].unclaimed -= uint128(amount);
    }

    function _pendingScaled(uint256 tokenId, address asset) private view returns (uint256) {
        Token storage token = _token(tokenId);
        uint256 perShare = _isFrozen[tokenId] ? _frozen[tokenId][asset] : _revenue[token.classId][asset].perShare;
        return token.shareRatio * perShare - _debt[tokenId][asset];
    }
}
