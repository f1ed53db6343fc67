//! The results in the forms that a spec asks for besides CSV, written in the same pass.

use csv::ByteRecord;

use super::super::AggregatorPorts;
use super::output::Output;
use crate::core::ids::JobId;
use crate::core::job::JobRecord;
use crate::ports::error::PortResult;
use crate::report::manifest::ManifestEntry;
use crate::results::ResultColumns;
use crate::results::formats::{About, FormatError, FormatWriter, MOST_ROWS, Notes};

/// All forms of a job. One that cannot be written is left out, and the job ends as it would without it: results.csv is what a
/// job is for. Whether a form can be written is a function of the rows alone, so everybody who finishes leaves out the same (I6).
pub(super) struct Forms {
    job_id: JobId,
    forms: Vec<Form>,
    dropped: Vec<String>,
}

struct Form {
    writer: FormatWriter,
    output: Output,
}

impl Forms {
    /// Begins `stem.parquet` and the like.
    pub(super) async fn begin(
        ports: &AggregatorPorts,
        job: &JobRecord,
        columns: &ResultColumns,
        stem: &str,
    ) -> PortResult<Forms> {
        let about = About::new(&job.job_id, &job.spec);
        let mut forms = Forms {
            job_id: job.job_id.clone(),
            forms: Vec::new(),
            dropped: Vec::new(),
        };
        for format in &job.spec.formats {
            let name = format!("{stem}{}", format.suffix());
            match FormatWriter::new(*format, columns, &about) {
                Ok(writer) => {
                    let output = Output::begin(ports, job, name, &[]).await?;
                    forms.forms.push(Form { writer, output });
                }
                Err(error) => left_out(&forms.job_id, &mut forms.dropped, name, &error),
            }
        }
        Ok(forms)
    }

    /// Adds a row to each.
    pub(super) fn row(&mut self, record: &ByteRecord) {
        let (job_id, dropped) = (&self.job_id, &mut self.dropped);
        self.forms.retain_mut(|form| match form.writer.row(record) {
            Ok(()) => true,
            Err(error) => {
                left_out(job_id, dropped, form.output.name().to_string(), &error);
                false
            }
        });
    }

    /// Writes what has come to be.
    pub(super) async fn flush_if_full(&mut self) -> PortResult<()> {
        for Form { writer, output } in &mut self.forms {
            output.add(&writer.take());
            output.flush_if_full().await?;
        }
        Ok(())
    }

    /// Their entries in the manifest, and the names of those that could not be written.
    pub(super) async fn complete(mut self) -> PortResult<(Vec<ManifestEntry>, Vec<String>)> {
        let mut entries = Vec::new();
        for Form { writer, mut output } in self.forms {
            match writer.finish() {
                Ok((bytes, notes)) => {
                    output.add(&bytes);
                    let entry = output.complete().await?;
                    warn(&entry.name, notes);
                    entries.push(entry);
                }
                Err(error) => {
                    let name = output.name().to_string();
                    left_out(&self.job_id, &mut self.dropped, name, &error);
                }
            }
        }
        Ok((entries, self.dropped))
    }
}

fn left_out(job_id: &JobId, dropped: &mut Vec<String>, name: String, error: &FormatError) {
    tracing::error!(
        job = %job_id, name, %error,
        "left out: this form of the results cannot be written; results.csv is not touched by it, annexa export tries again"
    );
    dropped.push(name);
}

