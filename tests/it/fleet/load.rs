//! What tests of a disturbed fleet share: its job, its services, and the same job where nobody disturbs anything.

use annexa::adapters::sim_bedrock::Settings;
use serde_json::json;

use super::place::{FleetPlace, ROLES};
use super::walk::{ROWS, reports};
use crate::bedrock::place::Rehearsal;
use crate::cli::harness::Results;

/// Rows of a chunk of the job.
pub const CHUNK_ROWS: usize = 20;
/// Its chunks.
pub const CHUNKS: usize = ROWS / CHUNK_ROWS;

/// Real reports whose texts all differ, so that a text that is paid for twice shows.
fn input() -> Vec<u8> {
    reports(|number, text| format!("{text} (REPORT {number})"))
}

/// Drops the job into the inbox.
pub fn drop_job(fleet: &FleetPlace) {
    let sidecar = json!({"problem_type": "both", "chunk_rows": CHUNK_ROWS});
    fleet.drop_in("inbox/in.csv.json", sidecar.to_string());
    fleet.drop_in("inbox/in.csv", input());
}

/// The roles of a fleet with so many workers.
pub fn roles(workers: usize) -> impl Iterator<Item = &'static str> {
    let [splitter, worker, aggregator] = ROLES;
    [splitter, aggregator]
        .into_iter()
        .chain(std::iter::repeat_n(worker, workers))
}

/// The results are those of the same model and spec on one machine, where nobody disturbs anything and no fault is met.
pub fn assert_as_calm(results: &Results) {
    let calm = Rehearsal::new(Settings::default());
    calm.place.write("in.csv", input());
    let ran = calm.run(&["--problem", "both"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    results.assert_equal(&calm.place.results("in-annexa"));
}

/// How often a text was paid for that had been paid for before. Each was asked.
pub fn texts_paid_again(fleet: &FleetPlace) -> u64 {
    let texts = fleet.stats().texts.expect("the simulator keeps texts");
    assert_eq!(texts.len(), ROWS, "each text was asked");
    texts.values().map(|times| times - 1).sum()
}
