//! Coded reports as a job uses them: an artifact with the digest by which specs, prompt versions and answer keys know it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, Weak};

use super::{Precedents, PrecedentsError};
use crate::core::identity::sha256_hex;

/// Digits of a digest that stand in a prompt version.
const SHOWN_DIGITS: usize = 8;

/// Artifacts that somebody of this process uses, by digest.
static IN_USE: Mutex<BTreeMap<String, Weak<Precedents>>> = Mutex::new(BTreeMap::new());

/// An artifact of `annexa corpus build`, read and known by its digest.
#[derive(Debug, Clone)]
pub struct CodedReports {
    precedents: Arc<Precedents>,
    sha256: Arc<str>,
}

impl CodedReports {
    /// Those that come with the program.
    ///
    /// # Errors
    /// The built-in artifact has another format than this program: it must be built again.
    pub fn builtin() -> Result<CodedReports, PrecedentsError> {
        static SHA256: OnceLock<Arc<str>> = OnceLock::new();
        let digest = || sha256_hex(Precedents::builtin_bytes()).into();
        Ok(CodedReports {
            precedents: Precedents::builtin()?,
            sha256: SHA256.get_or_init(digest).clone(),
        })
    }

    /// The artifact with this digest, if somebody of this process uses it.
    pub fn known(sha256: &str) -> Option<CodedReports> {
        let in_use = IN_USE.lock().expect("no panic while held");
        Some(CodedReports {
            precedents: in_use.get(sha256)?.upgrade()?,
            sha256: sha256.into(),
        })
    }

    /// Reads an artifact, once for all who use it at the same time.
    ///
    /// # Errors
    /// Not an artifact, another format, or damaged; never a panic.
    pub fn from_bytes(file: &[u8]) -> Result<CodedReports, PrecedentsError> {
        let sha256 = sha256_hex(file);
        if let Some(known) = CodedReports::known(&sha256) {
            return Ok(known);
        }
        let precedents = Arc::new(Precedents::from_bytes(file)?);
        let mut in_use = IN_USE.lock().expect("no panic while held");
        in_use.retain(|_, reports| reports.strong_count() > 0);
        in_use.insert(sha256.clone(), Arc::downgrade(&precedents));
        drop(in_use);
        Ok(CodedReports {
            precedents,
            sha256: sha256.into(),
        })
    }

    /// The reports and the model learnt from them.
    pub fn precedents(&self) -> &Arc<Precedents> {
        &self.precedents
    }

    /// SHA-256 of the artifact in hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The digits of it by which versions name it.
    pub fn short(&self) -> &str {
        &self.sha256[..SHOWN_DIGITS]
    }
}
