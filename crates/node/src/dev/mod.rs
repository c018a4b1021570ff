//! The development chain: blocks on a timer, with an L1 that exists only in its attributes.

mod attributes;
mod clock;
mod producer;
mod pseudo_l1;
#[cfg(debug_assertions)]
pub(crate) mod test_roots;
mod welcome;

pub use attributes::DevAttributes;
pub use producer::{BlockProducer, ProducerConfig};
pub use pseudo_l1::PseudoL1;
pub(crate) use welcome::{Welcome, print_welcome};
