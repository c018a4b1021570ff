use alloy_primitives::{Address, address};

/// Contracts that tools expect at the same address on every chain. (CreateX is on other OP chains as
/// well; no package has it, and anybody can deploy it.)
pub(super) const PREINSTALLS: [(Address, &str); 13] = [
    (address!("0x000000000022D473030F116dDEE9F6B43aC78BA3"), "Permit2"),
    (address!("0x0000000071727De22E5E9d8BAf0edAc6f37da032"), "EntryPoint07"),
    (address!("0x13b0D85CcB8bf860b6b79AF3029fCA081AE9beF2"), "Create2Deployer"),
    (address!("0x4e59b44847b379578588920cA78FbF26c0B4956C"), "DeterministicDeploymentProxy"),
    (address!("0x5FF137D4b0FDCD49DcA30c7CF57E578a026d2789"), "EntryPoint06"),
    (address!("0x69f4D1788e39c87893C980c06EdF4b7f686e2938"), "Safe"),
    (address!("0x7fc98430eAEdbb6070B35B39D798725049088348"), "SenderCreator06"),
    (address!("0x914d7Fec6aaC8cd542e72Bca78B30650d45643d7"), "SafeSingletonFactory"),
    (address!("0x998739BFdAAdde7C933B942a68053933098f9EDa"), "MultiSend"),
    (address!("0xA1dabEF33b3B82c7814B6D82A79e50F4AC44102B"), "MultiSendCallOnly"),
    (address!("0xcA11bde05977b3631167028862bE2a173976CA11"), "Multicall3"),
    (address!("0xEFC2c1444eBCC4Db75e7613d20C6a62fF67A167C"), "SenderCreator07"),
    (address!("0xfb1bffC9d739B8D520DaF37dF666da4C687191EA"), "SafeL2"),
];
