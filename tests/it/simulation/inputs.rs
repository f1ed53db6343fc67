//! Inputs of a simulated job, and what an undisturbed run makes of them.

use annexa::adapters::memory::model::{INSUFFICIENT, MemoryModel};
use annexa::core::problem::Problem;
use annexa::ports::Clock;
use annexa::terms::TermTable;

/// A worker that is given this word dies.
pub const DEADLY: &str = "DEADLY";

/// A row and what must come out of it.
#[derive(Debug, Clone)]
pub struct Expected {
    pub id: String,
    /// Outcome and codes of an undisturbed run.
    pub outcome: &'static str,
    pub product: String,
    pub patient: String,
    pub is_deadly: bool,
}

/// A CSV and what must come out of it.
pub struct Input {
    pub csv: Vec<u8>,
    pub rows: Vec<Expected>,
}

/// Makes a file of up to 150 rows. Texts repeat within a chunk only: two workers that meet a text at the same moment may
/// both pay for it (I8 allows that), and here every repeat shall have to be accounted for.
pub fn make(clock: &dyn Clock, terms: &TermTable, chunk_rows: u32, deadly_rows: u64) -> Input {
    let count = clock.random() % 150 + u64::from(!clock.random().is_multiple_of(8));
    let deadly: Vec<u64> = (0..deadly_rows)
        .map(|_| clock.random() % count.max(1))
        .collect();
    let mut csv = b"id,mdr_text,event_type\n".to_vec();
    let mut rows: Vec<Expected> = Vec::new();
    let mut texts: Vec<String> = Vec::new();
    for row in 0..count {
        let id = if clock.random().is_multiple_of(20) {
            "same".to_string()
        } else {
            format!("r{row}")
        };
        let is_chunk_start = row % u64::from(chunk_rows) == 0;
        let is_deadly = deadly.contains(&row);
        let text = match clock.random() % 12 {
            _ if is_deadly => format!("THE PUMP IS {DEADLY} IN CASE {row}."),
            0 => String::new(),
            1 => format!("{INSUFFICIENT} REPORT NUMBER {row}."),
            2..=3 if !is_chunk_start && !texts[row as usize - 1].contains(DEADLY) => {
                texts[row as usize - 1].clone()
            }
            _ => format!("THE CATHETER, \"NUMBER {row}\",\nBROKE."),
        };
        let quoted = text.replace('"', "\"\"");
        csv.extend_from_slice(format!("{id},\"{quoted}\",Injury\n").as_bytes());
        let code = |problem| match text.contains(INSUFFICIENT) || text.is_empty() {
            true => String::new(),
            false => MemoryModel::code_for(terms, problem, &text),
        };
        let outcome = match () {
            () if text.is_empty() => "empty",
            () if text.contains(INSUFFICIENT) => "insufficient",
            () => "coded",
        };
        rows.push(Expected {
            id,
            outcome,
            product: code(Problem::Product),
            patient: code(Problem::Patient),
            is_deadly,
        });
        texts.push(text);
    }
    Input { csv, rows }
}
