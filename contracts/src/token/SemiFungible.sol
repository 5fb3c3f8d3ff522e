// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {IERC3525, IERC3525Receiver} from "../interfaces/IERC3525.sol";
import {RevenueShares} from "./RevenueShares.sol";

/// @title Quota: how it is used, and moved between the tokens of a class
/// @notice After ERC-8028 and, where both agree, ERC-3525: a class is a slot, a token's value its balance. Value moves,
/// shares never do. Values of tokens that have expired do not move.
abstract contract SemiFungible is RevenueShares, IERC3525 {
    using Strings for uint256;

    error AllowanceTooSmall(uint256 tokenId, address operator, uint256 available, uint256 needed);
    error DifferentClasses(uint256 fromTokenId, uint256 toTokenId);
    error Rejected(address receiver);
    error ValueTooSmall(uint256 tokenId, uint256 available, uint256 needed);

    event ApprovalForSlot(address indexed owner, uint256 indexed slot, address indexed operator, bool approved);

    /// By owner too, so that an allowance ends when its token is sold.
    mapping(uint256 tokenId => mapping(address owner => mapping(address operator => uint256))) private _allowances;

    /// @notice Takes quota off a token: by its owner or an operator of hers. `amount` is a hard limit of its value.
    function recordUsage(uint256 tokenId, bytes32 metricType, uint256 amount) external {
        _use(msg.sender, tokenId, metricType, amount);
    }

    /// @notice Moves quota between two tokens of a class; by the owner of the first or an operator of hers.
    function transferValue(uint256 fromTokenId, uint256 toTokenId, uint256 value) external {
        if (!_mayUse(msg.sender, fromTokenId, _token(fromTokenId))) revert NotAllowed(msg.sender);
        _move(fromTokenId, toTokenId, value);
    }

    function valueDecimals() external pure returns (uint8) {
        // Units are whole sessions or calls; what a class says of its unit is in `getClassMeta`.
        return 0;
    }

    function balanceOf(uint256 tokenId) external view returns (uint256) {
        return _token(tokenId).value;
    }

    function slotOf(uint256 tokenId) external view returns (uint256) {
        return _token(tokenId).classId;
    }

    /// @notice Lets somebody move that much of a token's value.
    function approve(uint256 tokenId, address operator, uint256 value) external payable {
        _refuseCoins();
        if (!_mayUse(msg.sender, tokenId, _token(tokenId))) revert NotAllowed(msg.sender);
        _allowances[tokenId][ownerOf(tokenId)][operator] = value;
        emit ApprovalValue(tokenId, operator, value);
    }

    function allowance(uint256 tokenId, address operator) external view returns (uint256) {
        return _allowances[tokenId][ownerOf(tokenId)][operator];
    }

    function setApprovalForSlot(address owner, uint256 slot, address operator, bool approved) external payable {
        _refuseCoins();
        if (msg.sender != owner && !isApprovedForAll(owner, msg.sender)) revert NotAllowed(msg.sender);
        _approveForClass(owner, slot, operator, approved);
        emit ApprovalForSlot(owner, slot, operator, approved);
    }

    function isApprovedForSlot(address owner, uint256 slot, address operator) external view returns (bool) {
        return isApprovedForClass(owner, slot, operator);
    }

    /// @notice Moves value between two tokens of a class.
    function transferFrom(uint256 fromTokenId, uint256 toTokenId, uint256 value) external payable nonReentrant {
        _refuseCoins();
        _spend(msg.sender, fromTokenId, value);
        _move(fromTokenId, toTokenId, value);
        _ask(fromTokenId, toTokenId, value);
    }

    /// @notice Moves value into a new token of the same class, without shares, that expires with the old one.
    function transferFrom(uint256 fromTokenId, address to, uint256 value)
        external
        payable
        nonReentrant
        returns (uint256 newTokenId)
    {
        _refuseCoins();
        _spend(msg.sender, fromTokenId, value);
        Token storage from = _token(fromTokenId);
        newTokenId = _mintToken(to, Token(from.classId, 0, 0, from.expireAt, 0));
        _move(fromTokenId, newTokenId, value);
        _ask(fromTokenId, newTokenId, value);
    }

    function contractURI() external view returns (string memory) {
        string memory json = string.concat(
            '{"name":"',
            name(),
            '","description":"Models of AI characters, and the right to use them","valueDecimals":"0"}'
        );
        return _json(json);
    }

    /// @notice Where the metadata of a class is.
    function slotURI(uint256 slot) external view returns (string memory) {
        return _class(slot).metadataURI;
    }

    function tokenURI(uint256 tokenId) public view override returns (string memory) {
        Token storage token = _token(tokenId);
        string memory json = string.concat(
            '{"name":"DAT ',
            tokenId.toString(),
            '","balance":"',
            uint256(token.value).toString(),
            '","slot":"',
            uint256(token.classId).toString(),
            '","properties":{"share":"',
            uint256(token.shareRatio).toString(),
            '","expireAt":"',
            uint256(token.expireAt).toString(),
            '"}}'
        );
        return _json(json);
    }

    /// Takes quota for somebody who may use it.
    function _use(address actor, uint256 tokenId, bytes32 metricType, uint256 amount) internal {
        Token storage token = _token(tokenId);
        if (!_mayUse(actor, tokenId, token)) revert NotAllowed(actor);
        _requireUsable(tokenId, token);
        if (amount > token.value) revert ValueTooSmall(tokenId, token.value, amount);
        token.value -= uint64(amount);
        emit UsageRecorded(tokenId, metricType, amount, actor);
        emit TransferValue(tokenId, 0, amount);
    }

    /// Mints a token. Neither a zero class, owner nor token id can come of it.
    function _mintToken(address to, Token memory token) internal returns (uint256 tokenId) {
        tokenId = ++tokenCount;
        _tokens[tokenId] = token;
        _mint(to, tokenId);
        // Those of a version are counted when it is minted.
        if (token.shareRatio != 0 && token.version == 0) _join(tokenId, token);
        emit Minted(tokenId, token.classId, to, token.value, token.shareRatio, token.expireAt);
        emit SlotChanged(tokenId, 0, token.classId);
        emit TransferValue(0, tokenId, token.value);
    }

    function _move(uint256 fromTokenId, uint256 toTokenId, uint256 value) private {
        Token storage from = _token(fromTokenId);
        Token storage to = _token(toTokenId);
        if (from.classId != to.classId) revert DifferentClasses(fromTokenId, toTokenId);
        _requireUsable(fromTokenId, from);
        _requireUsable(toTokenId, to);
        if (value == 0) revert OutOfRange("value", 0);
        if (value > from.value) revert ValueTooSmall(fromTokenId, from.value, value);
        from.value -= uint64(value);
        // Checked: all value of a class could be more than one token holds.
        to.value += uint64(value);
        emit ValueTransferred(fromTokenId, toTokenId, value);
        emit TransferValue(fromTokenId, toTokenId, value);
    }

    /// Who is not the owner, her operator or approved for the whole token needs an allowance, and uses it up.
    function _spend(address sender, uint256 tokenId, uint256 value) private {
        Token storage token = _token(tokenId);
        address owner = ownerOf(tokenId);
        if (_mayUse(sender, tokenId, token) || _isAuthorized(owner, sender, tokenId)) return;
        uint256 available = _allowances[tokenId][owner][sender];
        if (value > available) revert AllowanceTooSmall(tokenId, sender, available, value);
        _allowances[tokenId][owner][sender] = available - value;
    }

    /// A contract that knows ERC-3525 may refuse value; one that does not is not asked.
    function _ask(uint256 fromTokenId, uint256 toTokenId, uint256 value) private {
        address receiver = ownerOf(toTokenId);
        if (receiver.code.length == 0) return;
        try IERC3525Receiver(receiver).onERC3525Received(msg.sender, fromTokenId, toTokenId, value, "") returns (
            bytes4 answer
        ) {
            if (answer != IERC3525Receiver.onERC3525Received.selector) revert Rejected(receiver);
        } catch (bytes memory reason) {
            if (reason.length != 0) revert Rejected(receiver);
        }
    }

    /// ERC-3525 makes these functions payable; nothing here is paid for.
    function _refuseCoins() private view {
        if (msg.value != 0) revert OutOfRange("coins", msg.value);
    }

    function _json(string memory json) private pure returns (string memory) {
        return string.concat("data:application/json;base64,", Base64.encode(bytes(json)));
    }
}