fn warn(name: &str, notes: Notes) {
    let is_for_spreadsheets = name.ends_with(".csv");
    if is_for_spreadsheets && (notes.cut_cells > 0 || notes.rows >= MOST_ROWS) {
        let (rows, cut_cells) = (notes.rows, notes.cut_cells);
        tracing::warn!(name, rows, cut_cells, "more than a spreadsheet holds");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::adapters::embedded::EmbeddedLedger;
    use crate::adapters::memory::blobs::MemoryBlobs;
    use crate::adapters::memory::chaos::Chaos;
    use crate::adapters::memory::clock::SimClock;
    use crate::adapters::memory::ledger::MemoryStore;
    use crate::adapters::memory::model::{MemoryModel, OneModel, PaidLog};
    use crate::adapters::memory::queue::{MemoryQueue, QueueSetup};
    use crate::core::chunk::ChunkLimits;
    use crate::core::format::Format;
    use crate::core::outcome::Outcome;
    use crate::core::{files, identity};
    use crate::ports::{Clock, Ledger, signals};
    use crate::results::{ChunkWriter, ResultRow};
    use crate::terms::TermTable;

    use super::super::before;

    /// A place in memory, and a job there that wants all forms.
    async fn place() -> (AggregatorPorts, JobRecord) {
        let clock: Arc<dyn Clock> = Arc::new(SimClock::new(1));
        let chaos = Chaos::none(clock.clone());
        let spec = crate::core::spec::JobSpec {
            output_bucket: "output".into(),
            formats: Format::ALL.into(),
            ..identity::tests::spec()
        };
        let job_id = identity::job_id(&spec);
        let ledger = EmbeddedLedger::new(
            MemoryStore::default(),
            clock.clone(),
            ChunkLimits::default(),
        );
        ledger.create_job(&job_id, &spec).await.unwrap();
        let job = ledger.job(&job_id).await.unwrap().unwrap();
        let setup = QueueSetup {
            visibility: std::time::Duration::from_secs(30),
            max_receives: 3,
        };
        let queue = || Arc::new(MemoryQueue::new(clock.clone(), chaos.clone(), setup));
        let model = MemoryModel::new(
            "memory",
            TermTable::builtin(),
            chaos.clone(),
            PaidLog::default(),
        );
        let ports = AggregatorPorts {
            ledger: Arc::new(ledger),
            blobs: Arc::new(MemoryBlobs::new(chaos.clone())),
            models: Arc::new(OneModel(Arc::new(model))),
            chunks: queue(),
            done: queue(),
            shutdown: signals::shutdown().1,
            clock: clock.clone(),
        };
        (ports, job)
    }

    /// Three rows; `cost` stands in the second one's cost_usd.
    fn rows(columns: &ResultColumns, cost: &str) -> Vec<ByteRecord> {
        let terms = TermTable::builtin();
        let mut writer = ChunkWriter::new(columns, &terms, "m", "1");
        for row in 1..=3 {
            let fields = [format!("i{row}"), "text".to_string()];
            writer.write(&fields, &ResultRow::new(row, Outcome::Empty));
        }
        let csv = writer.finish().0;
        let records = csv::Reader::from_reader(&csv[..]).into_byte_records();
        let mut records: Vec<ByteRecord> = records.map(Result::unwrap).collect();
        let at = columns.own("cost_usd").unwrap();
        let second = &records[1];
        records[1] = (0..second.len())
            .map(|own| {
                if own == at {
                    cost.as_bytes()
                } else {
                    &second[own]
                }
            })
            .collect();
        records
    }

    async fn written(cost: &str) -> (Vec<ManifestEntry>, Vec<String>, Vec<String>) {
        let (ports, job) = place().await;
        let input = ["id", "mdr_text"].map(String::from);
        let columns = ResultColumns::of_job(&input, &job.spec);
        let mut forms = Forms::begin(&ports, &job, &columns, "results")
            .await
            .unwrap();
        for record in rows(&columns, cost) {
            forms.row(&record);
            forms.flush_if_full().await.unwrap();
        }
        let (entries, dropped) = forms.complete().await.unwrap();
        let keys = ports.blobs.list("output", &job.spec.output("").key).await;
        (entries, dropped, keys.unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_form_that_cannot_be_written_is_left_out_and_the_others_are_whole() {
        let (entries, dropped, keys) = written("0.000000001").await;
        assert_eq!((entries.len(), dropped.len(), keys.len()), (3, 0, 3));
        let (entries, dropped, keys) = written("much").await;
        let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["results.spreadsheet.csv"]);
        assert_eq!(dropped, ["results.parquet", "results.jsonl"]);
        assert_eq!(keys.len(), 1, "nothing is left of the others: {keys:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn i6_whoever_finishes_leaves_out_the_same() {
        assert_eq!(written("much").await, written("much").await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_form_of_the_pass_before_goes_when_it_cannot_be_written_again() {
        let (ports, mut job) = place().await;
        job.generation = 1;
        for name in files::outputs() {
            let put = ports.blobs.put(&job.spec.output(&name), b"old", true).await;
            put.unwrap();
        }
        let dropped = ["results.jsonl".to_string()];
        before::remove_outdated(&ports, &job, &dropped)
            .await
            .unwrap();
        for name in files::outputs() {
            let head = ports.blobs.head(&job.spec.output(&name)).await.unwrap();
            let is_outdated = name.contains(".partial") || name == "results.jsonl";
            assert_eq!(head.is_none(), is_outdated, "{name}");
        }
    }
}
