//! What is known of models: prices, quotas, limits, lifecycles. Facts are data in one file that users can override
//! (DESIGN §8); rules about ids and geographies are code.

mod build;
mod check;
mod decimal;
mod entry;
mod facts;
mod fault;
mod file;
mod geography;
mod id;
mod lookup;
mod read;

pub use check::DefaultModel;
pub use facts::{Lifecycle, ModelFacts, PriceFactors, Thinking};
pub use fault::{CatalogError, Fault};
pub use geography::Geography;
pub use id::{ModelId, Route};
pub use lookup::{Catalog, Known};

#[cfg(test)]
mod tests;
