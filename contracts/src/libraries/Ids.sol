// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Signed} from "./Signed.sol";

/// @title How the market names things
/// @notice The same identifiers as the Rust SDK's. A domain-separated SHA-256 puts each part behind its length as
/// eight little-endian bytes, the domain first, so that no digest made for one purpose fits another.
library Ids {
    /// @notice The id of the market behind `parameters` on this chain.
    function ledger(uint256 chainId, address parameters) internal pure returns (bytes32) {
        return sha256(
            abi.encodePacked(
                _length(19), "lazai.ledger.evm.v1", _length(8), _littleEndian(uint64(chainId)), _length(20), parameters
            )
        );
    }

    /// @notice The id of a submission: of its ledger, its submitter and her number for it.
    function submission(bytes32 ledgerId, address submitter, uint64 nonce) internal pure returns (bytes32) {
        return sha256(
            abi.encodePacked(
                _length(19),
                "lazai.submission.v1",
                _length(32),
                ledgerId,
                _length(20),
                submitter,
                _length(8),
                _littleEndian(nonce)
            )
        );
    }

    /// @notice The digest of a public part, as validators attest it.
    function publicPart(bytes calldata content) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(_length(19), "lazai.pov.public.v1", _length(uint64(content.length)), content));
    }

    /// @notice The id of a session. It binds everything that was agreed, so only its money is kept in storage.
    function session(bytes32 ledgerId, address payer, uint64 nonce, address consumer, bytes32 offer)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(Signed.SESSION_TYPEHASH, ledgerId, payer, nonce, consumer, offer));
    }

    function _length(uint64 bytesCount) private pure returns (bytes8) {
        return _littleEndian(bytesCount);
    }

    function _littleEndian(uint64 v) private pure returns (bytes8) {
        v = ((v & 0xFF00FF00FF00FF00) >> 8) | ((v & 0x00FF00FF00FF00FF) << 8);
        v = ((v & 0xFFFF0000FFFF0000) >> 16) | ((v & 0x0000FFFF0000FFFF) << 16);
        return bytes8((v >> 32) | (v << 32));
    }
}
