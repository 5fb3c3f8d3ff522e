// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IClasses} from "../interfaces/IClasses.sol";
import {IERC8028} from "../interfaces/IERC8028.sol";
import {IVault} from "../interfaces/IVault.sol";
import {MarketParameters} from "../governance/MarketParameters.sol";

/// @title What classes and tokens are, and who may use them
abstract contract TokenBase is ERC721, IERC8028, IClasses, ReentrancyGuardTransient {
    error NotAllowed(address sender);
    error OutOfRange(string what, uint256 value);
    error TokenExpired(uint256 tokenId, uint64 expireAt);
    error UnknownClass(uint256 classId);
    error UnknownVersion(uint256 classId, uint32 version);

    struct Class {
        address owner;
        // Of a class without versions.
        uint64 totalShare;
        uint8 unitDecimals;
        // Born of a submission: its shares come from submissions alone, and each version has its own.
        bool anchored;
        bytes32 integrityHash;
        string metadataURI;
        string policyURI;
        // Share tokens that will expire, at most 64.
        uint256[] expiring;
    }

    struct Version {
        bytes32 integrityHash;
        bytes32 submission;
        // 0: gas, 1: quota, 2: either.
        uint8 payment;
        bool withdrawn;
        // The version that it comes after, as its contributors signed; 0 for the first. Two may come after one.
        uint32 afterVersion;
        // What that one keeps of its revenue, in basis points.
        uint16 keepBps;
        // Fixed when it was minted.
        uint64 totalShare;
    }

    struct Token {
        uint64 classId;
        uint64 value;
        uint64 shareRatio;
        uint40 expireAt;
        // The version that its shares are of; 0 without versions, or without shares.
        uint24 version;
    }

    MarketParameters public immutable parameters;
    /// @notice Where all of the market's money is.
    IVault public immutable settlement;

    uint256 public classCount;
    uint256 public tokenCount;

    mapping(uint256 classId => Class) internal _classes;
    mapping(uint256 classId => Version[]) internal _versions;
    mapping(uint256 tokenId => Token) internal _tokens;
    mapping(address owner => mapping(uint256 classId => mapping(address operator => bool))) private _classOperators;

    constructor(MarketParameters parameters_, IVault settlement_) ERC721("LazAI Data Anchoring Token", "DAT") {
        parameters = parameters_;
        settlement = settlement_;
    }

    function getClassMeta(uint256 classId)
        external
        view
        returns (string memory metadataURI, bytes32 integrityHash, uint8 unitDecimals, string memory policyURI)
    {
        Class storage class = _class(classId);
        return (class.metadataURI, class.integrityHash, class.unitDecimals, class.policyURI);
    }

    /// @notice Who made a class, or submitted the dataset that it is anchored to.
    function classOwner(uint256 classId) external view returns (address) {
        return _class(classId).owner;
    }

    /// @notice The sum of shares that are counted: of a version, or (version 0) of a class without versions.
    function totalShareOf(uint256 classId, uint32 version) external view returns (uint256) {
        return version == 0 ? _class(classId).totalShare : _version(classId, version).totalShare;
    }

    function versionOf(uint256 classId, uint32 version) external view returns (Version memory) {
        return _version(classId, version);
    }

    /// @inheritdoc IClasses
    function versionCount(uint256 classId) public view returns (uint256) {
        return _versions[classId].length;
    }

    /// @notice The version that a token's shares are of; 0 without versions, or without shares.
    function versionOfToken(uint256 tokenId) external view returns (uint32) {
        return _token(tokenId).version;
    }

    function classOf(uint256 tokenId) public view returns (uint256) {
        return _token(tokenId).classId;
    }

    function valueOf(uint256 tokenId) external view returns (uint256) {
        return _token(tokenId).value;
    }

    function shareRatioOf(uint256 tokenId) external view returns (uint256) {
        return _token(tokenId).shareRatio;
    }

    function expireAtOf(uint256 tokenId) external view returns (uint64) {
        return _token(tokenId).expireAt;
    }

    function ownerOf(uint256 tokenId) public view override(ERC721, IERC8028) returns (address) {
        return super.ownerOf(tokenId);
    }

    /// @notice Names or dismisses who may use the sender's quota in a class. Not who may transfer her tokens.
    function approveForClass(uint256 classId, address operator, bool approved) external {
        _approveForClass(msg.sender, classId, operator, approved);
    }

    function isApprovedForClass(address owner, uint256 classId, address operator) public view returns (bool) {
        return _classOperators[owner][classId][operator];
    }

    function _approveForClass(address owner, uint256 classId, address operator, bool approved) internal {
        _class(classId);
        _classOperators[owner][classId][operator] = approved;
        emit ApprovalForClass(owner, classId, operator, approved);
    }

    function _class(uint256 classId) internal view returns (Class storage class) {
        if (classId == 0 || classId > classCount) revert UnknownClass(classId);
        return _classes[classId];
    }

    function _version(uint256 classId, uint32 version) internal view returns (Version storage) {
        _class(classId);
        if (version == 0 || version > _versions[classId].length) revert UnknownVersion(classId, version);
        return _versions[classId][version - 1];
    }

    /// Token id 0 is never minted, so it is unknown too.
    function _token(uint256 tokenId) internal view returns (Token storage) {
        if (tokenId == 0 || tokenId > tokenCount) revert ERC721NonexistentToken(tokenId);
        return _tokens[tokenId];
    }

    function _hasExpired(Token storage token) internal view returns (bool) {
        return token.expireAt != 0 && block.timestamp > token.expireAt;
    }

    function _requireUsable(uint256 tokenId, Token storage token) internal view {
        if (_hasExpired(token)) revert TokenExpired(tokenId, token.expireAt);
    }

    /// Whether somebody may use a token's quota: its owner, or an operator of hers in the class.
    function _mayUse(address sender, uint256 tokenId, Token storage token) internal view returns (bool) {
        address owner = ownerOf(tokenId);
        return sender == owner || isApprovedForClass(owner, token.classId, sender);
    }
}
