// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";

/// @title Transfers of an ERC-20 that their giver signed (ERC-3009)
/// @notice By the functions of the standard for signatures of keys; for those of contract accounts (ERC-1271) by the ones
/// with a signature of any length, which USDC has beside them.
library SignedTransfers {
    /// @notice What is signed: `TransferWithAuthorization` or `ReceiveWithAuthorization`.
    struct Transfer {
        address from;
        address to;
        uint256 value;
        uint256 validAfter;
        uint256 validBefore;
        bytes32 nonce;
    }

    bytes4 private constant SEND =
        bytes4(keccak256("transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)"));
    bytes4 private constant RECEIVE =
        bytes4(keccak256("receiveWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)"));

    /// @notice Makes a transfer to anybody.
    function send(address asset, Transfer memory t, bytes calldata signature) internal {
        _call(asset, IERC3009.transferWithAuthorization.selector, SEND, t, signature);
    }

    /// @notice Makes a transfer to this contract, which nobody else can make.
    function receive_(address asset, Transfer memory t, bytes calldata signature) internal {
        _call(asset, IERC3009.receiveWithAuthorization.selector, RECEIVE, t, signature);
    }

    function _call(address asset, bytes4 byKey, bytes4 byAccount, Transfer memory t, bytes calldata s) private {
        bytes memory data;
        if (s.length == 65 && t.from.code.length == 0) {
            data = abi.encodePacked(byKey, abi.encode(t), abi.encode(uint8(s[64]), bytes32(s[:32]), bytes32(s[32:64])));
        } else {
            // The signature's place, behind seven words; its length; and itself, to a whole word.
            bytes memory rest = new bytes((32 - s.length % 32) % 32);
            data = abi.encodePacked(byAccount, abi.encode(t), uint256(7 * 32), s.length, s, rest);
        }
        // slither-disable-next-line unused-return: neither function of the standard returns anything.
        Address.functionCall(asset, data);
    }
}
