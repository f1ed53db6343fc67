//! What goes wrong on purpose: one table of faults, and how a text asks for one.

/// A text with this and a fault's name behind it always gets that fault; case does not count.
pub const MARKER: &str = "ANNEXA-SIM-FAULT:";

/// The name that stands for every fault that does not end a job.
pub const ALL: &str = "all";

/// How far a call gets before the fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before the quota: nothing is taken, nothing is paid.
    Before,
    /// The quota's reservation is taken and comes back whole; nothing is paid.
    Reserved,
    /// The answer is made, settled and paid.
    Paid,
}

impl Stage {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Before => "before",
            Stage::Reserved => "reserved",
            Stage::Paid => "paid",
        }
    }
}

/// What a fault puts an end to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Nothing: asked again, the call may succeed.
    Nothing,
    /// The row that it is about.
    Row,
    /// The job: no call of it can succeed.
    Job,
}

impl Ends {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Ends::Nothing => "-",
            Ends::Row => "row",
            Ends::Job => "job",
        }
    }
}

/// A fault with all that is known of it.
#[derive(Debug, Clone, Copy)]
pub struct FaultRow {
    /// The fault.
    pub fault: Fault,
    /// Its name in flags, in `/control` and behind [`MARKER`].
    pub name: &'static str,
    /// How far the call gets.
    pub stage: Stage,
    /// What it ends.
    pub ends: Ends,
    /// What the client sees.
    pub what: &'static str,
}

/// Makes [`Fault`] and [`FAULTS`] of one table: variant, name, how far the call gets, what it ends, what the client sees.
macro_rules! faults {
    ($($fault:ident $name:literal $stage:ident $ends:ident $what:literal;)*) => {
        /// One fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault {
            $(#[doc = concat!("`", $name, "`: ", $what, ".")] $fault,)*
        }

        /// All faults, in the order of [`Fault`].
        pub static FAULTS: &[FaultRow] = &[$(FaultRow {
            fault: Fault::$fault,
            name: $name,
            stage: Stage::$stage,
            ends: Ends::$ends,
            what: $what,
        },)*];
    };
}

faults! {
    ThrottlingTokens   "throttling_tokens"    Before   Nothing "429 ThrottlingException, too many tokens";
    ThrottlingRequests "throttling_requests"  Before   Nothing "429 ThrottlingException, too many requests";
    NotReady           "not_ready"            Before   Nothing "429 ModelNotReadyException";
    Codeless429        "codeless_429"         Before   Nothing "429 with a page in HTML and no error code";
    Overloaded         "overloaded"           Before   Nothing "529 without an error code";
    Unavailable        "unavailable"          Before   Nothing "503 ServiceUnavailableException";
    DropBefore         "drop_before"          Before   Nothing "the connection closes before any answer";
    TooLong            "too_long"             Before   Row     "400 ValidationException, the input is too long";
    AccessDenied       "access_denied"        Before   Job     "403 AccessDeniedException";
    NotFound           "not_found"            Before   Job     "404 ResourceNotFoundException, no such model";
    EndOfLife          "end_of_life"          Before   Job     "404 ResourceNotFoundException, the model's end of life";
    Validation         "validation"           Before   Job     "400 ValidationException, the model id is invalid";
    DailyQuota         "daily_quota"          Before   Job     "429 ThrottlingException, too many tokens per day";
    Internal           "internal"             Reserved Nothing "500 InternalServerException";
    ModelTimeout       "model_timeout"        Reserved Nothing "408 ModelTimeoutException";
    ModelError         "model_error"          Reserved Nothing "424 ModelErrorException";
    Stall              "stall"                Paid     Nothing "nothing comes for the time of --stall-ms, then the answer";
    DropAfter          "drop_after"           Paid     Nothing "the connection closes instead of the answer";
    Truncate           "truncate"             Paid     Nothing "the connection closes halfway through the answer's body";
    Prose              "prose"                Paid     Nothing "text in place of the tool call, stop reason end_turn";
    Refusal            "refusal"              Paid     Nothing "no content, stop reason refusal";
    MalformedToolUse   "malformed_tool_use"   Paid     Nothing "no content, stop reason malformed_tool_use";
    Cut                "cut"                  Paid     Nothing "half of the reports, stop reason max_tokens though not reached";
    MissingIncident    "missing_incident"     Paid     Nothing "a report has no entry";
    DoubledIncident    "doubled_incident"     Paid     Nothing "a report has two entries";
    WrongIndex         "wrong_index"          Paid     Nothing "an entry's index belongs to no report";
    InventedCode       "invented_code"        Paid     Nothing "a code that no table has";
    HeadingCode        "heading_code"         Paid     Nothing "a heading's or retired code, which may not be chosen";
    TermForCode        "term_for_code"        Paid     Nothing "a term's wording in place of its code";
    SwappedAnnex       "swapped_annex"        Paid     Nothing "a product code for the patient, or the other way round";
    BadConfidence      "bad_confidence"       Paid     Nothing "a confidence above 1";
    EvidenceNotInText  "evidence_not_in_text" Paid     Nothing "a quotation that does not stand in the report";
}

impl Fault {
    /// All that is known of it.
    pub fn row(self) -> &'static FaultRow {
        &FAULTS[self as usize]
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The fault of that name; case does not count.
    pub fn from_name(name: &str) -> Option<Fault> {
        let is_it = |row: &&FaultRow| row.name.eq_ignore_ascii_case(name);
        FAULTS.iter().find(is_it).map(|row| row.fault)
    }

    /// The fault that `text` asks for by [`MARKER`].
    ///
    /// # Errors
    /// The marker is there and no fault's name behind it.
    pub fn asked_for(text: &str) -> Result<Option<Fault>, UnknownFault> {
        let found = text
            .as_bytes()
            .windows(MARKER.len())
            .position(|window| window.eq_ignore_ascii_case(MARKER.as_bytes()));
        let Some(at) = found else {
            return Ok(None);
        };
        // The marker is ASCII, so its end is a boundary of characters.
        let name: String = text[at + MARKER.len()..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        Fault::from_name(&name).map(Some).ok_or(UnknownFault)
    }
}

/// A text asks for a fault that does not exist. It does not say which: that would be report text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownFault;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found_by_its_name_and_by_its_row() {
        for row in FAULTS {
            assert_eq!(row.fault.row().name, row.name);
            assert_eq!(Fault::from_name(row.name), Some(row.fault));
            let text = format!("THE PUMP STOPPED. annexa-sim-fault:{}. é", row.name);
            assert_eq!(
                Fault::asked_for(&text.to_uppercase()),
                Ok(Some(row.fault)),
                "{text}"
            );
        }
        assert_eq!(Fault::asked_for("THE PUMP STOPPED é"), Ok(None));
        let unknown = "ANNEXA-SIM-FAULT:NOSUCH é";
        assert_eq!(Fault::asked_for(unknown), Err(UnknownFault));
    }
}
