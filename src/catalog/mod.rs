//! What is known of models: prices, quotas, limits, lifecycles. Facts are data in one file that users can override
//! (DESIGN §8); rules about ids and geographies are code.

mod facts;

pub use facts::{Lifecycle, ModelFacts, Thinking};
