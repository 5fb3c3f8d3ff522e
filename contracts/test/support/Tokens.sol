// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// An honest ERC-20 with six decimals, moved by signatures too: EIP-2612, and ERC-3009 as USDC has it, with nonces in any
/// order and signatures of contract accounts (ERC-1271).
contract Dollar is ERC20("Dollar", "USD"), ERC20Permit("Dollar"), ERC3009 {
    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes memory signature
    ) external {
        bytes32 digest = _hashTypedDataV4(
            keccak256(abi.encode(TRANSFER_WITH_AUTHORIZATION_TYPEHASH, from, to, value, validAfter, validBefore, nonce))
        );
        require(SignatureChecker.isValidSignatureNow(from, digest, signature), ERC3009InvalidSignature());
        _transferWithAuthorization(from, to, value, validAfter, validBefore, nonce);
    }

    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes memory signature
    ) external {
        bytes32 digest = _hashTypedDataV4(
            keccak256(abi.encode(RECEIVE_WITH_AUTHORIZATION_TYPEHASH, from, to, value, validAfter, validBefore, nonce))
        );
        require(SignatureChecker.isValidSignatureNow(from, digest, signature), ERC3009InvalidSignature());
        require(to == msg.sender, ERC20InvalidReceiver(to));
        _transferWithAuthorization(from, to, value, validAfter, validBefore, nonce);
    }

    function give(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }
}

/// An ERC-20 that keeps one unit of each transfer.
contract FeeToken is ERC20("Fee", "FEE") {
    function give(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (from == address(0) || to == address(0)) return super._update(from, to, amount);
        super._update(from, to, amount - 1);
        super._update(from, address(0), 1);
    }
}

/// A contract account (ERC-1271) that accepts what its owner signed; or misbehaves.
contract SmartAccount {
    address public immutable owner;
    uint8 public mode;

    constructor(address owner_) {
        owner = owner_;
    }

    receive() external payable {}

    function misbehave(uint8 how) external {
        mode = how;
    }

    function call(address to, uint256 value, bytes calldata data) external returns (bytes memory) {
        (bool success, bytes memory answer) = to.call{value: value}(data);
        require(success, "inner call");
        return answer;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        if (mode == 1) while (true) {}
        if (mode == 2) {
            assembly {
                return(0, 1000000)
            }
        }
        if (mode == 3) revert("no");
        address found = ecrecover(digest, uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64]));
        return found == owner ? bytes4(0x1626ba7e) : bytes4(0);
    }

    function onERC3525Received(address, uint256, uint256, uint256, bytes calldata) external view returns (bytes4) {
        if (mode == 3) revert("no");
        return mode == 4 ? bytes4(0) : bytes4(0x009ce20b);
    }
}

/// Refuses coins.
contract Refusing {
    function withdraw(address settlement, uint256 amount) external {
        (bool success, bytes memory reason) = settlement.call(
            abi.encodeWithSignature("withdraw(address,address,uint256)", address(0), address(this), amount)
        );
        if (!success) {
            assembly {
                revert(add(reason, 32), mload(reason))
            }
        }
    }
}

/// Tries to be paid twice while it is being paid.
contract Reentrant {
    address public immutable settlement;
    uint256 public again;

    constructor(address settlement_) {
        settlement = settlement_;
    }

    function withdraw(uint256 amount) external {
        again = amount;
        _withdraw(amount);
    }

    receive() external payable {
        if (again != 0) _withdraw(again);
    }

    function _withdraw(uint256 amount) private {
        (bool success,) = settlement.call(
            abi.encodeWithSignature("withdraw(address,address,uint256)", address(0), address(this), amount)
        );
        require(success, "withdraw");
    }
}
