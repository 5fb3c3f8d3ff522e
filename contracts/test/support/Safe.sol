// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Check} from "./Check.sol";

/// What these tests call of an account by Safe, version 1.4.1.
interface ISafe {
    function setup(
        address[] calldata owners,
        uint256 threshold,
        address to,
        bytes calldata data,
        address fallbackHandler,
        address paymentToken,
        uint256 payment,
        address paymentReceiver
    ) external;
    function domainSeparator() external view returns (bytes32);
    function nonce() external view returns (uint256);
    function getTransactionHash(
        address to,
        uint256 value,
        bytes calldata data,
        uint8 operation,
        uint256 safeTxGas,
        uint256 baseGas,
        uint256 gasPrice,
        address gasToken,
        address refundReceiver,
        uint256 nonce
    ) external view returns (bytes32);
    function execTransaction(
        address to,
        uint256 value,
        bytes calldata data,
        uint8 operation,
        uint256 safeTxGas,
        uint256 baseGas,
        uint256 gasPrice,
        address gasToken,
        address refundReceiver,
        bytes calldata signatures
    ) external payable returns (bool success);
}

interface ISafeFactory {
    function createProxyWithNonce(address singleton, bytes calldata initializer, uint256 salt)
        external
        returns (address proxy);
}

interface Code {
    function getCode(string calldata artifact) external view returns (bytes memory);
}

/// Accounts by Safe, out of the code that its package carries as it is on chains.
abstract contract Safes is Check {
    string private constant ARTIFACTS = "node_modules/@safe-global/safe-contracts/build/artifacts/contracts/";
    bytes32 private constant MESSAGE_TYPEHASH = keccak256("SafeMessage(bytes message)");

    /// An account of some owners, so many of whom have to sign.
    function safeOf(address[] memory owners, uint256 threshold) internal returns (ISafe) {
        address singleton = deployed("Safe.sol/Safe.json");
        address handler = deployed("handler/CompatibilityFallbackHandler.sol/CompatibilityFallbackHandler.json");
        ISafeFactory factory = ISafeFactory(deployed("proxies/SafeProxyFactory.sol/SafeProxyFactory.json"));
        bytes memory setup =
            abi.encodeCall(ISafe.setup, (owners, threshold, address(0), "", handler, address(0), 0, address(0)));
        return ISafe(factory.createProxyWithNonce(singleton, setup, 1));
    }

    function deployed(string memory artifact) private returns (address account) {
        bytes memory code = Code(address(vm)).getCode(string.concat(ARTIFACTS, artifact));
        assembly {
            account := create(0, add(code, 32), mload(code))
        }
        holds(account != address(0), artifact);
    }

    /// What owners sign so that the account has signed a hash (ERC-1271): the hash inside a message of the account's own domain.
    function messageHash(ISafe safe, bytes32 hash) internal view returns (bytes32) {
        bytes32 message = keccak256(abi.encode(MESSAGE_TYPEHASH, keccak256(abi.encode(hash))));
        return keccak256(abi.encodePacked(hex"1901", safe.domainSeparator(), message));
    }

    /// Signatures of some keys, in the order of their addresses, as the account wants them.
    function signedBy(uint256[] memory keys, bytes32 hash) internal pure returns (bytes memory signatures) {
        for (uint256 i = 1; i < keys.length; ++i) {
            for (uint256 j = i; j > 0 && vm.addr(keys[j - 1]) > vm.addr(keys[j]); --j) {
                (keys[j - 1], keys[j]) = (keys[j], keys[j - 1]);
            }
        }
        for (uint256 i = 0; i < keys.length; ++i) {
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[i], hash);
            signatures = abi.encodePacked(signatures, r, s, v);
        }
    }

    /// Has the account call something, with its owners' signatures.
    function execute(ISafe safe, uint256[] memory keys, address to, uint256 value, bytes memory data) internal {
        // In memory: the calls below fill the stack.
        Call memory c = Call(safe, to, value, data);
        run(c, signedBy(keys, hashOfCall(c, safe.nonce())));
    }

    struct Call {
        ISafe safe;
        address to;
        uint256 value;
        bytes data;
    }

    function hashOfCall(Call memory c, uint256 nonce) private view returns (bytes32) {
        return c.safe.getTransactionHash(c.to, c.value, c.data, 0, 0, 0, 0, address(0), address(0), nonce);
    }

    function run(Call memory c, bytes memory signatures) private {
        holds(c.safe.execTransaction(c.to, c.value, c.data, 0, 0, 0, 0, address(0), address(0), signatures), "call");
    }
}
