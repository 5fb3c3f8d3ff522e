// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Account, Accounts} from "./Accounts.sol";
import {TokenBase} from "./TokenBase.sol";

/// @title Revenue among share tokens, to the unit
/// @notice ERC-8028's accumulator, scaled by 10^18: one for each version of a class, so that what a version earns is of
/// those whose words it is made of. A part goes to the version that it comes after, which is the one that its contributors
/// signed, whatever was minted meanwhile; of it again a part goes to the one that that one comes after. It is not carried
/// through all of them at once, however many there are, but waits in each one's inbox until something opens it: its next
/// revenue, a claim, a transfer of its shares, or anybody (`pass`).
///
/// Remainders are kept instead of dropped: what does not divide by the total share is carried to the version's next
/// revenue, what does not divide by ten thousand waits likewise, and what a claim floors stays in the token's debt. So
/// for each version and asset, always: sum of (share * accumulator - debt) + carry = unclaimed * 10^18.
///
/// A class without versions has one account, of version 0, with shares that are minted and expire at any time.
abstract contract RevenueShares is TokenBase {
    error AssetNotAccepted(address asset);
    error TooManyExpiring(uint256 classId);

    /// Revenue that somebody settled on a version, or (version 0) on a class without versions; ERC-8028's event names
    /// no version.
    event VersionRevenueSettled(uint256 indexed classId, uint32 indexed version, address indexed asset, uint256 amount);
    event RevenuePassed(uint256 indexed classId, uint32 indexed version, address indexed asset);

    /// Revenue that somebody brings. (In memory: the compiler would write what is done with it out four times.)
    struct Income {
        uint256 classId;
        uint256 version;
        address asset;
        uint256 amount;
    }

    /// @notice Share tokens of a class that expire: they are processed before each settlement.
    uint256 public constant MAX_EXPIRING = 64;

    mapping(uint256 classId => mapping(uint256 version => mapping(address asset => Account))) private _revenue;
    /// The accumulator times the shares that a token has had its part of, times 10^18.
    mapping(uint256 tokenId => mapping(address asset => uint256)) private _debt;
    /// The accumulator when an expired token's expiry was observed: it earns no more.
    mapping(uint256 tokenId => mapping(address asset => uint256)) private _frozen;
    mapping(uint256 tokenId => bool) private _isFrozen;

    /// @notice What a token's owner could claim now: its part of what waits in its own version's inbox too, but not of
    /// what waits in later versions' until that is passed on.
    function pendingRevenue(uint256 tokenId, address asset) public view returns (uint256) {
        Token storage token = _token(tokenId);
        (Account memory account,) = _opened(token.classId, token.version, asset);
        return _pendingScaled(tokenId, asset, account.perShare) / Accounts.SCALE;
    }

    /// @notice ERC-8028's accumulator: what one share of a version (0: of a class without versions) has earned since
    /// the beginning, times 10^18.
    function accRevenuePerShare(uint256 classId, uint32 version, address asset) external view returns (uint256) {
        return _revenue[classId][version][asset].perShare;
    }

    /// @notice What a version (0: a class without versions) has not paid out yet; what those that come after it passed
    /// on to it and nobody opened yet; and the part of the first (times 10^18) that did not divide.
    function unclaimedRevenue(uint256 classId, uint32 version, address asset)
        external
        view
        returns (uint128 unclaimed, uint128 inbox, uint64 carry)
    {
        Account storage account = _revenue[classId][version][asset];
        return (account.unclaimed, account.inbox, account.carry);
    }

    /// @notice Whether a token's shares count.
    function countedInShare(uint256 tokenId) external view returns (bool) {
        return _token(tokenId).shareRatio != 0 && !_isFrozen[tokenId];
    }

    /// @notice Settles coins that come with the call on a class: on its last version, if it has any.
    function settleRevenueETH(uint256 classId) external payable {
        _settle(Income(classId, versionCount(classId), address(0), msg.value));
    }

    /// @notice Settles coins that come with the call on a version; 0 for a class without versions.
    function settleRevenueETH(uint256 classId, uint32 version) external payable {
        _settle(Income(classId, version, address(0), msg.value));
    }

    /// @notice Settles an accepted ERC-20 on a class, by allowance to the settlement: on its last version, if it has
    /// any. What takes a fee is refused.
    function settleRevenueERC20(uint256 classId, address asset, uint256 amount) external {
        if (asset == address(0)) revert AssetNotAccepted(asset);
        _settle(Income(classId, versionCount(classId), asset, amount));
    }

    /// @notice Settles an accepted ERC-20 on a version; 0 for a class without versions.
    function settleRevenueERC20(uint256 classId, uint32 version, address asset, uint256 amount) external {
        if (asset == address(0)) revert AssetNotAccepted(asset);
        _settle(Income(classId, version, asset, amount));
    }

    /// @notice Counts revenue that is in the settlement already; by the settlement, for versions, whose shares always
    /// count.
    function creditRevenue(uint256 classId, uint32 version, address asset, uint128 amount) external {
        if (msg.sender != address(settlement)) revert NotAllowed(msg.sender);
        emit RevenueSettled(classId, asset, amount);
        _receive(classId, version, asset, amount);
        _open(classId, version, asset);
    }

    /// @notice Distributes what waits in a version's inbox, and passes on what the version that it comes after keeps of
    /// it. Anyone may: from the last version to the first, everybody has what is theirs.
    function pass(uint256 classId, uint32 version, address asset) external {
        _version(classId, version);
        _open(classId, version, asset);
        emit RevenuePassed(classId, version, asset);
    }

    /// @notice Pays a token's revenue out; by its owner, or to the owner by the owner's operator in the class.
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
        address[] memory assets = _assets();
        for (uint256 i = count; i > 0; --i) {
            uint256 tokenId = expiring[i - 1];
            Token storage token = _tokens[tokenId];
            if (!_hasExpired(token)) continue;
            // Nothing was settled since it expired, so the accumulators are still those of its expiry.
            for (uint256 j = 0; j < assets.length; ++j) {
                uint256 perShare = _revenue[classId][0][assets[j]].perShare;
                if (perShare != 0) _frozen[tokenId][assets[j]] = perShare;
            }
            _isFrozen[tokenId] = true;
            class.totalShare -= token.shareRatio;
            expiring[i - 1] = expiring[expiring.length - 1];
            expiring.pop();
            emit Expired(tokenId);
        }
    }

    /// Lets the shares of a new token of a class without versions count, from now on: it takes no part in the past, in
    /// any asset.
    function _join(uint256 tokenId, Token memory token) internal {
        (uint256 classId, uint64 shareRatio) = (token.classId, token.shareRatio);
        Class storage class = _classes[classId];
        uint256 total = uint256(class.totalShare) + shareRatio;
        if (total > type(uint64).max) revert OutOfRange("total share", total);
        class.totalShare = uint64(total);
        address[] memory assets = _assets();
        for (uint256 j = 0; j < assets.length; ++j) {
            uint256 perShare = _revenue[classId][0][assets[j]].perShare;
            if (perShare != 0) _debt[tokenId][assets[j]] = perShare * shareRatio;
        }
        if (token.expireAt == 0) return;
        if (class.expiring.length == MAX_EXPIRING) revert TooManyExpiring(classId);
        class.expiring.push(tokenId);
    }

    /// Credits what a token has earned to the one who has it, before it changes hands.
    function _creditOwner(uint256 tokenId, address owner) internal {
        if (_tokens[tokenId].shareRatio == 0) return;
        address[] memory assets = _assets();
        for (uint256 j = 0; j < assets.length; ++j) {
            uint256 amount = _take(tokenId, assets[j]);
            if (amount == 0) continue;
            emit Claimed(tokenId, owner, assets[j], amount);
            // slither-disable-next-line reentrancy-no-eth: the settlement only counts, and calls nobody.
            settlement.creditFromRevenue(owner, assets[j], amount);
        }
    }

    /// Counts revenue, and has the settlement take it. Where no share counts, the class's owner has it.
    function _settle(Income memory income) private nonReentrant {
        (uint256 classId, uint256 version, address asset, uint256 amount) =
            (income.classId, income.version, income.asset, income.amount);
        if (!parameters.isAccepted(asset)) revert AssetNotAccepted(asset);
        if (amount > type(uint128).max) revert OutOfRange("amount", amount);
        Class storage class = _class(classId);
        if (version != 0 || class.anchored) _version(classId, uint32(version));
        else processExpiries(classId);
        emit RevenueSettled(classId, asset, amount);
        emit VersionRevenueSettled(classId, uint32(version), asset, amount);
        if (version == 0 && class.totalShare == 0) {
            settlement.creditFromRevenue(class.owner, asset, amount);
        } else {
            _receive(classId, version, asset, amount);
            _open(classId, version, asset);
        }
        settlement.takeAsRevenue{value: msg.value}(msg.sender, asset, amount);
    }

    /// Whatever comes in goes through the inbox.
    function _receive(uint256 classId, uint256 version, address asset, uint256 amount) private {
        Account storage account = _revenue[classId][version][asset];
        account.inbox = Accounts.fit(account.inbox + amount);
    }

    /// Distributes what waits in an inbox, and passes on what the version that it comes after keeps of it.
    function _open(uint256 classId, uint256 version, address asset) private {
        if (_revenue[classId][version][asset].inbox == 0) return;
        (Account memory account, uint256 kept) = _opened(classId, version, asset);
        _revenue[classId][version][asset] = account;
        // The first version keeps all, so this is of one that comes after another.
        if (kept != 0) _receive(classId, _versions[classId][version - 1].afterVersion, asset, kept);
    }

    /// An account as it is once its inbox is opened, and what the version that this one comes after keeps.
    function _opened(uint256 classId, uint256 version, address asset)
        private
        view
        returns (Account memory account, uint256 kept)
    {
        account = _revenue[classId][version][asset];
        if (account.inbox == 0) return (account, 0);
        (uint256 keepBps, uint256 totalShare) = (0, _classes[classId].totalShare);
        if (version != 0) {
            Version storage found = _versions[classId][version - 1];
            (keepBps, totalShare) = (found.keepBps, found.totalShare);
        }
        kept = account.open(keepBps, totalShare);
    }

    function _assets() private view returns (address[] memory) {
        return parameters.acceptedAssets();
    }

    function _take(uint256 tokenId, address asset) private returns (uint256 amount) {
        Token storage token = _token(tokenId);
        (uint256 classId, uint256 version) = (token.classId, token.version);
        _open(classId, version, asset);
        Account storage account = _revenue[classId][version][asset];
        // slither-disable-next-line divide-before-multiply: what is floored stays owed to the token.
        amount = _pendingScaled(tokenId, asset, account.perShare) / Accounts.SCALE;
        if (amount == 0) return 0;
        _debt[tokenId][asset] += amount * Accounts.SCALE;
        account.unclaimed -= uint128(amount);
    }

    function _pendingScaled(uint256 tokenId, address asset, uint256 perShare) private view returns (uint256) {
        if (_isFrozen[tokenId]) perShare = _frozen[tokenId][asset];
        return _tokens[tokenId].shareRatio * perShare - _debt[tokenId][asset];
    }
}
