// Words and hashes as contracts see them; hex without 0x.

import sha3 from "js-sha3";

export const keccak = (data) => sha3.keccak256(data);
export const word = (address) => address.replace(/^0x/, "").toLowerCase().padStart(64, "0");

const DOMAIN_FIELDS = {
  name: "string name",
  version: "string version",
  chainId: "uint256 chainId",
  verifyingContract: "address verifyingContract",
};

/// The type of an EIP-712 domain with these fields.
export const eip712DomainType = (fields) =>
  `EIP712Domain(${fields.map((field) => DOMAIN_FIELDS[field]).join(",")})`;
