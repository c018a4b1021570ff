use std::borrow::Cow;
#[cfg(debug_assertions)]
use std::sync::OnceLock;

/// The certificates with which every chain has to end, as DER.
///
/// A release build has one set, the pinned one. A build with debug assertions, which is what
/// tests and the development chain run, can put others in force before the first use: evidence
/// of real hardware cannot be bound to a chain of ours, evidence made in a test can. Nothing but
/// that function makes another set, and it is not compiled into a release
/// (`tests/workspace/test_roots.rs`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    intel: Cow<'static, [u8]>,
    nvidia: Cow<'static, [u8]>,
}

static PINNED: Roots = Roots {
    intel: Cow::Borrowed(include_bytes!("../roots/intel_sgx_root_ca.der")),
    nvidia: Cow::Borrowed(include_bytes!("../roots/nvidia_device_identity_ca.der")),
};

/// Fixed at its first reading: no two answers of a process are given under different roots, so
/// results may be kept by input alone.
#[cfg(debug_assertions)]
static IN_FORCE: OnceLock<Roots> = OnceLock::new();

impl Roots {
    /// Intel SGX Root CA, valid to 2049-12-31, and NVIDIA Device Identity CA.
    pub fn pinned() -> &'static Self {
        &PINNED
    }

    /// The set under which this process verifies.
    #[cfg(not(debug_assertions))]
    pub fn in_force() -> &'static Self {
        Self::pinned()
    }

    /// The set under which this process verifies.
    #[cfg(debug_assertions)]
    pub fn in_force() -> &'static Self {
        IN_FORCE.get_or_init(|| Self::pinned().clone())
    }

    /// What ends a chain of Intel's.
    pub fn intel(&self) -> &[u8] {
        &self.intel
    }

    /// What ends a chain of NVIDIA's.
    pub fn nvidia(&self) -> &[u8] {
        &self.nvidia
    }
}

#[cfg(debug_assertions)]
impl Roots {
    /// A set of a test's own making. Certificates that are none refuse all evidence.
    pub const fn for_tests(intel: Vec<u8>, nvidia: Vec<u8>) -> Self {
        Self { intel: Cow::Owned(intel), nvidia: Cow::Owned(nvidia) }
    }

    /// Makes this the set of the process, or gives it back if one is in force already.
    pub fn put_in_force(self) -> Result<(), Self> {
        IN_FORCE.set(self)
    }
}
