#![doc = include_str!("../README.md")]

mod authority;
mod der;
mod evidence;
mod gpu;
mod intel;
mod key;
mod quote;
mod time;

pub use evidence::{Evidence, roots_json};
pub use gpu::{Gpu, NvidiaLike};
pub use intel::{CollateralTerms, IntelLike, Platform};
pub use quote::TrustedDomain;
