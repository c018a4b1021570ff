// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// The EIP-712 domain of a predeploy. Nothing is cached: the code is the same on every chain.
abstract contract TypedData {
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    function domainSeparator() public view returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256(bytes(domainName())), keccak256("1"), block.chainid, address(this))
        );
    }

    function domainName() internal pure virtual returns (string memory);

    function typedDigest(bytes32 structHash) internal view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domainSeparator(), structHash));
    }
}
